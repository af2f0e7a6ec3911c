from __future__ import annotations

from dataclasses import replace

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pairs import find_pairs
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.missing_caption import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, plan, subset


def test_some_missing_is_to_fix_and_named() -> None:
    pictures = [picture("a.png"), picture("b.png", caption=None)]
    finding = catches(RULE, Case(dataset=dataset(folder(pictures))), Severity.FIX)
    assert "1 of 2" in finding.message.en
    assert "b.png" in finding.message.en
    assert [path.name for path in finding.paths] == ["b.png"]


def test_none_at_all_may_be_meant() -> None:
    catches(RULE, Case(dataset=dataset(folder([picture(caption=None)]))), Severity.WATCH)


def test_what_they_are_trained_with_is_told() -> None:
    """Each folder has its own words, in the order of the recipe."""
    bare = folder([picture(caption=None)])
    subsets = (replace(subset(), is_reg=True, class_tokens="girl"), replace(subset(), class_tokens="al1ce girl"))
    case = Case(dataset=dataset(folder(is_reg=True), bare), plan=plan(subsets=subsets))
    assert [fact.value for fact in catches(RULE, case).evidence] == [1, "al1ce girl"]
    assert len(catches(RULE, Case(dataset=dataset(bare))).evidence) == 1


def test_regularisation_pictures_do_without() -> None:
    catches_not(RULE, Case(dataset=dataset(folder(), folder([picture(caption=None)], is_reg=True))), Status.CLEAR)


def test_all_captioned_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)


def test_pairs_are_left_to_their_own_rule_and_what_lies_beside_them_is_not() -> None:
    halves = [picture("1_before.png", caption=None), picture("1_after.png", caption=None)]
    both = folder([*halves, picture("a.png", caption=None)])
    finding = catches(RULE, Case(dataset=replace(dataset(both), pairs=find_pairs([both]))))
    assert [path.name for path in finding.paths] == ["a.png"]
    catches_not(RULE, Case(dataset=replace(dataset(folder(halves)), pairs=find_pairs([both]))), Status.CLEAR)
