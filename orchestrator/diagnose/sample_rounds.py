"""Sample pictures as rules look at them: rounds over training, each picture against its own prompt and seed before training."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.diagnose.facts import setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.observation import Sample, SamplePixels
    from orchestrator.diagnose.rule import Case

SAMPLES = "sample pictures"
NO_SAMPLES = Text("No sample pictures were drawn, or none could be read.", "没有样图，或样图无法读取。")
NO_FIRST = Text(
    "No sample was drawn before training, so there is nothing to compare with.", "训练前没有生成样图，无从比较。"
)
NO_LATER = Text(
    "No samples were drawn after training began, so there is nothing to compare.",
    "训练开始后没有再生成样图，无从比较。",
)
LONGER = Text("A run that reaches its next round of samples.", "训练到下一轮样图。")
_ENABLE_FIRST = Text("`sample.sample_at_first: true`.", "设置 `sample.sample_at_first: true`。")
_DRAWN = Text(
    "Samples of the run that can be read: the recipe asks for them already.", "可读取的样图：配方已要求生成样图。"
)


def samples_needed(case: Case) -> Text:
    """Return what a rule needs that found no samples: only what is missing is asked for."""
    has_prompts, has_first = case.plan is not None and bool(case.plan.prompts), setting(case, "sample_at_first") is True
    if has_prompts:
        return _DRAWN if has_first else _ENABLE_FIRST
    return Text(
        "Prompts in `sample.prompts`, several of them with different seeds, and `sample.sample_at_first: true`.",
        "在 `sample.prompts` 中写入提示词（同一提示词用多个种子），并设置 `sample.sample_at_first: true`。",
    )


def first_needed(case: Case) -> Text:
    """Return what a rule needs that found no samples of the base model."""
    return _DRAWN if setting(case, "sample_at_first") is True else _ENABLE_FIRST


@dataclass(frozen=True, slots=True)
class Round:
    """The samples of one moment; keys are (prompt, seed, place in the prompt file)."""

    step: int
    pictures: Mapping[tuple[str, int | None, int], SamplePixels]


def rounds(case: Case) -> tuple[Round, ...]:
    """Return the rounds of readable samples in order of steps; samples of unknown step left out."""
    seen = case.observations
    if seen is None:
        return ()
    looked_at = {one.path: one for one in seen.sample_reading.pixels}
    found: dict[int, dict[tuple[str, int | None, int], SamplePixels]] = {}
    for sample in seen.samples:
        if sample.step is not None and sample.path in looked_at:
            found.setdefault(sample.step, {})[_key(case, sample)] = looked_at[sample.path]
    return tuple(Round(step, found[step]) for step in sorted(found))


def _key(case: Case, sample: Sample) -> tuple[str, int | None, int]:
    """Return what a sample was drawn from; prompt and seed from the plan where the file does not say."""
    planned = case.plan.prompts if case.plan is not None else ()
    known = planned[sample.prompt_index] if sample.prompt_index < len(planned) else None
    prompt = sample.prompt or (known.prompt if known is not None else "")
    seed = sample.seed if sample.seed is not None else (known.seed if known is not None else None)
    return prompt, seed, sample.prompt_index


def subject_words(case: Case) -> tuple[str, ...]:
    """Return the trigger and the words of the subject's class, in lower case; empty where no trigger is known.

    A prompt that holds any of them is about the subject.
    """
    called = case.plan.trigger if case.plan is not None else None
    tokens: list[str | None] = [subset.class_tokens for subset in case.plan.subsets] if case.plan is not None else []
    if case.recipe is not None:
        called = called or case.recipe.subject.trigger
        tokens.append(case.recipe.subject.class_tokens)
    if not called:
        return ()
    words = {word for text in tokens if text for word in re.findall(r"\w{3,}", text.lower())}
    return (called.lower(), *sorted(words - {called.lower()}))


def layout_distance(first: SamplePixels, second: SamplePixels) -> float:
    """Return the root mean square difference of two colour layouts, 0 ... 255."""
    squares = sum((a - b) ** 2 for a, b in zip(first.layout, second.layout, strict=True))
    return math.sqrt(squares / len(first.layout))


def mean_distance(pictures: Sequence[SamplePixels]) -> float:
    """Return the mean layout distance over all pairs; NaN for fewer than two."""
    pairs = [layout_distance(a, b) for i, a in enumerate(pictures) for b in pictures[i + 1 :]]
    return math.fsum(pairs) / len(pairs) if pairs else math.nan
