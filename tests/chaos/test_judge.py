"""The judge of killed runs finds each loss that is planted: one that finds nothing would prove nothing."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from chaos.judge import Judge, Tally
from chaos.run_files import STATE_FILES, has_begun_training, newest_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLANNED = 4


def write_network(path: Path, value: float = 1.0, steps: int = PLANNED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": np.full(64, value, np.float32)}, path, {"ss_steps": str(steps)})


def write_state(run: Path, attempt: int, epoch: int) -> Path:
    folder = run / f"attempts/{attempt:03d}/output/tiny-{epoch:06d}-state"
    write_network(folder / "model.safetensors")
    for name in STATE_FILES[1:4]:
        with zipfile.ZipFile(folder / name, "w") as file:
            file.writestr("archive/data.pkl", b"0123456789" * 20)
    (folder / "train_state.json").write_text(f'{{"current_epoch": {epoch}, "current_step": {epoch}}}', encoding="utf-8")
    return folder


def write_journal(run: Path, *attempts: dict[str, Any]) -> None:
    entries = [{"event": "planned", "attempt": 0, "facts": {"total_steps": PLANNED}}]
    entries += [{"event": "attempt-started", "attempt": n, "facts": facts} for n, facts in enumerate(attempts, 1)]
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (run / "journal.jsonl").write_text(text + '{"event": "torn', encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was killed after its second state, gone on with and ended: nothing is lost."""
    run = tmp_path / "tiny-001"
    for epoch in (1, 2):
        write_state(run, 1, epoch)
    write_network(run / "attempts/001/output/tiny-000002.safetensors", 2.0)
    write_network(run / "checkpoints/tiny-000002.safetensors", 2.0)
    write_network(run / "attempts/002/output/tiny.safetensors", 3.0, steps=2)
    write_network(run / "checkpoints/tiny.safetensors", 3.0, steps=2)
    resumed = {"first_step": 2, "state": "attempts/001/output/tiny-000002-state", "why": "resume"}
    write_journal(run, {"first_step": 0, "state": None, "why": "start"}, resumed)
    (run / "report.json").write_text(json.dumps({"facts": {"last_step": PLANNED}}), encoding="utf-8")
    return run


def judged(run: Path, plant: Callable[[], object] = lambda: None, code: int = 0) -> Tally:
    """Judge the second launch of the run; `plant` is done between its first and its second look."""
    tally = Tally("pocket")
    judge = Judge(run, tally)
    second = run / "attempts" / "002"
    second.rename(run / "beside")
    judge.note_launch()
    assert judge.new_attempt is None
    (run / "beside").rename(second)
    assert judge.new_attempt == second
    judge.look()
    plant()
    judge.look()
    judge.judge_end("what it said", code)
    return tally


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_a_sound_run_is_clean(run: Path) -> None:
    tally = judged(run)
    assert tally.is_clean
    assert not tally.torn_networks | tally.torn_states


def test_a_published_file_that_goes_is_lost(run: Path) -> None:
    tally = judged(run, (run / "checkpoints/tiny-000002.safetensors").unlink)
    assert tally.lost_files == ["tiny-001: tiny-000002.safetensors"]
    assert tally.unpublished == ["tiny-001: attempts/001/output/tiny-000002.safetensors"]


def test_a_published_file_that_changes_is_lost(run: Path) -> None:
    tally = judged(run, lambda: write_network(run / "checkpoints/tiny-000002.safetensors", 9.0))
    assert tally.lost_files == ["tiny-001: tiny-000002.safetensors"]


def test_a_torn_published_file_is_seen(run: Path) -> None:
    cut(run / "checkpoints/tiny-000002.safetensors")
    assert "tiny-001: tiny-000002.safetensors" in judged(run).torn_published


@pytest.mark.parametrize("name", STATE_FILES)
@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_torn_state_is_not_one_to_go_on_from(run: Path, name: str, damage: Callable[[Path], object]) -> None:
    torn = run / "attempts/001/output/tiny-000002-state"
    damage(torn / name)
    assert newest_whole(run) == torn.with_name("tiny-000001-state")
    tally = judged(run)
    (wrong,) = {*tally.wrong_picks}
    assert "tiny-000002-state instead of attempts/001/output/tiny-000001-state" in wrong
    assert tally.torn_states == {torn}


def test_the_bar_of_the_steps_tells_that_training_has_begun(tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    before = "  bucket_reso_steps: 64\n\r 25%|██▌       | 2/8 [00:02<00:07,  1.17s/it]\nmax_train_steps: 80\n"
    for text, has_begun in ((before, False), (f"{before}\rsteps:   0%|          | 0/80 [00:00<?, ?it/s]", True)):
        console.write_text(text, encoding="utf-8")
        assert has_begun_training(tmp_path) == has_begun
    console.unlink()
    assert not has_begun_training(tmp_path)


def test_the_later_attempt_is_newer_at_the_same_epoch(run: Path) -> None:
    newest = write_state(run, 2, 2)
    assert newest_whole(run) == newest


def test_a_torn_file_of_the_trainer_is_counted_and_no_loss(run: Path) -> None:
    torn = run / "attempts/001/output/tiny-000003.safetensors"
    write_network(torn, 7.0)
    cut(torn)
    tally = judged(run)
    assert tally.torn_networks == {torn}
    assert tally.is_clean


def test_a_step_too_many_is_seen(run: Path) -> None:
    for place in ("checkpoints", "attempts/002/output"):
        write_network(run / place / "tiny.safetensors", 3.0, steps=3)
    assert judged(run).wrong_steps == [f"tiny-001: 2 + 3 of {PLANNED}"]


def test_a_report_of_other_steps_is_seen(run: Path) -> None:
    (run / "report.json").write_text('{"facts": {"last_step": 3}}', encoding="utf-8")
    assert judged(run).wrong_steps == [f"tiny-001: the report says 3 of {PLANNED}"]


def test_a_run_that_fails_is_told_with_its_words(run: Path) -> None:
    assert judged(run, code=3).other == ["tiny-001: exit 3: what it said"]


def test_a_run_that_never_was_is_told(tmp_path: Path) -> None:
    tally = Tally("pocket")
    Judge(tmp_path / "tiny-001", tally).judge_end("no such file", 2)
    assert tally.other == ["tiny-001: exit 2: no such file"]
