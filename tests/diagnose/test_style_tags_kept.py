from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.style_tags_kept import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, recipe


def _case(captions: list[str], kind: str = "character") -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(
        recipe=recipe(subject={"kind": kind, "trigger": "alicexyz", "class_tokens": "girl"}),
        dataset=dataset(folder(pictures)),
    )


def _set(tag: str, share: float, kind: str) -> Case:
    return _case([f"alicexyz, 1girl, tag{i}" + (f", {tag}" if i < share * 20 else "") for i in range(20)], kind)


@pytest.mark.parametrize("tag", ["watercolor (medium)", "line art", "flat color", "anime style"])
def test_words_about_the_style_on_nearly_all_captions_are_named(tag: str) -> None:
    finding = catches(RULE, _set(tag, 0.9, "style"), Severity.WATCH)
    assert len(finding.paths) == 18


def test_subjects_and_rarer_words_stay() -> None:
    catches_not(RULE, _set("forest, red hair", 1, "style"), Status.CLEAR)
    catches_not(RULE, _set("sketch", 0.5, "style"), Status.CLEAR)


def test_other_kinds_are_not_asked() -> None:
    catches_not(RULE, _set("sketch", 1, "character"), Status.NOT_APPLICABLE)
