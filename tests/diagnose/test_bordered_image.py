from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.bordered_image import RULE
from tests.diagnose.cases import catches, catches_not
from tests.diagnose.looked_at import looked_at, not_looked_at, path


def test_bars_in_pairs_are_named() -> None:
    finding = catches(RULE, looked_at({"bars": (0, 100, 0, 100), "bar_level": 0.0}), Severity.WATCH)
    assert (finding.paths, finding.evidence[0].value) == ((path(0),), 200.0)


def test_one_flat_edge_and_plain_backgrounds_pass() -> None:
    sky = {"bars": (0, 200, 0, 0), "bar_level": 240.0}
    studio = {"bars": (90, 0, 90, 0), "bar_level": 250.0, "background_share": 0.6, "background_level": 245.0}
    catches_not(RULE, looked_at(sky, studio), Status.CLEAR)


def test_black_bars_round_a_plain_background_are_bars() -> None:
    framed = {"bars": (0, 90, 0, 90), "bar_level": 0.0, "background_share": 0.8, "background_level": 245.0}
    assert catches(RULE, looked_at(framed), Severity.WATCH).paths == (path(0),)


def test_nobody_looked() -> None:
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)


def test_what_was_kept_of_some_pictures_does_not_clear_the_others() -> None:
    catches_not(RULE, looked_at({}, is_whole=False), Status.NOT_APPLICABLE)
