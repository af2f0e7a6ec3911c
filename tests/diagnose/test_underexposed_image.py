from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.underexposed_image import RULE
from tests.diagnose.cases import catches, catches_not
from tests.diagnose.looked_at import looked_at, not_looked_at, path


def test_a_picture_without_lights_is_named() -> None:
    assert catches(RULE, looked_at({"p95": 41.0}), Severity.WATCH).paths == (path(0),)


def test_a_night_with_lights_passes() -> None:
    catches_not(RULE, looked_at({"p95": 60.0, "p50": 8.0}), Status.CLEAR)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_what_was_kept_of_some_pictures_does_not_clear_the_others() -> None:
    catches_not(RULE, looked_at({}, is_whole=False), Status.NOT_APPLICABLE)
