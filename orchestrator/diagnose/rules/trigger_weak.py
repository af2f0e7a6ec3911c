"""The trigger word does nothing measurable.

## What it looks for

A probe of the same pictures, timesteps and noise with captions that lack the trigger: is its loss any higher?

## Why it matters

A subject that is learned without its word comes with every prompt, and the word calls nothing.

## How we tell

Mean log ratio of the two losses over pictures, at the last step that was probed both ways, with a 95 % interval over pictures. It fires
where the interval includes zero although the pictures were learned. At least four pictures.

## What to change

Put the trigger first in each caption (`dataset.keep_tokens: 1` keeps it there while the rest is shuffled), remove tags that name
what the trigger is to mean, and train the text encoder a little.

## When it is wrong

A style need not have a word. The second probe is not recorded yet: until a recorder writes it this rule says inconclusive.

## Sources

The loss with and without a word is what classifier-free guidance rests on. Not calibrated: low confidence.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE
from orchestrator.diagnose.facts import NO_RUN, kind, significant
from orchestrator.diagnose.measured import probe_curves, telemetry
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.probe import NO_TRIGGER, percent, picture_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.telemetry import Probe, Telemetry

LEAST_PICTURES = 4

SAYS = Says("R065", "trigger-weak")


def check(case: Case) -> Iterator[Finding]:
    """Compare the last probe with and without the trigger."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    if kind(case) == "style":
        yield SAYS.not_applicable(Text("A style need not have a word.", "画风不一定需要触发词。"))
        return
    seen = telemetry(case)
    pair = _pair(seen) if seen is not None else None
    ratios = _ratios(*pair) if pair is not None else []
    if pair is None or len(ratios) < LEAST_PICTURES:
        yield SAYS.inconclusive(
            Text("The pictures were not probed without the trigger.", "没有去掉触发词再作探针测量。"),
            Text(
                f"A probe without the trigger over at least {LEAST_PICTURES} pictures.",
                f"至少 {LEAST_PICTURES} 张图片、去掉触发词的探针。",
            ),
        )
        return
    curves = probe_curves(case)
    train = curves.train if curves is not None else None
    if train is None or not train.has_learned:
        yield SAYS.not_applicable(Text("Nothing was learned that a word could call.", "没有学到可由触发词唤起的内容。"))
        return
    yield _judge(ratios, pair[0].step)


def _pair(seen: Telemetry) -> tuple[Probe, Probe] | None:
    """Return the last probes of one step with and without the trigger."""
    without = {probe.step: probe for probe in seen.probes if probe.is_on and probe.when == NO_TRIGGER}
    both = [probe for probe in seen.probes if probe.is_on and probe.when != NO_TRIGGER and probe.step in without]
    return (both[-1], without[both[-1].step]) if both else None


def _ratios(with_word: Probe, without: Probe) -> list[float]:
    """Return mean log(loss without / loss with) per picture, over the timesteps both hold."""
    rows = dict(zip(without.pictures, without.losses, strict=True))
    result = []
    for picture, row in zip(with_word.pictures, with_word.losses, strict=True):
        other = dict(zip(without.timesteps, rows.get(picture, ()), strict=False))
        logs = [
            math.log(other[t] / loss)
            for t, loss in zip(with_word.timesteps, row, strict=True)
            if 0 < loss < math.inf and 0 < other.get(t, 0.0) < math.inf
        ]
        if logs:
            result.append(math.fsum(logs) / len(logs))
    return result


def _judge(ratios: list[float], step: int) -> Finding:
    import numpy as np

    lows, highs = picture_interval(np.array(ratios)[:, None])
    mean, low, high = (percent(v) for v in (math.fsum(ratios) / len(ratios), float(lows[0]), float(highs[0])))
    facts = [
        Evidence(
            Text("loss without the trigger against with it", "去掉触发词后的损失变化"),
            significant(mean, 3),
            0,
            PROBE,
            "%",
        ),
        Evidence(Text("lower end of its 95 % interval", "95 % 区间下限"), significant(low, 3), 0, PROBE, "%"),
        Evidence(Text("upper end", "上限"), significant(high, 3), None, PROBE, "%"),
    ]
    if low > 0:
        return SAYS.clear(
            Text(f"Without the trigger the loss is {mean:.1f} % higher.", f"去掉触发词后损失高 {mean:.1f} %。"), facts
        )
    return SAYS.fired(
        Severity.WATCH,
        Confidence.LOW,
        Text(
            f"At step {step} the pictures are learned as well without the trigger: the word is hardly bound.",
            f"第 {step} 步时去掉触发词损失并无差别：触发词几乎没有绑定。",
        ),
        why=Text(
            "What always stands beside the trigger in the captions takes its meaning.",
            "标注中总与触发词同时出现的词夺走了它的含义。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                "Trigger first in each caption (`dataset.keep_tokens: 1`), fewer tags that say the same, some learning rate for the text encoder.",
                "触发词置于标注之首（`dataset.keep_tokens: 1`），删去同义标签，给文本编码器少量学习率。",
            )
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
