from __future__ import annotations

from typing import get_args

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.looked import Copy, CopyGroup
from orchestrator.dataset.near import Relation
from orchestrator.diagnose.rules.near_duplicate_images import RELATIONS, RULE
from tests.diagnose.cases import catches, catches_not
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
