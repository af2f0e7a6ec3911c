from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pairs import Pair
from orchestrator.dataset.pixels.shift import Shift
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.pair_pixel_shift import RULE
from tests.diagnose.cases import catches, catches_not, dataset

BEFORE, AFTER = Path("source/1.png"), Path("target/1.png")


def _case(*pairs: Pair) -> Case:
    return Case(dataset=replace(dataset(), pairs=pairs))


def test_halves_that_lie_apart_are_named_with_the_pixels() -> None:
    finding = catches(RULE, _case(Pair("1", BEFORE, AFTER, shift=Shift(3.0, -4.0, 0.5))), Severity.FIX)
    assert finding.paths == (BEFORE, AFTER)
    assert (finding.evidence[0].source, finding.evidence[0].value, finding.evidence[0].unit) == ("1", 5.0, "px")


def test_what_the_measure_may_be_wrong_by_is_clear() -> None:
    catches_not(RULE, _case(Pair("1", BEFORE, AFTER, shift=Shift(0.3, 0.3, 0.5))), Status.CLEAR)


def test_pairs_that_nobody_measured_say_nothing() -> None:
    catches_not(RULE, _case(Pair("1", BEFORE, AFTER)), Status.NOT_APPLICABLE)


def test_single_pictures_are_not_asked() -> None:
    catches_not(RULE, _case(), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
