"""The final file was trained for fewer steps than planned.

## What it looks for

The number of steps the final file remembers (`ss_steps`), compared with the plan or the trainer's announcement.

## Why it matters

The name of the file says it is the finished LoRA; it is not.

## How we tell

The file's own metadata. Fewer than 99 % of the planned steps.

## What to change

Train it again, or go on from the last saved state.

## When it is wrong

A run that another tool resumed counts its own part only.

## Sources

sd-scripts 48d368fa, `train_network.py` (`ss_steps`, `ss_epoch` are written at each save).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.number_text import whole_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import final_file, planned_steps
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_SHARE = 0.99
"""A last batch or two may be missing where the last epoch is cut."""

SAYS = Says("R046", "steps-short")


def check(case: Case) -> Iterator[Finding]:
    """Compare the file's steps with the plan's."""
    file, planned = final_file(case), planned_steps(case)
    done = whole_number(file.metadata.get("ss_steps")) if file is not None else None
    if case.outcome is not None and case.outcome.ending.value in {"interrupted", "stopped"}:
        yield SAYS.not_applicable(Text("The run was ended early.", "训练被提前结束。"))
    elif done is None or planned is None:
        yield SAYS.not_applicable(Text("The file's steps or the plan's are not known.", "文件或计划的步数未知。"))
    elif done >= LEAST_SHARE * planned:
        yield SAYS.clear(Text(f"The file has all {done} steps.", f"文件已完成全部 {done} 步。"))
    else:
        yield SAYS.fired(
            Severity.FIX,
            Confidence.HIGH,
            Text(f"The final file has {done} of {planned} steps.", f"最终文件只有 {planned} 步中的 {done} 步。"),
            evidence=[Evidence(Text("steps in the file", "文件中的步数"), done, planned, "ss_steps", "steps")],
            fix=Fix(Text("Train it again, or go on from the last saved state.", "重新训练，或从最后保存的状态继续。")),
        )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
