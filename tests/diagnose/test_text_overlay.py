from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.pixels.model import Region
from orchestrator.diagnose.rules.text_overlay import RULE
from tests.diagnose.cases import catches, catches_not
from tests.diagnose.looked_at import looked_at, not_looked_at, path

TEXT = {"overlays": (Region(0.2, 0.9, 0.8, 0.95, 0.93, "subtitle"),)}


def test_text_over_several_pictures_is_a_warning() -> None:
    finding = catches(RULE, looked_at(TEXT, TEXT), Severity.WATCH)
    assert finding.paths == (path(0), path(1))
    assert finding.evidence[0].value == 0.93


def test_text_over_one_picture_is_only_mentioned() -> None:
    catches(RULE, looked_at(TEXT), Severity.INFO)


def test_no_text_is_clear() -> None:
    catches_not(RULE, looked_at({}), Status.CLEAR)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_what_was_kept_of_some_pictures_does_not_clear_the_others() -> None:
    catches_not(RULE, looked_at({}, is_whole=False), Status.NOT_APPLICABLE)
