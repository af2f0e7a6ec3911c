from __future__ import annotations

import errno
import json
import os
import random
from typing import TYPE_CHECKING, Any

from orchestrator.run.records.history import history_of, read_history
from orchestrator.run.records.journal import Journal, read_journal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CUTS = 200
RELIABILITY = {
    "B07": "a full disk while the journal is written: the event waits, no torn line in the middle",
    "A24": f"a journal cut off at {CUTS} random bytes: every whole line before the cut is read",
}


def test_what_was_added_is_read_in_order_and_numbers_go_on_in_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    first.add("planned", total_steps=60)
    first.attempt = 1
    first.add("attempt-started", first_step=0)
    first.close()
    second = Journal(path)
    second.add("step", step=7)
    second.close()
    entries = read_journal(path).entries
    assert [(e.seq, e.event, e.attempt) for e in entries] == [
        (1, "planned", 0), (2, "attempt-started", 1), (3, "step", 1),
    ]  # fmt: skip


def test_a_journal_cut_anywhere_is_read_up_to_the_cut_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for number in range(30):
        journal.add("step", step=number, note="图" * (number % 5))
    journal.close()
    whole = path.read_bytes()
    chance = random.Random(5)
    for _ in range(CUTS):
        cut = chance.randrange(len(whole))
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        assert len(read_journal(path).entries) == kept
        again = Journal(path)
        again.add("step", step=99)
        again.close()
        reading = read_journal(path)
        is_whole_without_its_end = cut < len(whole) and whole[cut : cut + 1] == b"\n" and whole[cut - 1 : cut] == b"}"
        assert len(reading.entries) == kept + 1 + is_whole_without_its_end
        assert reading.damage == ()
        assert [e.seq for e in reading.entries] == list(range(1, len(reading.entries) + 1))


def test_damage_in_the_middle_is_told_and_read_around(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for number in range(3):
        journal.add("step", step=number)
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * 40 + b"\n" + b'{"seq": 9}\n' + b"[1]\n" + lines[0] + lines[2])
    reading = read_journal(path)
    assert [e.seq for e in reading.entries] == [1, 3]
    assert len(reading.damage) == 4


def test_a_full_disk_keeps_the_event_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.add("planned")
    write = os.write

    def half(fd: int, data: bytes) -> int:
        return write(fd, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    journal.add("step", step=1)
    assert journal.error
    assert path.read_bytes().endswith(b"}\n")  # nothing torn was left

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    journal.add("step", step=2)
    monkeypatch.setattr(os, "write", write)
    journal.add("step", step=3)
    assert journal.error == ""
    journal.close()
    assert [e.facts.get("step") for e in read_journal(path).entries] == [None, 1, 2, 3]


def test_secrets_and_odd_values_stay_out_and_stay_json(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.add("told", text="token hf_" + "a" * 30, loss=float("nan"), where=tmp_path)
    journal.close()
    assert "hf_aaaa" not in path.read_text()
    assert json.loads(path.read_text())["facts"]["loss"] == "NaN"


def history(tmp_path: Path, *events: tuple[str, int, dict[str, Any]]) -> Any:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for event, attempt, facts in events:
        journal.attempt = attempt
        journal.add(event, **facts)
    journal.close()
    return history_of(read_journal(path).entries)


def test_a_history_tells_attempts_files_and_how_it_ended(tmp_path: Path) -> None:
    found = history(
        tmp_path,
        ("planned", 0, {"total_steps": 60, "steps_per_epoch": 5}),
        ("attempt-started", 1, {"first_step": 0, "state": None, "why": "start"}),
        ("step", 1, {"step": 12}),
        ("published", 1, {"file": "a.safetensors", "source": "attempts/001/output/a.safetensors", "step": 10}),
        ("quarantined", 1, {"file": "attempts/001/output/b.safetensors", "reason": "torn"}),
        ("something-newer", 1, {"x": 1}),
        ("attempt-started", 2, {"first_step": 10, "state": "attempts/001/output/a-000002-state", "why": "resume"}),
        ("attempt-ended", 2, {"step": 60, "ending": "succeeded", "cause": "ok", "exit_code": 0}),
        ("run-ended", 2, {"ending": "succeeded", "cause": "ok"}),
    )
    assert [(a.number, a.first_step, a.last_step, a.ending) for a in found.attempts] == [
        (1, 0, 12, ""), (2, 10, 60, "succeeded"),
    ]  # fmt: skip
    assert found.published_as("attempts/001/output/a.safetensors") == "a.safetensors"
    assert found.quarantined == {"attempts/001/output/b.safetensors": "torn"}
    assert (found.total_steps, found.last_step, found.ending) == (60, 60, "succeeded")


def test_a_run_without_a_journal_has_an_empty_history(tmp_path: Path) -> None:
    from orchestrator.core.rundir import RunDir

    assert read_history(RunDir(tmp_path)).attempts == ()
