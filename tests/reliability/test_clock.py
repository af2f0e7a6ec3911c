"""A wall clock that jumps changes nothing: durations are of a clock that does not, order is by number."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import time
from typing import TYPE_CHECKING

from orchestrator.pipeline import read_end
from orchestrator.training import attempts
from orchestrator.training.watch import AttemptWatch
from tests.reliability.conftest import EPOCHS, PER_EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.reliability.conftest import Runs

JUMPS: dict[str, Callable[[float], float]] = {
    "right": lambda at: at,
    "an hour ahead": lambda at: at + 3600,
    "an hour back": lambda at: at - 3600,
    "summer and winter in turn": lambda at: at + 3600 * (int(at * 10) % 2),
    "1970": lambda at: at % 1000,
}
RELIABILITY = {
    "A25": f"the wall clock jumps at every look at it in a run with a killed attempt ({', '.join(JUMPS)}), states dated 2100 and 1970: "
    "newest state, steps, expected end, silence and the journal's order unchanged",
}


def test_a_jumping_wall_clock_changes_nothing(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    real, jumps = time.time, itertools.cycle(JUMPS.values())

    def now() -> float:
        return next(jumps)(real())

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Clock:
            return cls.fromtimestamp(now(), tz)

    def waited(_seconds: float, _rundir: object) -> bool:
        states = sorted(runs.rundir.output.glob("*-state"))
        assert len(states) == 2
        os.utime(states[0], (4e9, 4e9))
        os.utime(states[1], (1.0, 1.0))
        return True

    ends: list[float] = []
    seconds_for = AttemptWatch._seconds_for

    def noted(self: AttemptWatch, steps: int) -> float | None:
        ends.append(seconds_for(self, steps) or 0.0)
        return ends[-1]

    stop_reason = AttemptWatch.stop_reason

    def asking(self: AttemptWatch) -> str | None:
        self.ahead()
        return stop_reason(self)

    monkeypatch.setattr(time, "time", now)
    monkeypatch.setattr(dt, "datetime", Clock)
    monkeypatch.setattr(attempts, "waited", waited)
    monkeypatch.setattr(AttemptWatch, "_seconds_for", noted)
    monkeypatch.setattr(AttemptWatch, "stop_reason", asking)
    done = runs.start({"1": {"at": 11, "do": "kill"}, "step_s": 0.03})
    first, second = runs.history.attempts
    assert (first.last_step, second.first_step, second.last_step) == (10, 8, PER_EPOCH * EPOCHS)
    assert second.state == "attempts/001/output/tiny-000002-state"
    assert read_end(done)[1].cause == "ok"
    entries = runs.entries
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    assert [e.up_s for e in entries] == sorted(e.up_s for e in entries)
    assert len({e.at for e in entries}) > 1
    assert not [e for e in entries if e.event == "silent"]
    assert 0 <= max(ends) < 60
