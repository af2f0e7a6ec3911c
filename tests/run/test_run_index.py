"""The list of all runs, and the index that makes it quick: a cache that is never believed where it could be wrong."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.text import Text
from orchestrator.run.records import listed, run_index
from orchestrator.run.records.journal import Journal
from orchestrator.run.records.run_index import list_runs
from tests.made_runs import held, leave_dead_owner, make_run

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.rundir import RunDir

SUCCEEDED = {"ending": "succeeded"}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def read_anew(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the runs whose records are opened from now on."""
    names: list[str] = []
    real = listed.read_listed

    def read(rundir: RunDir) -> listed.Listed:
        names.append(rundir.root.name)
        return real(rundir)

    monkeypatch.setattr(run_index, "read_listed", read)
    return names


def index_of(cache: Path) -> Path:
    (path,) = cache.glob("*.sqlite3")
    return path


def test_newest_first_with_what_is_known(runs: Path, cache: Path) -> None:
    report = {"name": "x", "family": "sdxl", "kind": "style", "headline": {"en": "It learned.", "zh": "学会了。"}}
    ended = ("run-ended", {"ending": "succeeded", "cause": "ok"})
    make_run(runs, "old-001", started_at="2026-10-01T00:00:00+00:00", outcome=SUCCEEDED).journal.unlink()
    make_run(runs, "new-001", [("attempt-ended", {"step": 100, "ending": "succeeded"}), ended], report=report)
    (runs / "notes").mkdir()
    (runs / "file.txt").write_text("")
    new, old = list_runs(runs, cache)
    assert (new.name, new.standing, new.step, new.total_steps) == ("new-001", "succeeded", 100, 100)
    assert (new.family, new.kind, new.headline) == ("sdxl", "style", Text("It learned.", "学会了。"))
    assert (old.name, old.standing, old.kind, old.headline) == ("old-001", "succeeded", "character", None)
    assert list_runs(runs, cache) == [new, old]


def test_an_unchanged_run_is_not_opened_again(runs: Path, cache: Path, read_anew: list[str]) -> None:
    first, _ = make_run(runs, "a-001"), make_run(runs, "a-002")
    list_runs(runs, cache)
    read_anew.clear()
    list_runs(runs, cache)
    assert read_anew == []
    with closing(Journal(first.journal)) as journal:
        journal.add("step", step=7)
    assert [r.step for r in list_runs(runs, cache) if r.name == "a-001"] == [7]
    assert read_anew == ["a-001"]


def test_a_run_that_is_gone_is_forgotten(runs: Path, cache: Path) -> None:
    make_run(runs, "a-001")
    gone = make_run(runs, "a-002")
    list_runs(runs, cache)
    shutil.rmtree(gone.root)
    assert [r.name for r in list_runs(runs, cache)] == ["a-001"]
    with closing(sqlite3.connect(index_of(cache))) as index:
        assert index.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_whether_a_run_goes_on_is_never_remembered(runs: Path, cache: Path) -> None:
    run = make_run(runs)
    with held(run):
        assert list_runs(runs, cache)[0].standing == "going-on"
    assert list_runs(runs, cache)[0].standing == "cut-off"
    leave_dead_owner(run)
    assert list_runs(runs, cache)[0].standing == "cut-off"


def test_a_run_that_was_gone_on_with_has_no_end_any_more(runs: Path, cache: Path) -> None:
    run = make_run(runs, events=[("run-ended", {"ending": "failed", "cause": "crash"})], outcome={"ending": "failed"})
    assert list_runs(runs, cache)[0].standing == "failed"
    with closing(Journal(run.journal)) as journal:
        journal.attempt = 2
        journal.add("attempt-started", first_step=20, why="resume")
    assert list_runs(runs, cache)[0].standing == "cut-off"


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_index_is_made_anew(runs: Path, cache: Path, read_anew: list[str], damage: bytes) -> None:
    make_run(runs)
    expected = list_runs(runs, cache)
    index_of(cache).write_bytes(damage)
    assert list_runs(runs, cache) == expected
    read_anew.clear()
    assert list_runs(runs, cache) == expected
    assert read_anew == []


def test_an_index_cut_short_or_scribbled_over_is_made_anew(runs: Path, cache: Path) -> None:
    for number in range(60):
        make_run(runs, f"a-{number:03d}")
    expected = list_runs(runs, cache)
    good = index_of(cache).read_bytes()
    for at in range(100, len(good), len(good) // 12):
        for bad in (good[:at], good[:at] + os.urandom(300) + good[at + 300 :]):
            index_of(cache).write_bytes(bad)
            found = list_runs(runs, cache)
            assert [r.name for r in found] == [r.name for r in expected]


def test_an_index_of_another_version_is_made_anew(runs: Path, cache: Path) -> None:
    make_run(runs)
    expected = list_runs(runs, cache)
    with closing(sqlite3.connect(index_of(cache))) as index:
        index.execute("PRAGMA user_version=99")
        index.execute("DROP TABLE runs")
        index.execute("CREATE TABLE runs (other TEXT)")
    assert list_runs(runs, cache) == list_runs(runs, cache) == expected
    with closing(sqlite3.connect(index_of(cache))) as index:
        assert index.execute("PRAGMA user_version").fetchone() == (run_index.VERSION,)


def test_without_a_place_for_the_index_the_runs_are_read(runs: Path, cache: Path) -> None:
    make_run(runs)
    cache.write_text("a file where the folder should be")
    assert [r.name for r in list_runs(runs, cache)] == ["alice-001"]


def test_a_locked_index_delays_nothing(runs: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_index, "_WAIT_S", 0.05)
    make_run(runs, "a-001")
    list_runs(runs, cache)
    make_run(runs, "a-002")
    with closing(sqlite3.connect(index_of(cache))) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM runs")
        assert len(list_runs(runs, cache)) == 2


def test_two_folders_of_runs_do_not_mix(tmp_path: Path, cache: Path) -> None:
    make_run(tmp_path / "one", "a-001")
    make_run(tmp_path / "two", "b-001")
    for _ in range(2):
        assert [r.name for r in list_runs(tmp_path / "one", cache)] == ["a-001"]
        assert [r.name for r in list_runs(tmp_path / "two", cache)] == ["b-001"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"record": "run", "version": 99}', '{"record": "run", "version": 1}', "\0" * 100,
     '{"record": "run", "version": 1, "family": 7, "started_at": null, "outcome": 3}'],
)  # fmt: skip
def test_records_that_cannot_be_read_are_listed_as_such(runs: Path, cache: Path, text: str) -> None:
    run = make_run(runs, "bad-001")
    run.journal.unlink()
    run.run_json.write_text(text)
    make_run(runs, "good-001")
    found = {r.name: r.standing for r in list_runs(runs, cache)}
    assert found == {"bad-001": "unreadable", "good-001": "cut-off"}


def test_a_journal_with_facts_of_another_kind(runs: Path, cache: Path) -> None:
    run = make_run(runs)
    line = {"seq": 50, "event": "planned", "at": "", "up_s": 0, "boot": "", "attempt": 1}
    for total in ("many", 10**40, -3):
        run.journal.write_text(json.dumps({**line, "facts": {"total_steps": total}}) + "\n")
        assert len(list_runs(runs, cache)) == len(list_runs(runs, cache)) == 1


def test_a_name_that_is_no_text(runs: Path, cache: Path) -> None:
    name = os.fsdecode(b"caf\xe9-001")
    make_run(runs, name)
    assert [r.name for r in list_runs(runs, cache)] == [r.name for r in list_runs(runs, cache)] == [name]
