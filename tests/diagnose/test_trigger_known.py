from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.trigger_known import RULE
from tests.diagnose.cases import catches, catches_not, plan, recipe


@pytest.mark.parametrize("trigger", ["alice", "Red_Hair", "castle", "anime style", "blue rose", "smile"])
def test_words_that_mean_something_are_told(trigger: str) -> None:
    catches(RULE, Case(plan=plan(trigger=trigger)), Severity.WATCH)


@pytest.mark.parametrize(
    "trigger", ["alicexyz", "al1ce", "sksalice", "zxq", "glxtrophy", "inkwashstyle", "alicechr", "b0b girl"]
)
def test_words_that_nobody_writes_are_clear(trigger: str) -> None:
    catches_not(RULE, Case(recipe=recipe(subject={"kind": "style", "trigger": trigger})), Status.CLEAR)


def test_without_a_trigger_nothing_is_asked() -> None:
    catches_not(RULE, Case(recipe=recipe(subject={"kind": "style"})), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
