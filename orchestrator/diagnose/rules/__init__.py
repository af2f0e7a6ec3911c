"""The rules, one file each. This list is the registry: a rule that is not in it does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.diagnose.rules import nan_loss, steps_arithmetic

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Rule

RULES: tuple[Rule, ...] = (
    steps_arithmetic.RULE,
    nan_loss.RULE,
)
