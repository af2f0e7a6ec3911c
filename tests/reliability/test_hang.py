"""A trainer that hangs is told, says where it stands, and is begun again only where that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.run.process import launch, patience
from tests.reliability.conftest import EPOCHS, PER_EPOCH

if TYPE_CHECKING:
    from tests.reliability.conftest import Runs

RELIABILITY = {
    "A23": "SIGSTOP and a hang in a step: told, stacks in console.log, restarted from the newest state once where asked",
}
LIMIT_S = 0.7


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "limits_for", lambda *_: patience.Limits(step_s=LIMIT_S))
    monkeypatch.setattr(patience, "STEP_TIMES", 0.0)
    monkeypatch.setattr(launch, "LADDER", ((0.0, "interrupt"), (0.2, "terminate"), (0.4, "kill")))


def test_a_hang_is_begun_again_once_from_the_newest_state(runs: Runs) -> None:
    runs.start({"1": {"at": 6, "do": "hang"}}, "train.on_hang=restart")
    first, second = runs.history.attempts
    assert (first.ending, first.cause, first.last_step) == ("stopped", "no-output", 5)
    assert (second.why, second.first_step, second.last_step) == ("silent", 4, PER_EPOCH * EPOCHS)
    silent = [e.facts for e in runs.entries if e.event == "silent"][-1]
    assert (silent["phase"], silent["stacks"]) == ("step", 1)
    assert silent["seconds"] >= LIMIT_S
    text = (runs.rundir.root / "attempts" / "001" / "console.log").read_text()
    assert "most recent call first" in text
    assert "in go_wrong" in text
    assert runs.heard.has("the end of console.log")
    assert runs.heard.has("once more, from the newest saved state")


def test_a_second_hang_is_the_end(runs: Runs) -> None:
    runs.start({"1": {"at": 6, "do": "stop"}, "2": {"at": 6, "do": "stop"}}, "train.on_hang=restart")
    assert [(a.why, a.cause) for a in runs.history.attempts] == [("start", "no-output"), ("silent", "no-output")]


def test_without_the_wish_a_hang_is_only_told(runs: Runs) -> None:
    runs.start({"1": {"at": 6, "do": "hang", "s": 3 * LIMIT_S}})
    assert [(a.ending, a.last_step) for a in runs.history.attempts] == [("succeeded", PER_EPOCH * EPOCHS)]
    silent = [e.facts["seconds"] for e in runs.entries if e.event == "silent"]
    assert max(silent) >= 2 * LIMIT_S, "where the wish would have ended it"
