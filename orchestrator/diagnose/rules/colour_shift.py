"""Samples drift in colour or burn out.

## What it looks for

Samples with far more clipped colours than before training and than the training pictures have, and samples of unrelated prompts that move
away in colour from round to round.

## Why it matters

Prompts that name neither the trigger nor the subject should still look like the base model. Where they take on the training pictures'
colours, or everything burns out, the LoRA changes what it was not asked for.

## How we tell

Burnt: the mean share of clipped values in the last round is 15 percentage points above both the round before training and the training
pictures. Drift: prompts without trigger and class words against the same prompt and seed before training: saturation (mean, 95th
percentile), clipped share, brightness and its histogram. It fires where the mean change is above three times the spread of the samples
before training and grew by a tenth or more over the last three rounds. How far the colour layout moved is told, too.

## What to change

Use an earlier checkpoint. Next time a lower learning rate where it burnt, else more varied backgrounds and light or fewer steps.

## When it is wrong

A style is meant to change colours, so it is not judged. Two or three samples are few: compare the pictures yourself.

## Sources

Practitioners' courses call the drift of colours the visible sign of overfitting. That is only half true: in a sound run of the small
trainer an unrelated prompt drifted by eight spreads and came to rest, as far as in one with a learning rate 15 times too high. The clipped
share told them apart: 0.02 and 0.36. Not calibrated on full-size models: low confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, stdev
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, kind, significant
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.sample_rounds import (
    NO_FIRST,
    NO_SAMPLES,
    SAMPLES,
    first_needed,
    layout_distance,
    rounds,
    samples_needed,
    subject_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.core.observation import SamplePixels
    from orchestrator.diagnose.sample_rounds import Round

LEAST_ROUNDS = 3
LEAST_FIRST = 3
"""Samples before training: fewer have no spread."""
SPREADS = 3.0
GROWTH = 1.1
"""Last round over the third last: what came to rest does not grow by a tenth."""
BURNT = 0.15
"""Clipped share above both the base model's and the training pictures'."""
LEAST_SPREAD = 0.02
"""Of a share 0 ... 1: flat samples before training do not make every change a large one."""

SAYS = Says("R062", "colour-shift")


@dataclass(frozen=True, slots=True)
class _Drift:
    what: Text
    shifts: tuple[float, ...]
    """Per round after the first."""
    spread: float

    @property
    def ratio(self) -> float:
        return abs(self.shifts[-1]) / self.spread

    @property
    def has_grown(self) -> bool:
        """Whether it went one way over the last rounds and did not come to rest."""
        late = self.shifts[-LEAST_ROUNDS:]
        is_one_way = all(s >= 0 for s in late) or all(s <= 0 for s in late)
        return is_one_way and all(abs(a) <= abs(b) for a, b in pairwise(late)) and abs(late[-1]) > GROWTH * abs(late[0])


def check(case: Case) -> Iterator[Finding]:
    """Look for burnt samples, then follow the colours of unrelated prompts."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    if kind(case) == "style":
        yield SAYS.not_applicable(Text("A style is meant to change colours.", "画风本就要改变颜色。"))
        return
    seen = rounds(case)
    if not seen:
        yield SAYS.inconclusive(NO_SAMPLES, samples_needed(case))
        return
    if seen[0].step != 0:
        yield SAYS.inconclusive(NO_FIRST, first_needed(case))
        return
    later = [one for one in seen if one.step > 0]
    burnt = _burnt(case, seen[0], later[-1]) if later else None
    if burnt is not None:
        yield burnt
        return
    words = subject_words(case)
    plain = [key for key in seen[0].pictures if words and key[0] and not any(w in key[0].lower() for w in words)]
    kept = [key for key in plain if all(key in one.pictures for one in later)]
    if not kept or len(later) < LEAST_ROUNDS or len(seen[0].pictures) < LEAST_FIRST:
        yield SAYS.inconclusive(
            Text("Too few samples of unrelated prompts to see a drift.", "无关提示词的样图太少，看不出漂移。"),
            Text(
                f"At least {LEAST_FIRST} prompts, one of them naming neither trigger nor subject, and {LEAST_ROUNDS} rounds after the first.",
                f"至少 {LEAST_FIRST} 条提示词，其中一条既不含触发词也不提主题，且首轮之后至少 {LEAST_ROUNDS} 轮样图。",
            ),
        )
        return
    yield _judge(_drifts(seen[0], later, kept), _layout_shift(seen[0], later[-1], kept), len(kept))


def _burnt(case: Case, first: Round, last: Round) -> Finding | None:
    """Return the finding that the last round is burnt out; None where it is not."""
    base = _mean([picture.clipped for picture in first.pictures.values()])
    now = _mean([picture.clipped for picture in last.pictures.values()])
    trained = case.observations.sample_reading.usual_clipped if case.observations is not None else None
    limit = max(base, trained or 0.0) + BURNT
    if now <= limit:
        return None
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"Samples are burnt: {now:.0%} of their colour values are clipped, {base:.0%} before training.",
            f"样图「烧」了：{now:.0%} 的颜色值溢出，训练前为 {base:.0%}。",
        ),
        why=Text("Most often the learning rate is too high.", "多数情况是学习率过高。"),
        evidence=[
            Evidence(
                Text("clipped share in the last round", "最后一轮的溢出比例"),
                significant(now),
                significant(limit),
                SAMPLES,
            ),
            Evidence(Text("before training", "训练前"), significant(base), None, SAMPLES),
            Evidence(
                Text("training pictures", "训练图片"), None if trained is None else significant(trained), None, SAMPLES
            ),
        ],
        fix=Fix(
            Text(
                "Use an earlier checkpoint, and next time a lower learning rate.", "使用更早的检查点，下次降低学习率。"
            )
        ),
    )


def _drifts(first: Round, later: Sequence[Round], kept: Sequence[tuple[str, int | None, int]]) -> list[_Drift]:
    numbers: Mapping[Text, Callable[[SamplePixels], float]] = {
        Text("saturation", "饱和度"): lambda p: p.saturation,
        Text("saturation of the most colourful pixels", "最鲜艳像素的饱和度"): lambda p: p.saturation_high,
        Text("clipped share", "溢出比例"): lambda p: p.clipped,
        Text("brightness", "亮度"): _brightness,
    }
    start = list(first.pictures.values())
    result = []
    for what, number in numbers.items():
        shifts = tuple(_mean([number(r.pictures[k]) - number(first.pictures[k]) for k in kept]) for r in later)
        result.append(_Drift(what, shifts, max(LEAST_SPREAD, stdev(map(number, start)))))
    moves = tuple(_mean([_moved(first.pictures[k], r.pictures[k]) for k in kept]) for r in later)
    apart = [_moved(a, b) for i, a in enumerate(start) for b in start[i + 1 :]]
    result.append(_Drift(Text("brightness histogram", "亮度直方图"), moves, max(LEAST_SPREAD, median(apart))))
    return result


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _brightness(picture: SamplePixels) -> float:
    bins = len(picture.brightness)
    return math.fsum(share * (place + 0.5) / bins for place, share in enumerate(picture.brightness))


def _moved(first: SamplePixels, second: SamplePixels) -> float:
    """Return the Wasserstein distance of two brightness histograms, 0 ... 1."""
    ahead, total = 0.0, 0.0
    for a, b in zip(first.brightness, second.brightness, strict=True):
        ahead += a - b
        total += abs(ahead)
    return total / len(first.brightness)


def _layout_shift(first: Round, last: Round, kept: Sequence[tuple[str, int | None, int]]) -> float:
    return _mean([layout_distance(first.pictures[key], last.pictures[key]) for key in kept]) / 255


def _judge(drifts: Sequence[_Drift], layout: float, count: int) -> Finding:
    worst = max(drifts, key=lambda drift: drift.ratio)
    grown = [drift for drift in drifts if drift.ratio > SPREADS and drift.has_grown]
    shown = max(grown, key=lambda drift: drift.ratio) if grown else worst
    facts = [
        Evidence(
            Text(f"change of {shown.what.en}, spreads", f"{shown.what.zh}的变化（倍离散度）"),
            significant(shown.ratio),
            SPREADS,
            SAMPLES,
        ),
        Evidence(
            Text(f"change of {shown.what.en}", f"{shown.what.zh}的变化"), significant(shown.shifts[-1]), None, SAMPLES
        ),
        Evidence(Text("change of the colour layout", "颜色布局的变化"), significant(layout), None, SAMPLES),
        Evidence(Text("samples of unrelated prompts", "无关提示词的样图"), count, None, SAMPLES, "pictures"),
    ]
    if not grown:
        return SAYS.clear(
            Text(
                "Samples of unrelated prompts kept their colours, or came to rest.",
                "无关提示词的样图颜色未变，或已稳定。",
            ),
            facts,
            confidence=Confidence.LOW,
        )
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"Samples of unrelated prompts drift: {shown.what.en} moved by {shown.ratio:.1f} times the usual spread and still grows.",
            f"无关提示词的样图在漂移：{shown.what.zh}的变化达到通常离散度的 {shown.ratio:.1f} 倍，且仍在增大。",
        ),
        why=Text("The LoRA changes pictures it was not asked for.", "LoRA 改变了与它无关的画面。"),
        evidence=facts,
        fix=Fix(
            Text(
                "Compare the rounds; use an earlier checkpoint, and next time more varied backgrounds or fewer steps.",
                "比较各轮样图；使用更早的检查点，下次采用更多样的背景或更少的步数。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
