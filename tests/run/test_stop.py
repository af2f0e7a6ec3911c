from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.rundir import RunDir
from orchestrator.run.process.stop import (
    LOOK_EVERY_S,
    Ahead,
    SafeStop,
    asked_text,
    forget_request,
    read_request,
    request_stop,
)

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.run.process.stop import How

RELIABILITY = {
    "A06": "SIGTERM, Ctrl-C or `lora-run stop` once: waits for the next saved state and says when",
    "A08": "twice, or `--now`, or nothing that could be saved: ends at once",
}


AHEAD = Ahead(12, 30.0, 4)


class Scene:
    """A run whose states and clock are set by hand."""

    def __init__(self, folder: Path, ahead: Ahead | None = AHEAD) -> None:
        self.run = RunDir(folder)
        self.saved, self.now, self.ahead = 0, 0.0, ahead
        self.heard: list[tuple[How, Ahead | None]] = []
        self.stop = SafeStop(
            self.run, lambda: self.saved, lambda: self.ahead, lambda *said: self.heard.append(said), lambda: self.now
        )

    def is_due(self, signals: int = 0) -> bool:
        self.now += LOOK_EVERY_S
        return self.stop.is_due(signals)


def test_nobody_asked(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert not scene.is_due()
    scene.saved = 3
    assert not scene.is_due()
    assert scene.heard == []


@pytest.mark.parametrize("by_signal", [True, False])
def test_once_waits_for_the_next_state(tmp_path: Path, *, by_signal: bool) -> None:
    scene = Scene(tmp_path)
    scene.saved = 2
    signals = 1 if by_signal else 0
    if not by_signal:
        request_stop(scene.run, "safe")
    assert not scene.is_due(signals)
    assert not scene.is_due(signals)
    assert scene.heard == [("safe", scene.ahead)]
    scene.saved = 3
    assert scene.is_due(signals)


def test_twice_is_now(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert not scene.is_due(1)
    assert scene.is_due(2)
    assert [how for how, _ in scene.heard] == ["safe", "now"]


def test_now_is_now(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    request_stop(scene.run, "safe")
    assert not scene.is_due()
    request_stop(scene.run, "now")
    assert scene.is_due()
    assert scene.is_due()
    assert [how for how, _ in scene.heard] == ["safe", "now"]


def test_where_nothing_will_be_saved_once_is_now(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ahead=None)
    assert scene.is_due(1)
    assert scene.heard == [("now", None)]


def test_a_disk_that_holds_the_trainer_before_the_state_ends_the_wait(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert not scene.is_due(1)
    scene.ahead = None
    assert scene.is_due(1)
    assert [how for how, _ in scene.heard] == ["safe", "now"]


def test_an_old_wish_is_forgotten(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    forget_request(run)
    request_stop(run, "now")
    forget_request(run)
    assert read_request(run) is None


def test_a_wish_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot ask gone to stop"):
        request_stop(RunDir(tmp_path / "gone"), "safe")


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (Ahead(12, 30.2, 4), "in 12 steps, about 30 s; asked again, it stops at once and loses 4 steps"),
        (Ahead(1, None, 1), "in 1 step; asked again, it stops at once and loses 1 step"),
        (Ahead(900, 1234.0, 0), "in 900 steps, about 21 min; asked again, it stops at once and loses 0 steps"),
    ],
)
def test_what_is_said(ahead: Ahead, said: str) -> None:
    assert asked_text("safe", ahead).en == f"stopping at the next saved state, {said}"
    assert asked_text("now", None).en == "stopping now"
