from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pairs import Pair
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.pair_size_mismatch import RULE
from tests.diagnose.cases import catches, catches_not, dataset

BEFORE, AFTER = Path("source/1.png"), Path("target/1.png")


def _case(*pairs: Pair) -> Case:
    return Case(dataset=replace(dataset(), pairs=pairs))


def test_halves_of_two_sizes_are_named() -> None:
    finding = catches(RULE, _case(Pair("1", BEFORE, AFTER, ((640, 800), (640, 792)))), Severity.FIX)
    assert finding.paths == (BEFORE, AFTER)


def test_halves_of_one_size_and_unknown_sizes_are_clear() -> None:
    catches_not(RULE, _case(Pair("1", BEFORE, AFTER, ((640, 800), (640, 800))), Pair("2", BEFORE, None)), Status.CLEAR)


def test_single_pictures_are_not_asked() -> None:
    catches_not(RULE, _case(), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
