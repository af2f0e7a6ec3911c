from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.overexposed_image import RULE
from tests.diagnose.cases import catches, catches_not
from tests.diagnose.looked_at import looked_at, not_looked_at, path


def test_much_white_and_nothing_dark_is_named() -> None:
    assert catches(RULE, looked_at({"clipped_share": 0.5, "p01": 140.0}), Severity.WATCH).paths == (path(0),)


def test_a_white_studio_with_dark_hair_passes() -> None:
    catches_not(RULE, looked_at({"clipped_share": 0.7, "p01": 30.0}), Status.CLEAR)


def test_a_plain_white_field_is_no_exposure() -> None:
    catches_not(RULE, looked_at({"clipped_share": 1.0, "p01": 255.0, "contrast": 0.0}), Status.CLEAR)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_what_was_kept_of_some_pictures_does_not_clear_the_others() -> None:
    catches_not(RULE, looked_at({}, is_whole=False), Status.NOT_APPLICABLE)
