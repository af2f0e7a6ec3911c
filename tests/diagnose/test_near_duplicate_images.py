from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.looked import Copy, CopyGroup, Looked
from orchestrator.dataset.near import Relation
from orchestrator.dataset.relations import RELATIONS
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.near_duplicate_images import RULE
from orchestrator.report.dataset_page.copies import copy_counts
from orchestrator.report.tell_dataset import groups_record
from tests.diagnose.cases import catches, catches_not, folder, picture
from tests.diagnose.looked_at import looked_at, not_looked_at, path


def _group(*relations: str) -> CopyGroup:
    copies = (Copy(path(i + 1), relation, is_mirrored=False, likeness=0.99) for i, relation in enumerate(relations))  # type: ignore[arg-type]
    return CopyGroup(path(0), tuple(copies))


def test_a_group_is_named_with_the_one_to_keep() -> None:
    finding = catches(RULE, looked_at({}, groups=(_group("crop", "flip"),)), Severity.WATCH)
    assert finding.paths == (path(0), path(1), path(2))
    assert "2 pictures show" in finding.message.en
    assert [(fact.source, fact.value) for fact in finding.evidence] == [
        ("000.png", "000.png: 001.png"),
        ("000.png", "000.png: 002.png"),
    ]
    assert [("cropped" in fact.what.en, "裁剪" in fact.what.zh) for fact in finding.evidence] == [
        (True, True),
        (False, False),
    ]


def test_every_way_to_differ_has_a_word_in_both_languages() -> None:
    assert set(RELATIONS) == set(get_args(Relation))
    assert all(word.en != word.zh for word in RELATIONS.values())


def test_equal_files_alone_are_another_rules() -> None:
    catches_not(RULE, looked_at({}, groups=(_group("exact"),)), Status.CLEAR)


def test_in_a_mixed_group_equal_files_are_not_counted() -> None:
    finding = catches(RULE, looked_at({}, groups=(_group("exact", "resized"),)))
    assert "1 picture shows" in finding.message.en


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_pictures_that_nobody_compared_are_not_cleared() -> None:
    catches_not(RULE, looked_at({}, groups=None), Status.NOT_APPLICABLE)


def test_what_is_not_trained_on_is_neither_counted_nor_kept() -> None:
    case = looked_at({}, groups=(_group("resized"),))
    assert case.dataset is not None
    apart, trained = picture("000.png"), [picture(f"{i:03}.png") for i in range(1, 12)]
    for role in ("is_reg", "is_held_out"):
        found = replace(case.dataset, folders=(folder([apart], **{role: True}), folder(trained)))
        catches_not(RULE, Case(dataset=found), Status.CLEAR)
        assert groups_record(Path("pictures"), found) == []
        assert copy_counts(found) == (0, 0)
        more = replace(found, looked=Looked({}, (_group("resized", "crop"),)))
        finding = catches(RULE, Case(dataset=more))
        assert finding.paths == (path(1), path(2))
        assert "1 picture shows what another shows: 002.png." in finding.message.en
        assert groups_record(Path("pictures"), more)[0]["paths"] == ["001.png", "002.png"]


def test_only_spare_pictures_are_named_and_equal_ones_of_them_once() -> None:
    case = looked_at({}, groups=(_group("recompressed", "recompressed", "crop"),))
    assert case.dataset is not None
    found = replace(case.dataset, equal_files=((path(1), path(2)),))
    finding = catches(RULE, Case(dataset=found))
    assert "2 pictures show what another shows: 001.png, 003.png." in finding.message.en
    assert copy_counts(found) == (1, 2)


def test_many_copies_are_counted_in_no_language() -> None:
    finding = catches(RULE, looked_at({}, groups=(_group("crop", "crop", "crop", "crop"),)))
    assert finding.evidence[0].value == "000.png: 001.png, 002.png, 003.png + 1"
