"""A run that is gone on with is asked for the room of what is still to come, and for no more."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault
from orchestrator.run.saved import disk
from orchestrator.run.saved.disk import Room, run_need
from orchestrator.training.resume import open_run, start_again

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reliability.conftest import Runs

RELIABILITY = {"B02 (resume)": "a run gone on with on a disk without room for the rest, and with just enough"}


@pytest.mark.parametrize("is_enough", [False, True])
def test_the_room_of_what_is_left_is_looked_at(runs: Runs, monkeypatch: pytest.MonkeyPatch, is_enough: bool) -> None:
    runs.start({"1": {"at": 10, "do": "mistake"}})
    with ExitStack() as held:
        job = open_run(runs.rundir.root, held)
        left, whole = run_need(job.plan, 8), run_need(job.plan)
        assert left.size_bytes < whole.size_bytes
        free = left.size_bytes if is_enough else left.size_bytes - 1

        def room(folder: Path) -> Room:
            return Room(folder, 1, free, None)

        monkeypatch.setattr(disk, "room_at", room)
        if is_enough:
            start = start_again(job, runs.heard)
            assert start is not None
            assert start.first_step == 8
            assert runs.heard.has("nearly full")
            return
        with pytest.raises(EnvironmentFault) as caught:
            start_again(job, runs.heard)
    assert caught.value.problems[0].code == "disk-space"
    assert runs.history.attempts[-1].number == 1
