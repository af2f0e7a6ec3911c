from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.core.errors import InputError
from orchestrator.core.rundir import RunDir
from orchestrator.run.records.history import read_history
from orchestrator.run.records.journal import Journal, read_journal
from orchestrator.run.saved import disk
from orchestrator.training import resume
from orchestrator.training.resume import settle_cut_off, start_again

if TYPE_CHECKING:
    from pathlib import Path

RELIABILITY = {
    "A04": "the tool killed between a save and its publishing: published, or set apart, before the run goes on",
    "A15": "--from-scratch beside a whole state: goes on from it, never two courses in one folder",
}


def network(path: Path, epoch: int, name: str = "lora_unet_a") -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {f"{name}.lora_up.weight": np.ones((4, 2), np.float32)}, path,
        {"ss_steps": str(epoch * 5), "ss_epoch": str(epoch)},
    )  # fmt: skip
    return path.read_bytes()


def test_what_was_whole_is_published_and_what_was_torn_is_set_apart(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    journal = Journal(run.journal)
    journal.add("planned", total_steps=60, steps_per_epoch=5)
    journal.attempt = 1
    journal.add("attempt-started", first_step=0)
    whole = network(run.output / "a-000002.safetensors", 2)
    (run.output / "a-000003.safetensors").write_bytes(whole[:-3])
    settle_cut_off(run, journal)
    history = read_history(run)
    assert [(p.file, p.step) for p in history.published] == [("a-000002.safetensors", 10)]
    assert list(history.quarantined) == ["attempts/001/output/a-000003.safetensors"]
    before = run.journal.read_bytes()
    settle_cut_off(run, journal)  # once is enough
    assert run.journal.read_bytes() == before
    (run.output / "a-000003.safetensors").write_bytes(whole)  # made anew from its state, and then the tool was killed
    settle_cut_off(run, journal)
    assert [p.file for p in read_history(run).published] == ["a-000002.safetensors", "a-000003.safetensors"]


def test_other_tensors_than_were_published_before_the_end_are_set_apart(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    journal = Journal(run.journal)
    journal.attempt = 1
    journal.add("attempt-started", first_step=0)
    network(run.output / "a-000002.safetensors", 2)
    settle_cut_off(run, journal)
    network(run.output / "a-000003.safetensors", 3, "lora_unet_b")
    settle_cut_off(run, journal)
    (reason,) = read_history(run).quarantined.values()
    assert reason == "its tensors are not those of the files before it"


def test_what_could_not_be_published_is_not_called_set_apart(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    journal = Journal(run.journal)
    journal.attempt = 1
    journal.add("attempt-started", first_step=0)
    network(run.output / "a-000002.safetensors", 2)
    run.checkpoints.write_text("a file where the folder should be")
    settle_cut_off(run, journal)
    assert [entry.event for entry in read_journal(run.journal).entries] == ["attempt-started", "not-published"]
    assert not read_history(run).quarantined


def test_an_attempt_that_was_settled_is_left_alone(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    journal = Journal(run.journal)
    journal.attempt = 1
    journal.add("attempt-started", first_step=0)
    journal.add("attempt-ended", step=5, ending="interrupted")
    network(run.output / "a-000002.safetensors", 2)
    settle_cut_off(run, journal)
    assert not run.checkpoints.exists()


@pytest.mark.parametrize("has_state", [True, False])
def test_from_scratch_is_for_runs_without_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_state: bool
) -> None:
    from orchestrator.backends.attempt import Start

    run = RunDir(tmp_path)
    run.output.mkdir(parents=True)
    job: Any = SimpleNamespace(
        rundir=run,
        plan=SimpleNamespace(steps=SimpleNamespace(total_steps=60), changes={}),
        journal=Journal(run.journal),
    )
    told: list[str] = []
    listener: Any = SimpleNamespace(told=lambda text: told.append(text.en))
    state = Start(2, 10, "attempts/001/output/a-000002-state") if has_state else Start(2)
    monkeypatch.setattr(resume, "start_of", lambda _job, _number: state)
    monkeypatch.setattr(disk, "require_room", lambda *_: None)
    monkeypatch.setattr(disk, "run_need", lambda *_: None)
    assert start_again(job, listener, from_scratch=True) == state
    assert any("a whole state is there" in text for text in told) is has_state
    if not has_state:
        with pytest.raises(InputError, match="no state to go on from"):
            start_again(job, listener)
