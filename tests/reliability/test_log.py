"""What happens to the console log is told while the run goes on, and costs it nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.run.process import console_log
from tests.reliability.conftest import EPOCHS, PER_EPOCH

if TYPE_CHECKING:
    import pytest

    from orchestrator.core.rundir import RunDir
    from tests.reliability.conftest import Runs


def test_a_deleted_console_log_is_told_during_the_run(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(rundir: RunDir, _total_steps: int) -> None:
        rundir.console_log.unlink()

    monkeypatch.setattr(console_log, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(runs.heard, "begins", delete)
    done = runs.start({})
    assert runs.heard.has("console.log was deleted or moved; it was begun anew")
    assert [e.facts["told"] for e in runs.entries if e.event == "console-log"] == [t.en for t in runs.heard.words]
    assert (done.launched.exit_code, runs.history.last_step) == (0, PER_EPOCH * EPOCHS)
