"""The run is too short to learn the subject.

## What it looks for

A total number of optimizer steps, or a number of times each picture is seen, below what has worked for this kind of subject.

## Why it matters

A LoRA that has seen its pictures a few times looks like the base model with a faint tint. People then raise the learning rate,
which makes a worse LoRA of the same length.

## How we tell

Fewer than 400 steps: look at it; fewer than 800: good to know. For a style 800 and 1500; where each picture is seen 150 times or
more, the lower of the two numbers is enough. Each picture seen fewer than 10 times: look at it; fewer than 30 times: good to
know. The pocket trainer's model is small and learns in hundreds of steps: 100 and 150.

Where the fixed probe measured that the run had come to rest, that counts and the rule of thumb is only told.

## What to change

More epochs (`train.max_train_epochs`), a higher `train.target_steps`, or for few pictures a higher `num_repeats`. Where the band
in `train.exposures_per_image` keeps the run short: more pictures, or a wider band. 1200 to 1500
steps are a good aim for a character on SD1.5.

## When it is wrong

Large batches need fewer steps; a first look at whether the settings work at all needs few. Ignore the rule with that reason.

## Sources

Practitioners' courses (1200-1500 steps for a character). Ranges in published presets: 500-4000 steps, 50-200 times per picture. A
style's 1500 steps come from sets of 40 pictures and more: 20 pictures at batch 4 reach 750 steps when each is seen 150 times, and
1000 at the 200 where those presets end. Rules of thumb, not measurements; the steps of a recipe that works for you are the better guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import LONGER_AT_BAND, deciding_key, family, is_held_short, kind, planned_steps
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_STEPS = {"style": (800, 1500), "pocket": (100, 150), "other": (400, 800)}
"""(look at it, good to know) in optimizer steps; published presets begin at 500, styles at 1500."""
LEAST_EXPOSURES = (10.0, 30.0)
"""(look at it, good to know): times each picture is seen; published presets begin at about 50."""
ENOUGH_EXPOSURES = 150.0
"""Times each picture is seen from which a small set asks for no more steps: published presets end at 200."""
RAISE = Text(
    "Raise `train.target_steps`; with few pictures that means more repeats or epochs.",
    "提高 `train.target_steps`；图片少时即更多重复次数或轮数。",
)

SAYS = Says("R004", "too-few-steps")


def check(case: Case) -> Iterator[Finding]:
    """Compare the length with what this kind of subject has needed."""
    steps = planned_steps(case)
    if steps is None:
        yield SAYS.not_applicable(Text("The number of steps is not known.", "步数未知。"))
        return
    what = "pocket" if family(case) == "pocket" else "style" if kind(case) == "style" else "other"
    few, rather_few = LEAST_STEPS[what]
    seen = case.plan.steps.exposures_per_image if case.plan is not None else None
    if seen is not None and seen >= ENOUGH_EXPOSURES:
        rather_few = few
    evidence = [Evidence(Text("optimizer steps", "优化器步数"), steps, rather_few, "plan", "steps")]
    if seen is not None:
        evidence.append(
            Evidence(
                Text("each picture is seen", "每张图片出现次数"), round(seen, 1), LEAST_EXPOSURES[1], "plan", "times"
            )
        )
    if steps >= rather_few and (seen is None or seen >= LEAST_EXPOSURES[1]):
        yield SAYS.clear(Text(f"{steps} steps are enough to learn from.", f"{steps} 步足够学习。"), evidence)
        return
    rested = _rested(case, steps)
    if rested is not None:
        yield SAYS.fired(Severity.INFO, Confidence.HIGH, rested, evidence=evidence)
        return
    is_few = steps < few or (seen is not None and seen < LEAST_EXPOSURES[0])
    yield SAYS.fired(
        Severity.WATCH if is_few else Severity.INFO,
        Confidence.MEDIUM,
        _message(steps, rather_few, seen),
        why=Text(
            "Short runs mostly end as the base model with a faint tint.", "过短的训练结果多半只是底模加上一点痕迹。"
        ),
        evidence=evidence,
        fix=Fix(_longer(case)),
    )


def _longer(case: Case) -> Text:
    """Name the key by which the run gets longer."""
    if deciding_key(case) == "train.max_train_epochs":
        return Text("Raise `train.max_train_epochs`.", "提高 `train.max_train_epochs`。")
    return LONGER_AT_BAND if is_held_short(case) else RAISE


def _rested(case: Case, steps: int) -> Text | None:
    """Return that the rule of thumb does not hold here, where the probe measured that the run had come to rest."""
    if case.observations is None:
        return None
    from orchestrator.diagnose.course import course, is_at_rest

    seen = course(case)
    if seen is None or not is_at_rest(case, seen):
        return None
    return Text(
        f"{steps} steps are fewer than courses ask for, and they were enough: measured, the run had come to rest.",
        f"{steps} 步少于教程的建议，但已足够：实测训练已趋于平稳。",
    )


def _message(steps: int, rather_few: int, seen: float | None) -> Text:
    if steps < rather_few or seen is None:
        return Text(f"{steps} steps are few for this subject.", f"对这一主题而言 {steps} 步偏少。")
    return Text(f"Each picture is seen only {seen:.0f} times.", f"每张图片只出现 {seen:.0f} 次。")


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
