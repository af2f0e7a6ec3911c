from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pairs import find_pairs
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.edit_instruction import RULE
from tests.diagnose.cases import catches, catches_not, dataset, findings, folder, picture

if TYPE_CHECKING:
    from collections.abc import Sequence

EDIT = "Remove the background."


def _case(after: Sequence[str | None], before: Sequence[str | None] = ()) -> Case:
    """Return pairs 0, 1 ... with these captions."""
    both = []
    for name, captions in (("before", [*before, *[None] * (len(after) - len(before))]), ("after", after)):
        root = Path("set") / name
        shown = [picture(path=root / f"{i}.png", caption=caption) for i, caption in enumerate(captions)]
        both.append(folder(shown, image_dir=root))
    return Case(dataset=replace(dataset(*both), pairs=find_pairs(both)))


def test_a_pair_without_an_instruction_is_named_by_its_second_half() -> None:
    finding = catches(RULE, _case([EDIT, None, EDIT]), Severity.FIX)
    assert finding.paths == (Path("set/after/1.png"),)
    assert "1 of 3 pairs have no instruction" in finding.message.en


def test_none_at_all_is_looked_at_and_one_in_the_wrong_place_is_to_fix() -> None:
    catches(RULE, _case([None, None]), Severity.WATCH)
    finding = catches(RULE, _case([None, None], [EDIT, EDIT]), Severity.FIX)
    assert finding.evidence[1].value == 2


def test_a_few_other_sentences_among_one_are_named() -> None:
    finding = catches(RULE, _case([*[EDIT] * 8, "make it night", "remove  the Background"]), Severity.WATCH)
    assert finding.paths == (Path("set/after/8.png"),)
    assert finding.evidence[0].value == "make it night"


def test_a_sentence_for_each_pair_is_no_fault() -> None:
    catches_not(RULE, _case([f"turn the {thing} red" for thing in ("car", "cup", "hat", "door", "boat")]), Status.CLEAR)
    catches_not(RULE, _case([EDIT, EDIT, "make it night"]), Status.CLEAR)


def test_two_instructions_that_differ_are_told() -> None:
    finding = catches(RULE, _case([EDIT, EDIT], ["add a red hat", "a man before a wall"]), Severity.WATCH)
    assert finding.paths == (Path("set/before/0.png"), Path("set/after/0.png"))
    swapped = _case(["背景变成夜晚", "背景变成白天"], ["背景变成白天", None])
    assert "two instructions" in catches(RULE, swapped).message.en


def test_a_description_beside_the_first_half_and_the_same_words_twice_are_fine() -> None:
    catches_not(RULE, _case([EDIT, EDIT], ["a man before a wall", EDIT]), Status.CLEAR)


def test_each_fault_has_its_own_finding() -> None:
    case = _case([*[EDIT] * 8, "make it night", None], ["add a hat"])
    assert [len(finding.paths) for finding in findings(RULE, case)] == [1, 1, 2]


def test_single_pictures_are_not_asked() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
