"""What a run does now, told from its journal, its lock and the end of its console log."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.record import write_record
from orchestrator.observe.present import look_at
from orchestrator.report.tell_now import next_step, status
from orchestrator.run.records.journal import Journal
from tests.made_runs import add_to_log, bar, held, leave_dead_owner, make_run, save_state

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Language


def test_a_run_that_trains(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with closing(Journal(run.journal)) as journal:
        event, facts = save_state(run, 1)
        journal.add(event, **facts)
    add_to_log(run, bar(20) + bar(33))
    with held(run):
        now = look_at(run)
    assert (now.run.standing, now.phase, now.step, now.run.total_steps) == ("going-on", "training", 33, 100)
    assert (now.loss, now.steps_per_second) == (0.0934, 2.0)
    assert now.seconds_left == (100 - 33) / 2.0
    assert now.state is not None
    assert (now.state.step, now.unsaved_steps) == (20, 13)


def test_a_later_attempt_counts_on(tmp_path: Path) -> None:
    run = make_run(tmp_path, attempts=2)
    with held(run):
        assert look_at(run).phase == "starting"
        add_to_log(run, bar(0, total=80))
        assert (look_at(run).phase, look_at(run).step) == ("starting", 20)
        add_to_log(run, bar(5, total=80))
        now = look_at(run)
    assert (now.phase, now.step, now.rundir.attempt) == ("training", 25, 2)


def test_the_bar_of_a_trainer_that_counts_to_the_whole_total(tmp_path: Path) -> None:
    run = make_run(tmp_path, attempts=2)
    add_to_log(run, bar(5, total=100))
    assert look_at(run).step == 25


def test_a_caption_that_looks_like_a_bar_is_not_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    add_to_log(run, bar(7) + "\n" + bar(4, total=5).lstrip() + "\n")
    with held(run):
        assert look_at(run).step == 7


def test_only_the_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with run.console_log.open("wb") as log:
        log.truncate(20 * 1024**3)  # sparse
    add_to_log(run, bar(40))
    begun = time.perf_counter()
    with held(run):
        assert look_at(run).step == 40
    assert time.perf_counter() - begun < 0.5


def test_the_pace_is_that_of_the_journal_once_it_has_notes(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    up = iter((1000.0, 1030.0, 1060.0))
    with closing(Journal(run.journal, clock=lambda: next(up))) as journal:
        for step in (10, 25, 40):
            journal.add("step", step=step)
    add_to_log(run, bar(41))
    with held(run):
        assert look_at(run).steps_per_second == 0.5


def test_a_run_that_is_held_for_lack_of_room(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    add_to_log(run, bar(5))
    with held(run), closing(Journal(run.journal)) as journal:
        journal.add("disk", told="paused before the save at step 20", is_held=True)
        now = look_at(run)
        assert (now.phase, now.step, now.steps_per_second, now.seconds_left) == ("paused", 5, None, None)
        assert "free some space" in next_step(now).en
        journal.add("disk", told="there is room again", is_held=False)
        assert (look_at(run).phase, look_at(run).steps_per_second) == ("training", 2.0)


def test_phases(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    add_to_log(run, bar(5))
    with held(run), closing(Journal(run.journal)) as journal:
        journal.add("stop-asked", how="safe", step=5)
        assert look_at(run).phase == "stopping"
        journal.add("disk", told="paused", is_held=True)
        assert look_at(run).phase == "stopping"
        journal.add("attempt-ended", step=6, ending="failed", cause="crash")
        assert look_at(run).phase == "waiting"
        journal.add("run-ended", ending="failed", cause="crash")
        assert (look_at(run).phase, look_at(run).run.standing) == ("reporting", "going-on")
    assert (look_at(run).phase, look_at(run).run.standing) == (None, "failed")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "lora-run resume"),
        ({"ending": "failed", "cause": "crash"}, "lora-run resume"),
        ({"ending": "succeeded", "cause": "ok"}, "report.html"),
    ],
    ids=["none", "of an earlier attempt", "of this end"],
)
def test_a_finished_run_without_the_report_of_its_end(tmp_path: Path, told: dict[str, str] | None, words: str) -> None:
    run = make_run(tmp_path, events=[("run-ended", {"ending": "succeeded", "cause": "ok"})])
    if told is not None:
        write_record(run.report_json, "report", 2, {"outcome": told})
    assert words in next_step(look_at(run)).en


def test_a_run_whose_process_was_killed_is_cut_off(tmp_path: Path) -> None:
    run = make_run(tmp_path, events=[("step", {"step": 12})])
    leave_dead_owner(run)
    now = look_at(run)
    assert (now.run.standing, now.phase, now.step) == ("cut-off", None, 12)


def test_half_a_line_of_the_journal_and_of_the_log_are_no_news(tmp_path: Path) -> None:
    run = make_run(tmp_path, events=[("step", {"step": 12})])
    with run.journal.open("ab") as journal:
        journal.write(b'{"seq":99,"event":"run-ended","at":"2026')
    add_to_log(run, bar(13) + "\rsteps:  99%|####| 99/1")
    with held(run):
        now = look_at(run)
    assert (now.run.standing, now.step, now.history.damage) == ("going-on", 13, ())


@pytest.mark.parametrize(
    ("language", "told"), [("en", "line 2 is no entry; line 3 is no entry"), ("zh", "第 2 行不是记录")]
)
def test_damage_of_the_journal_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: Language, told: str
) -> None:
    run = make_run(tmp_path, events=[("step", {"step": 12})])
    first, *rest = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join([first, *[b"garbage\n"] * 5, *rest]))
    status(look_at(run), "terminal", language)
    shown = capsys.readouterr().out
    assert told in shown
    assert ("2 more" if language == "en" else "另有 2 行") in shown
    status(look_at(run), "json", language)
    assert json.loads(capsys.readouterr().out)["damage"][0]["en"] == "line 2 is no entry"


def test_a_state_that_is_gone_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with closing(Journal(run.journal)) as journal:
        for epoch in (1, 2, 3):
            event, facts = save_state(run, epoch)
            journal.add(event, **facts)
        journal.add("state-removed", path=run.relative(run.output / "alice-000001-state"), epoch=1)
    (run.output / "alice-000003-state").rmdir()
    now = look_at(run)
    assert [state.epoch for state in now.history.states] == [2, 3]
    assert now.state is not None
    assert now.state.epoch == 2


def test_looking_writes_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    before = sorted(run.root.rglob("*"))
    look_at(run)
    assert sorted(run.root.rglob("*")) == before
