"""Nobody wrote down where the pictures come from and what may be done with the LoRA.

## What it looks for

Recipes without `metadata.license`.

## Why it matters

A LoRA that is passed on carries the terms of its pictures. Later nobody remembers them, and the file says nothing.

## How we tell

The key is empty.

## What to change

Set `metadata.license`, and name the source of the pictures in `metadata.description`; both go into the file.

## When it is wrong

A LoRA that never leaves the machine.

## Sources

domain-rules D14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R113", "licence-not-recorded")


def check(case: Case) -> Iterator[Finding]:
    """Look for the licence in the recipe."""
    if case.recipe is None:
        yield SAYS.not_applicable(Text("There is no recipe.", "没有配方。"))
        return
    if case.recipe.metadata.license:
        yield SAYS.clear(Text("The licence is recorded.", "已记录许可。"))
        return
    yield SAYS.fired(
        Severity.INFO,
        Confidence.HIGH,
        Text("The file will not say under which licence it may be used.", "文件不会说明可按何种许可使用。"),
        why=Text("A published LoRA carries the terms of its pictures.", "发布的 LoRA 带着其图片的使用条件。"),
        fix=Fix(Text("Set `metadata.license` before you publish it.", "发布前请设置 `metadata.license`。")),
    )


RULE = Rule(SAYS.id, SAYS.name, "before", check, maturity="stable")
