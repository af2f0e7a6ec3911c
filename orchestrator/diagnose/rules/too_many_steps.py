"""The run is so long that it will learn the pictures by heart.

## What it looks for

A total number of optimizer steps, or a number of times each picture is seen, above what has been good for this kind of subject.

## Why it matters

Past a point the LoRA repeats its pictures: outfit, pose and background come along whatever the prompt says, and turning its
weight down does not cure that. It costs hours as well.

## How we tell

Subjects: more than 4000 steps; on SD1.5 and SD2 more than 2000 are good to know. Styles: more than 10000. Each picture seen more
than 400 times: look at it; more than 200 times: good to know. Ten times any of these limits, 40,000 steps or each picture seen 4000 times: to
fix. Where the recipe has its own band in `train.exposures_per_image`,
that band decides instead.

## What to change

Lower `train.target_steps` (or `train.max_train_epochs`, where the recipe names it), or keep the length and choose an earlier checkpoint: that is what they are saved for. If the pictures
are few and alike, more *different* pictures help more than fewer steps.

## When it is wrong

Large sets of varied pictures, several concepts in one LoRA, very low learning rates.

## Sources

Practitioners' courses (2000 steps overfit at weight 0.7 on SD1.5, a practitioner's later note; monotony overfits, not the step
count). Published presets: up to 4000 steps for subjects, 12000 for styles, 50-200 times per picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import deciding_key, family, kind, planned_steps
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_STEPS = {"style": 10_000, "other": 4_000}
"""Optimizer steps; the longest in published presets for each kind."""
MOST_STEPS_SD15_SUBJECT = 2_000
"""One practitioner's measured limit for characters on SD1.5, batch 1-7: told, not warned about."""
MOST_EXPOSURES = (200.0, 400.0)
"""(good to know, look at it): times each picture is seen; presets reach 200, small sets of ten pictures 300."""

ABSURD = 10
"""Times the longest published run, or the most that a picture is seen: days of computing for what was over long before."""

SAYS = Says("R005", "too-many-steps")


def check(case: Case) -> Iterator[Finding]:
    """Compare the length with what this kind of subject has borne."""
    steps = planned_steps(case)
    if steps is None:
        yield SAYS.not_applicable(Text("The number of steps is not known.", "步数未知。"))
        return
    is_style = kind(case) == "style"
    most = MOST_STEPS["style" if is_style else "other"]
    noted = MOST_STEPS_SD15_SUBJECT if family(case) in {"sd15", "sd2"} and not is_style else most
    seen = case.plan.steps.exposures_per_image if case.plan is not None else None
    told, warned = _band(case)
    evidence = [Evidence(Text("optimizer steps", "优化器步数"), steps, noted, "plan", "steps")]
    if seen is not None:
        evidence.append(
            Evidence(Text("each picture is seen", "每张图片出现次数"), round(seen, 1), told, "plan", "times")
        )
    if steps <= noted and (seen is None or seen <= told):
        yield SAYS.clear(Text(f"{steps} steps are not too many.", f"{steps} 步不算过多。"), evidence)
        return
    yield SAYS.fired(
        _severity(steps / most, 0.0 if seen is None else seen / warned),
        Confidence.MEDIUM,
        _message(steps, noted, seen),
        why=Text(
            "Seen too often, pictures are learned by heart: pose, outfit and background come along with every prompt.",
            "看得太多就会死记图片：姿势、服装和背景会随任何提示词一起出现。",
        ),
        evidence=evidence,
        fix=_fix(case),
    )


def _severity(steps: float, seen: float) -> Severity:
    """Return how bad a length is that is `steps` times the longest known one, its pictures seen `seen` times as often as is warned of."""
    if max(steps, seen) > ABSURD:
        return Severity.FIX
    return Severity.WATCH if max(steps, seen) > 1 else Severity.INFO


def _fix(case: Case) -> Fix:
    """Name the key that made the run so long."""
    key = deciding_key(case)
    return Fix(
        Text(
            f"Lower `{key}`, or compare the checkpoints from the middle of the run with the last one.",
            f"降低 `{key}`，或把中段的检查点与最后一个作比较。",
        )
    )


def _band(case: Case) -> tuple[float, float]:
    own = case.recipe.train.exposures_per_image if case.recipe is not None else None
    return MOST_EXPOSURES if own is None else (own[1], own[1])


def _message(steps: int, noted: int, seen: float | None) -> Text:
    if steps > noted or seen is None:
        return Text(f"{steps} steps are many for this subject.", f"对这一主题而言 {steps} 步偏多。")
    return Text(f"Each picture is seen {seen:.0f} times.", f"每张图片要出现 {seen:.0f} 次。")


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
