from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.dataset import vocabulary as words
from orchestrator.dataset.tags import normal
from orchestrator.dataset.vocabulary import CATEGORIES, CONTRADICTIONS, contradictions, vocabulary

if TYPE_CHECKING:
    from pathlib import Path


def test_the_list_is_large_and_every_category_has_tags() -> None:
    known = vocabulary()
    assert len(known.categories) > 1000
    assert set(known.categories.values()) == set(CATEGORIES)


def test_no_tag_stands_twice_in_the_list() -> None:
    every = [normal(one) for tag, _, others in words._rows() for one in (tag, *others)]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("tag", "category"),
    [
        ("red_hair", "hair-colour"),
        ("Gray Hair", "hair-colour"),
        ("pony-tail", "hair-style"),
        ("blue eyes", "eyes"),
        ("hair ribbon", "ornament"),
        ("outdoor", "background"),
        ("watercolour (medium)", "style"),
        ("looking at camera", "view"),
        ("score_9", "meta"),
        (":d", "expression"),
        ("no such tag", None),
    ],
)
def test_tags_are_found_in_any_spelling(tag: str, category: str | None) -> None:
    assert vocabulary().category(tag) == category


def test_other_names_lead_to_the_tag() -> None:
    assert vocabulary().written("smiling") == "smile"
    assert vocabulary().written("FullBody") == "full body"
    assert vocabulary().written("unheard_of") == "unheard of"


def test_every_tag_of_a_contradiction_is_in_the_list_as_it_is_written() -> None:
    known = vocabulary()
    for sides in CONTRADICTIONS:
        for tag in (*sides[0], *sides[1], *sides[2]):
            assert known.written(tag) == tag
            assert known.category(tag) is not None


def test_traits_of_several_people_may_differ_but_the_picture_is_one() -> None:
    assert contradictions({"long hair", "short hair"}) == [("short hair", "long hair")]
    assert contradictions({"2girls", "long hair", "short hair"}) == []
    assert contradictions({"2girls", "day", "night"}) == [("day", "night")]


def test_a_taggers_list_is_read_and_a_foreign_file_refused(tmp_path: Path) -> None:
    path = tmp_path / "selected_tags.csv"
    path.write_text('tag_id,name,category,count\n1,hatsune_miku,4,10\n2,"a,b",0,3\n', encoding="utf-8")
    assert words.read_selected_tags(path) == {"hatsune miku", "a,b"}
    path.write_text("x,y\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no column `name`"):
        words.read_selected_tags(path)


def test_lists_of_taggers_are_found_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub" / "models--SmilingWolf--wd-vit-tagger-v3" / "snapshots" / "abc"
    own = tmp_path / "work" / "wd14_tagger_model" / "SmilingWolf_wd"
    for folder in (hub, own):
        folder.mkdir(parents=True)
        (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n", encoding="utf-8")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    assert {path.parent for path in words.tagger_lists(tmp_path / "work")} == {hub, own}
