"""There are too few checkpoints to choose from, or too many to look at.

## What it looks for

The number of network files the run will leave.

## Why it matters

The best file is often one from the middle. With the last one alone there is no choice; with eighty nobody compares them, and the disk
fills.

## How we tell

The files are counted as the trainer saves them: by epochs, by steps, without those it takes away again. Only the last file: look at it. Fewer than 5 or more than 40: good to know.

## What to change

`save.checkpoints: 8`.

## When it is wrong

Quick trials need no choice.

## Sources

Practitioners' courses (a file every 200 of 1200 steps, one from the middle is often the best); presets of other tools save 6 to 10 times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import bounds, number, where
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.plan.checkpoints import count_files

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 5, 40
"""Presets of other tools leave 6 to 10, this one's planner up to 40 for the sake of the states; 40 files of SD1.5 at rank 32 are 1.5 GB."""

SAYS = Says("R029", "checkpoint-count")


def check(case: Case) -> Iterator[Finding]:
    """Count the files the run will leave."""
    if case.plan is None:
        yield SAYS.not_applicable(Text("No plan of ours.", "没有本工具的计划。"))
        return
    count = count_files(lambda key: number(case, key), case.plan.steps)
    evidence = [Evidence(Text("network files", "网络文件数"), count, bounds(FEW, MANY), "plan", "files")]
    if FEW <= count <= MANY:
        yield SAYS.clear(Text(f"{count} checkpoints to choose from.", f"有 {count} 个检查点可选。"), evidence)
        return
    message = (
        Text("Only the last file will be kept: nothing to choose from.", "只会保留最后一个文件：没有选择余地。")
        if count <= 1
        else Text(f"Only {count} checkpoints to choose from.", f"只有 {count} 个检查点可选。")
        if count < FEW
        else Text(f"{count} checkpoints are more than anyone compares.", f"{count} 个检查点多得没人会逐一比较。")
    )
    yield SAYS.fired(
        Severity.WATCH if count <= 1 else Severity.INFO,
        Confidence.HIGH,
        message,
        why=Text("The best file is often one from the middle.", "最好的往往是中间的某一个。"),
        evidence=evidence,
        fix=Fix(Text("Set `save.checkpoints: 8`.", "设 `save.checkpoints: 8`。")),
        where=where(case, "save_every_n_epochs"),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
