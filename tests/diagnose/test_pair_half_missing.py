from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pairs import Pair
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.pair_half_missing import RULE
from tests.diagnose.cases import catches, catches_not, dataset

BEFORE, AFTER = Path("source/1.png"), Path("target/1.png")


def _case(*pairs: Pair) -> Case:
    return Case(dataset=replace(dataset(), pairs=pairs))


def test_a_half_alone_is_named() -> None:
    finding = catches(RULE, _case(Pair("1", BEFORE, AFTER), Pair("2", None, Path("target/2.png"))), Severity.FIX)
    assert finding.paths == (Path("target/2.png"),)


def test_whole_pairs_are_clear() -> None:
    catches_not(RULE, _case(Pair("1", BEFORE, AFTER)), Status.CLEAR)


def test_single_pictures_are_not_asked() -> None:
    catches_not(RULE, _case(), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
