from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.few_pictures import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, plan


@pytest.mark.parametrize(("kind", "least"), [("character", 10), ("person", 15), ("style", 20), ("edit", 50)])
def test_each_kind_has_its_own_least(kind: str, least: int) -> None:
    catches(RULE, Case(plan=plan(kind=kind), dataset=dataset(folder(least - 1))), Severity.WATCH)
    catches_not(RULE, Case(plan=plan(kind=kind), dataset=dataset(folder(least))), Status.CLEAR)


def test_regularisation_pictures_do_not_count() -> None:
    catches(RULE, Case(dataset=dataset(folder(5), folder(100, is_reg=True))))


def test_one_picture_is_told_in_the_singular() -> None:
    assert catches(RULE, Case(dataset=dataset(folder(1)))).message.en.startswith("1 picture is few;")
    assert catches(RULE, Case(dataset=dataset(folder(2)))).message.en.startswith("2 pictures are few;")
