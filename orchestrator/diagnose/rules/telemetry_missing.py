"""The run recorded too little to be judged.

## What it looks for

A run without the recorder, with only a part of it, or whose recorder had to give up.

## Why it matters

The trainer's own logs cannot tell a good run from a useless one: almost all movement of the loss is the timestep, which they do not hold.

## How we tell

No telemetry file; or no probe in it; or fewer than 6 probes; or notes of the recorder about hooks it did not find and errors it swallowed; or
two measurements of the base model that differ.

## What to change

`telemetry: probe` in the recipe, where it is not there already; then only a longer run has more probes. It never changes the training: losses and weights are the same bits with and without it.

## When it is wrong

A run of another front end cannot be recorded afterwards.

## Sources

Measured: raw loss of 400 steps cannot tell learning rates from 1e-6 to 5e-3 apart; the probe shows 1 % after 20 steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.course import PROBE
from orchestrator.diagnose.facts import NO_RUN, raw_loss, recording, significant, telemetry, unreached_steps
from orchestrator.diagnose.measured import probe_curves
from orchestrator.diagnose.recorder_notes import told_note
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.ending import LEAST_PROBES
from orchestrator.diagnose.signals.probe import NO_TRIGGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.telemetry import Telemetry

DRIFT = 1e-3
"""Percent by which two measurements of the base model may differ: rounding on other hardware, not another model."""

SAYS = Says("R055", "telemetry-missing")


def check(case: Case) -> Iterator[Finding]:
    """Say what was not recorded and how to record it."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = telemetry(case)
    is_empty = seen is None or not (len(seen.steps) or seen.probes)
    if (seen is None or is_empty) and raw_loss(case) is None:
        yield SAYS.not_applicable(Text("There was no training to record.", "没有可记录的训练。"))
    elif seen is None:
        yield _unrecorded(case)
    else:
        yield from _judge(case, seen)


def _unrecorded(case: Case) -> Finding:
    """Say that there is no record at all, and how to get one: it is asked for already where the run was told to record."""
    said = Text(
        "Nothing was recorded beside the trainer's own logs: learning, memorising and damage short of collapse cannot be told apart.",
        "除训练器自身日志外没有任何记录：无法区分学习、死记以及未到崩溃程度的损坏。",
    )
    if recording(case) == "probe":
        return _fired(
            said,
            Text(
                "The recorder was asked for and left nothing: the console log says why.",
                "已要求记录，但没有留下任何记录：原因见控制台日志。",
            ),
        )
    mode = case.recipe.telemetry if case.recipe is not None else None
    changes = (Change("telemetry", "probe", mode, is_safe=mode == "off"),) if case.recipe is not None else ()
    return _fired(
        said, Text("Set `telemetry: probe` and run again.", "设 `telemetry: probe` 后重新训练。"), changes=changes
    )


def _advice(case: Case, seen: Telemetry) -> Text | None:
    """Return what would give more probes; None where the run probed and only ended too early for them."""
    if seen.mode != "probe":
        return Text("Set `telemetry: probe` and run again.", "设 `telemetry: probe` 后重新训练。")
    last = max((*seen.steps.steps[-1:], *(probe.step for probe in seen.probes)), default=0)
    if unreached_steps(case, last) is not None:
        return None
    return Text("Let the run go on for longer.", "让训练运行更久。")


def _judge(case: Case, seen: Telemetry) -> Iterator[Finding]:
    on = sum(1 for probe in seen.probes if probe.is_on and probe.when != NO_TRIGGER)
    curves = probe_curves(case)
    drift = curves.base_drift if curves is not None else math.nan
    facts = [Evidence(Text("probes", "探针次数"), on, LEAST_PROBES, PROBE)]
    if drift > DRIFT:
        yield _fired(
            Text(
                f"The base model was measured twice and differs by {short_number(drift)} %: the probe cannot be trusted.",
                f"底模两次测量相差 {short_number(drift)} %：探针不可信。",
            ),
            Text("Please report this with the telemetry file.", "请附上遥测文件反馈此问题。"),
            [
                Evidence(
                    Text("difference of the base model", "底模两次测量之差"), significant(drift, 2), DRIFT, PROBE, "%"
                )
            ],
            severity=Severity.WATCH,
        )
    elif on < LEAST_PROBES and not seen.damage:
        yield _fired(
            Text(
                f"The run has {plural(on, 'probe', 'probes') if on else 'no probe'}; {LEAST_PROBES} are needed for a shape.",
                f"该次训练有 {on} 次探针；判断走势至少需要 {LEAST_PROBES} 次。",
            ),
            _advice(case, seen),
            facts,
        )
    elif seen.notes or seen.damage:
        told = told_note((*seen.notes, *seen.damage)[0])
        yield _fired(
            Text(f"The recorder had to leave something out: {told.en}", f"记录器遗漏了部分内容：{told.zh}"),
            Text("See the recorder's notes under what was not judged.", "见“未能判断”一节中记录器的说明。"),
            facts,
        )
    else:
        yield SAYS.clear(Text("The run was recorded and probed.", "训练已被记录并做了探针。"), facts)


def _fired(
    message: Text,
    advice: Text | None,
    facts: list[Evidence] | None = None,
    *,
    changes: tuple[Change, ...] = (),
    severity: Severity = Severity.INFO,
) -> Finding:
    fix = Fix(advice, changes) if advice is not None else None
    return SAYS.fired(severity, Confidence.HIGH, message, evidence=facts or [], fix=fix)


RULE = Rule(SAYS.id, SAYS.name, "after", check)
