from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pairs import Pair
from orchestrator.dataset.pixels.change import Difference
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.edit_change_differs import RULE
from tests.diagnose.cases import catches, catches_not, dataset

NONE = Difference(0.0, 0.2, -0.4, 0.4)
PART = Difference(0.1, -1.0, 0.5, 0.5)
NIGHT = Difference(0.9, -60.0, 10.0, -5.0)


def _case(usual: Difference, *odd: Difference, count: int = 12) -> Case:
    """Return `count` pairs, the first ones odd."""
    found = [*odd, *[usual] * (count - len(odd))]
    pairs = tuple(
        Pair(str(i), Path(f"before/{i}.png"), Path(f"after/{i}.png"), difference=one) for i, one in enumerate(found)
    )
    return Case(dataset=replace(dataset(), pairs=pairs))


def test_halves_that_are_the_same_picture_are_to_fix() -> None:
    finding = catches(RULE, _case(PART, NONE), Severity.FIX)
    assert finding.paths == (Path("before/0.png"), Path("after/0.png"))
    assert "same picture" in finding.evidence[0].what.en


def test_a_pair_that_changes_everything_among_parts_is_named() -> None:
    finding = catches(RULE, _case(PART, PART._replace(share=0.9)), Severity.WATCH)
    assert (finding.evidence[0].value, finding.evidence[0].limit) == (90.0, 10.0)


def test_a_pair_that_changes_a_part_where_the_others_change_all_is_named() -> None:
    assert "far less" in catches(RULE, _case(NIGHT, NIGHT._replace(share=0.05, light=-3.0))).evidence[0].what.en


def test_a_pair_that_goes_the_other_way_is_named() -> None:
    assert "other way" in catches(RULE, _case(NIGHT, NIGHT._replace(light=40.0))).evidence[0].what.en


def test_sizes_of_one_edit_may_differ() -> None:
    catches_not(RULE, _case(PART, PART._replace(share=0.02), PART._replace(share=0.4)), Status.CLEAR)
    catches_not(RULE, _case(NIGHT, NIGHT._replace(share=0.5, light=-20.0)), Status.CLEAR)


def test_a_mild_filter_may_reach_few_places() -> None:
    mild = Difference(0.8, 3.0, -12.0, 10.0)
    catches_not(RULE, _case(mild, mild._replace(share=0.05), mild._replace(share=0.0)), Status.CLEAR)


def test_colours_that_are_taken_out_go_every_way() -> None:
    ways = [Difference(0.9, 0.0, 20.0 * x, 20.0 * y) for x, y in ((1, 0), (-1, 0.2), (0.1, 1), (0, -1)) * 3]
    catches_not(RULE, _case(ways[0], *ways), Status.CLEAR)


def test_an_edit_too_fine_for_the_measure_says_nothing() -> None:
    catches_not(RULE, _case(PART._replace(share=0.003), NONE), Status.NOT_APPLICABLE)


def test_where_most_pairs_show_no_change_nothing_is_said() -> None:
    catches_not(RULE, _case(PART, *[NONE] * 6), Status.NOT_APPLICABLE)


def test_few_pairs_have_no_middle() -> None:
    catches_not(RULE, _case(PART, NONE, count=7), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(dataset=replace(dataset(), pairs=(Pair("1", Path("a"), Path("b")),))), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(dataset=dataset()), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
