from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.trait_tags_kept import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, recipe


def _case(captions: list[str], kind: str = "character") -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(
        recipe=recipe(subject={"kind": kind, "trigger": "alicexyz", "class_tokens": "girl"}),
        dataset=dataset(folder(pictures)),
    )


def _set(tag: str, share: float, kind: str, count: int = 20) -> Case:
    return _case([f"alicexyz, 1girl, tag{i}" + (f", {tag}" if i < share * count else "") for i in range(count)], kind)


@pytest.mark.parametrize("tag", ["red hair", "long_hair", "blue eyes", "hair ribbon", "freckles"])
def test_traits_on_nearly_all_captions_are_named(tag: str) -> None:
    finding = catches(RULE, _set(tag, 0.9, "character"), Severity.WATCH)
    assert len(finding.paths) == 18
    assert finding.fix is not None
    assert "prune --kind character" in finding.fix.advice.en
    catches(RULE, _set(tag, 0.9, "person"))


def test_traits_on_some_captions_change_on_purpose() -> None:
    catches_not(RULE, _set("red hair", 0.7, "character"), Status.CLEAR)


def test_clothes_places_and_poses_stay() -> None:
    catches_not(RULE, _set("red dress, outdoors, standing", 1, "character"), Status.CLEAR)


def test_other_kinds_and_small_sets_are_not_asked() -> None:
    catches_not(RULE, _set("red hair", 1, "style"), Status.NOT_APPLICABLE)
    catches_not(RULE, _set("red hair", 1, "character", 9), Status.NOT_APPLICABLE)
