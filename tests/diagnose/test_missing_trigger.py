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
    assert "0.png" in finding.message.en
    assert [path.name for path in finding.paths] == ["0.png", "1.png"]


def test_missing_in_few_is_to_look_at() -> None:
    catches(RULE, _case(["alicexyz, smile", "alicexyz", "hat"]), Severity.WATCH)


@pytest.mark.parametrize("caption", ["alicexyz, smile", "ALICEXYZ, smile", "\ufeffalicexyz", "a photo of alicexyz."])
def test_the_trigger_is_found_as_a_word_in_any_case(caption: str) -> None:
    catches_not(RULE, _case([caption]), Status.CLEAR)


def test_a_prefix_counts() -> None:
    catches_not(RULE, _case(["smile"], {"caption_prefix": "alicexyz,"}), Status.CLEAR)


def test_without_a_recipe_the_word_most_captions_begin_with_is_taken_for_it() -> None:
    captions = [f"zxqchara, {tag}" for tag in ("smile", "sad", "night", "city", "hat", "day", "beach", "sky", "moon")]
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate([*captions, "zxqchara, tree", "1girl, smile"])]
    finding = catches(RULE, Case(dataset=dataset(folder(pictures))), Severity.WATCH)
    assert "`zxqchara`" in finding.message.en
    assert [path.name for path in finding.paths] == ["10.png"]


def test_a_known_tag_in_front_is_no_trigger() -> None:
    pictures = [picture(f"{i}.png", f"1girl, tag{i}, smile") for i in range(20)]
    catches_not(RULE, Case(dataset=dataset(folder(pictures))), Status.NOT_APPLICABLE)


def test_without_trigger_or_plan_nothing_is_asked() -> None:
    catches_not(RULE, Case(plan=plan(trigger=None), dataset=dataset()), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(recipe=recipe(), dataset=dataset(folder([picture(caption=None)]))), Status.NOT_APPLICABLE)
