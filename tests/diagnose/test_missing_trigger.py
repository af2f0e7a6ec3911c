from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.missing_trigger import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, plan, recipe, subset


def _case(captions: list[str], general: dict[str, Any] | None = None, **options: Any) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(plan=plan(general=general, subsets=(subset(**options),)), dataset=dataset(folder(pictures)))


def test_missing_in_most_captions_is_to_fix() -> None:
    finding = catches(RULE, _case(["smile", "alicexyzz, hat", "alicexyz"]), Severity.FIX)
    assert "2 of 3" in finding.message.en
    assert "0.png" in finding.message.en or "0.txt" in finding.message.en


def test_missing_in_few_is_to_look_at() -> None:
    catches(RULE, _case(["alicexyz, smile", "alicexyz", "hat"]), Severity.WATCH)


def test_shuffling_without_keeping_is_one_safe_change() -> None:
    finding = catches(RULE, _case(["alicexyz, smile"], {"shuffle_caption": True, "keep_tokens": 0}), Severity.FIX)
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("dataset.keep_tokens", 1, True)]


def test_a_subset_may_shuffle_on_its_own() -> None:
    catches(RULE, _case(["alicexyz, smile"], shuffle_caption=True), Severity.FIX)
    catches_not(RULE, _case(["alicexyz, smile"], shuffle_caption=True, keep_tokens=1), Status.CLEAR)


def test_not_first_matters_only_when_tags_are_shuffled() -> None:
    captions = ["smile, alicexyz", "alicexyz"]
    catches(RULE, _case(captions, {"shuffle_caption": True, "keep_tokens": 1}), Severity.WATCH)
    catches_not(RULE, _case(captions, {"shuffle_caption": False}), Status.CLEAR)


@pytest.mark.parametrize("caption", ["alicexyz, smile", "ALICEXYZ, smile", "\ufeffalicexyz", "a photo of alicexyz."])
def test_the_trigger_is_found_as_a_word_in_any_case(caption: str) -> None:
    catches_not(RULE, _case([caption]), Status.CLEAR)


def test_a_prefix_counts() -> None:
    catches_not(RULE, _case(["smile"], {"caption_prefix": "alicexyz,"}), Status.CLEAR)


def test_without_trigger_or_plan_nothing_is_asked() -> None:
    catches_not(RULE, Case(plan=plan(trigger=None), dataset=dataset()), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(recipe=recipe(), dataset=dataset(folder([picture(caption=None)]))), Status.NOT_APPLICABLE)
