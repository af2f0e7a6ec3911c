from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.caption_too_long import RULE, count_tokens
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(words: int, family: str = "sd15", **settings: object) -> Case:
    caption = " ".join(["smile"] * words)
    return Case(dataset=dataset(folder([picture("a.png", caption)])), family=family, settings=settings)


def test_what_is_cut_off_is_told_with_a_safe_change() -> None:
    finding = catches(RULE, _case(76, max_token_length=75), Severity.WATCH)
    assert finding.evidence[0].value == 76
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("train.max_token_length", 225, True)]


def test_the_recipes_own_limit_counts() -> None:
    catches_not(RULE, _case(76, max_token_length=150), Status.CLEAR)
    finding = catches(RULE, _case(226, max_token_length=225))
    assert finding.fix is not None
    assert finding.fix.changes == ()


def test_before_anything_is_decided_only_what_no_setting_reads_is_told() -> None:
    catches_not(RULE, _case(225), Status.CLEAR)
    finding = catches(RULE, _case(226))
    assert [path.name for path in finding.paths] == ["a.png"]
    catches(RULE, Case(dataset=dataset(folder([picture("a.png", "smile " * 226)]))), Severity.WATCH)


def test_families_with_long_captions_are_not_asked() -> None:
    catches_not(RULE, _case(300, family="flux"), Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("caption", "least"), [("1girl, smile", 4), ("a-b_c", 5), ("", 0), ("long hair", 2), ("2024", 4), ("...!", 1)]
)
def test_tokens_are_counted_from_below_as_clip_splits(caption: str, least: int) -> None:
    assert count_tokens(caption) == least
