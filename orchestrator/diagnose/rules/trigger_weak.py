"""The pictures come without the trigger word.

## What it looks for

At the end the recorder probes the same pictures, timesteps and noise once more, with the trigger taken out of the captions. How much of
what was learned goes with it?

## Why it matters

What is learned without its word comes with every prompt, and the word calls little of its own. That is no fault where one file holds
one subject; it is where two LoRAs are to be used together, or the class must stay what it was.

## How we tell

Over all pictures that were probed both ways, held-out ones too: the mean of log(loss without / loss with the trigger), with its 95 %
interval over pictures, against a tenth of what was learned (the mean of log(base loss / loss)). It fires where the upper end lies below
that tenth. It is clear where the lower end is above zero and the mean above the tenth. Else it is inconclusive: four pictures say little,
and of a gain below 1.6 % there is too little to ask.
Training pictures that are not learned are no question, and fewer than four pictures no answer.

## What to change

Nothing for one subject in a file of its own. Where the class must stay: a folder of other pictures of it with `concepts.is_reg: true`.
Where the word is to say more: trigger first in each caption (`dataset.keep_tokens: 1` keeps it there), fewer tags that always stand beside
it, some `train.text_encoder_lr`.

## When it is wrong

Sound runs fire it: the pictures and the rest of the captions show the subject already, so little is left for the word. Hence never more
than a note. Words behind the text encoder's last token are cut off and do nothing; the loss says nothing of the likeness of what a
prompt without the word draws. A style need not have a word. Captions that all lack the trigger cannot be asked: see `missing-trigger`.

## Sources

Own runs of 2026-11 on a CPU. Sound runs, figure and tower: 1, 1 and 2 % of what was learned went with the word on a small latent model, 4
and 31 % with real sd-scripts on a small SD 1.x base. Captions that describe other pictures, so that the word alone fits: 55 %. A style's
word: 8, 11 and 20 %. A tenth lies between the two groups of the subjects; six runs are no calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import LITTLE, PROBE
from orchestrator.diagnose.facts import NO_RUN, kind, significant, telemetry
from orchestrator.diagnose.measured import probe_curves
from orchestrator.diagnose.recorder_notes import told_note
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.probe import NO_TRIGGER, base_losses, percent, picture_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.core.telemetry import Probe, Telemetry

LEAST_PICTURES = 4
SHARE = 0.1
"""Of what was learned: less than this going with the word leaves nine tenths that come without it."""
NOTE = "no-trigger-probe: "
"""What the recorder's note begins with where it could not probe without the trigger."""

SAYS = Says("R065", "trigger-weak")


@dataclass(frozen=True, slots=True)
class Effect:
    """What the word is worth, in logarithms of losses."""

    step: int
    pictures: int
    mean: float
    """Mean over pictures of log(loss without / loss with the trigger)."""
    low: float
    high: float
    """95 % interval over pictures."""
    learned: float
    """Mean over the same pictures of log(base loss / loss with the trigger)."""


def check(case: Case) -> Iterator[Finding]:
    """Compare the last probe with and without the trigger."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    if kind(case) == "style":
        yield SAYS.not_applicable(Text("A style need not have a word.", "画风不一定需要触发词。"))
        return
    seen = telemetry(case)
    effect = trigger_effect(seen) if seen is not None else None
    if effect is None:
        yield SAYS.inconclusive(_reason(seen), _needs())
        return
    curves = probe_curves(case)
    train = curves.train if curves is not None else None
    if train is None or not train.has_learned or effect.learned <= 0:
        yield SAYS.not_applicable(Text("Nothing was learned that a word could call.", "没有学到可由触发词唤起的内容。"))
        return
    yield _judge(effect)


def trigger_effect(seen: Telemetry) -> Effect | None:
    """Return the effect at the last step that was probed both ways; None for fewer than `LEAST_PICTURES` pictures."""
    import numpy as np

    pair = _pair(seen)
    if pair is None:
        return None
    base = base_losses(seen.probes)
    rows = []
    with_word, without = _logs(pair[0]), _logs(pair[1])
    for picture in sorted(set(with_word) & set(without)):
        on, off = with_word[picture], without[picture]
        shared = [t for t in on if t in off and (picture, t) in base]
        if shared:
            gone = math.fsum(off[t] - on[t] for t in shared) / len(shared)
            learned = math.fsum(math.log(base[picture, t]) - on[t] for t in shared) / len(shared)
            rows.append((gone, learned))
    if len(rows) < LEAST_PICTURES:
        return None
    values = np.array(rows)
    lows, highs = picture_interval(values[:, :1])
    mean, learned = (float(value) for value in values.mean(axis=0))
    return Effect(pair[0].step, len(rows), mean, float(lows[0]), float(highs[0]), learned)


def _pair(seen: Telemetry) -> tuple[Probe, Probe] | None:
    """Return the last probes of one step with and without the trigger."""
    without = {probe.step: probe for probe in seen.probes if probe.is_on and probe.when == NO_TRIGGER}
    both = [probe for probe in seen.probes if probe.is_on and probe.when != NO_TRIGGER and probe.step in without]
    return (both[-1], without[both[-1].step]) if both else None


def _logs(probe: Probe) -> Mapping[int, Mapping[float, float]]:
    """Return picture -> timestep -> log of the loss; unusable losses left out."""
    return {
        picture: {t: math.log(loss) for t, loss in zip(probe.timesteps, row, strict=True) if 0 < loss < math.inf}
        for picture, row in zip(probe.pictures, probe.losses, strict=True)
    }


def _reason(seen: Telemetry | None) -> Text:
    told = [told_note(note) for note in seen.notes if note.startswith(NOTE)] if seen is not None else []
    en, zh = "The pictures were not probed without the trigger", "没有去掉触发词再作探针测量"
    return Text(f"{en}: {told[-1].en}.", f"{zh}：{told[-1].zh}。") if told else Text(f"{en}.", f"{zh}。")


def _needs() -> Text:
    return Text(
        f"A probe without the trigger over at least {LEAST_PICTURES} pictures whose captions hold it.",
        f"至少 {LEAST_PICTURES} 张标注含触发词的图片、去掉触发词的探针。",
    )


def _evidence(effect: Effect) -> list[Evidence]:
    limit = significant(percent(SHARE * effect.learned), 3)
    return [
        Evidence(
            Text("loss without the trigger against with it", "去掉触发词后的损失变化"),
            significant(percent(effect.mean), 3),
            limit,
            PROBE,
            "%",
        ),
        Evidence(
            Text("lower end of its 95 % interval", "95 % 区间下限"), significant(percent(effect.low), 3), 0, PROBE, "%"
        ),
        Evidence(Text("upper end", "上限"), significant(percent(effect.high), 3), limit, PROBE, "%"),
        Evidence(
            Text("share of what was learned that goes with the word", "随触发词消失的学习成果占比"),
            significant(100 * effect.mean / effect.learned, 2),
            100 * SHARE,
            PROBE,
            "%",
        ),
        Evidence(Text("pictures", "图片数"), effect.pictures, LEAST_PICTURES, PROBE),
    ]


def _judge(effect: Effect) -> Finding:
    facts, limit = _evidence(effect), SHARE * effect.learned
    share = 100 * effect.mean / effect.learned
    if effect.high < limit:
        return _fired(effect, facts)
    if effect.low > 0 and effect.mean >= limit:
        return SAYS.clear(
            Text(
                f"Without the trigger {share:.0f} % of what was learned is gone.",
                f"去掉触发词后，学习成果消失 {share:.0f} %。",
            ),
            facts,
        )
    learned = percent(effect.learned)
    if learned < LITTLE:
        return SAYS.inconclusive(
            Text(
                f"Too little was learned, {learned:.1f} %, to ask how much of it goes with the trigger.",
                f"学到的太少（{learned:.1f} %），无从判断其中多少随触发词消失。",
            ),
            Text("A run that learns more.", "学到更多的训练。"),
            facts,
        )
    low, high, tenth = (f"{significant(percent(one)):g}" for one in (effect.low, effect.high, limit))
    return SAYS.inconclusive(
        Text(
            f"Without the trigger the loss changes by {low} to {high} %; a tenth of what was learned is {tenth} %: it may lie on either side.",
            f"去掉触发词后损失变化 {low} 至 {high} %；学习成果的十分之一为 {tenth} %：两侧皆有可能。",
        ),
        Text("More pictures in the probe: hold some out.", "让更多图片参与探针：留出一些验证图片。"),
        facts,
    )


def _fired(effect: Effect, facts: list[Evidence]) -> Finding:
    share = max(0.0, 100 * effect.high / effect.learned)
    return SAYS.fired(
        Severity.INFO,
        Confidence.MEDIUM,
        Text(
            f"At step {effect.step} at most {share:.1f} % of what was learned hangs on the trigger: the subject comes without it.",
            f"第 {effect.step} 步时，学习成果中至多 {share:.1f} % 依赖触发词：不写触发词也会出现该主题。",
        ),
        why=Text(
            "Every picture shows the subject and the rest of the caption names it: little is left for the word. Usual for one subject, and no fault "
            "there. Where the class must stay as it was: a folder of other pictures of it with `concepts.is_reg: true`.",
            "每张图片都是该主题，标注的其余部分也在描述它，留给触发词的很少。单一主题时很常见，不是毛病。"
            "若要保持该类别原貌：另加一个同类图片文件夹并设 `concepts.is_reg: true`。",
        ),
        evidence=facts,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
