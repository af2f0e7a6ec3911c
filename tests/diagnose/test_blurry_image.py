from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.blurry_image import RULE
from tests.diagnose.cases import catches, catches_not
from tests.diagnose.looked_at import looked_at, not_looked_at, path


def test_a_picture_without_a_sharp_place_is_named() -> None:
    finding = catches(RULE, looked_at({"sharpness": 0.3}, {"sharpness": 0.459}), Severity.WATCH)
    assert finding.paths == (path(0), path(1))
    assert "2 pictures are blurred" in finding.message.en
    assert next((fact.source, fact.value, fact.limit) for fact in finding.evidence) == ("000.png", 0.3, 0.46)


def test_soft_pictures_and_those_with_nothing_to_judge_by_pass() -> None:
    catches_not(RULE, looked_at({"sharpness": 0.47}, {"sharpness": None}), Status.CLEAR)


def test_what_cannot_be_read_is_another_rules() -> None:
    catches_not(RULE, looked_at({"sharpness": 0.1, "problem": "damaged-data"}), Status.CLEAR)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_what_was_kept_of_some_pictures_does_not_clear_the_others() -> None:
    catches_not(RULE, looked_at({}, is_whole=False), Status.NOT_APPLICABLE)
