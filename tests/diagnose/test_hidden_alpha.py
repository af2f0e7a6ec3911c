from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.hidden_alpha import RULE
from tests.diagnose.cases import catches, catches_not
from tests.diagnose.looked_at import looked_at, not_looked_at, path


def test_colours_under_transparency_are_named() -> None:
    finding = catches(RULE, looked_at({"alpha_share": 0.4, "hidden_difference": 120.0}), Severity.FIX)
    assert finding.paths == (path(0),)


def test_white_under_transparency_and_soft_edges_pass() -> None:
    white, edges = {"alpha_share": 0.6, "hidden_difference": 0.5}, {"alpha_share": 0.05, "hidden_difference": 200.0}
    catches_not(RULE, looked_at(white, edges), Status.CLEAR)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_what_was_kept_of_some_pictures_does_not_clear_the_others() -> None:
    catches_not(RULE, looked_at({}, is_whole=False), Status.NOT_APPLICABLE)
