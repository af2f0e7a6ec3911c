from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.nan_latents import RULE
from tests.diagnose.cases import catches, catches_not, event, observed

LINE = event("nan-latents", "NaN found in latents, replacing with zeros")


def test_the_trainers_line_stops_with_a_safe_change() -> None:
    finding = catches(RULE, observed(events=[LINE, LINE]), Severity.STOP)
    assert finding.evidence[0].value == 2
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.no_half_vae", True)]


def test_the_count_is_the_consoles_where_lines_were_cut() -> None:
    assert catches(RULE, observed(events=[LINE], facts={"nan_latents_lines": 900})).evidence[0].value == 900


def test_what_is_set_already_is_not_advised_as_a_change() -> None:
    finding = catches(RULE, observed(events=[LINE], no_half_vae=True))
    assert finding.fix is not None
    assert finding.fix.changes == ()


def test_a_console_without_it_is_clear() -> None:
    catches_not(RULE, observed(), Status.CLEAR)
