from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.core.rundir import RunDir
from orchestrator.report.attempts_told import about_attempts
from orchestrator.run.records.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path


def run_of(folder: Path, *events: tuple[str, int, dict[str, Any]]) -> RunDir:
    run = RunDir(folder)
    journal = Journal(run.journal)
    for event, attempt, facts in events:
        journal.attempt = attempt
        journal.add(event, **facts)
    journal.close()
    return run


def test_one_attempt_is_nothing_to_tell(tmp_path: Path) -> None:
    assert about_attempts(RunDir(tmp_path)) == ()
    run = run_of(tmp_path, ("attempt-started", 1, {}), ("attempt-ended", 1, {"step": 60, "ending": "succeeded"}))
    assert about_attempts(run) == ()


def test_several_attempts_are_told_in_steps_of_the_run(tmp_path: Path) -> None:
    run = run_of(
        tmp_path,
        ("attempt-started", 1, {"first_step": 0}),
        ("attempt-ended", 1, {"step": 23, "ending": "interrupted"}),
        ("attempt-started", 2, {"first_step": 20}),
        ("step", 2, {"step": 31}),
        ("attempt-started", 3, {"first_step": 30}),
        ("attempt-ended", 3, {"step": 60, "ending": "succeeded"}),
    )
    (told,) = about_attempts(run)
    assert told.en == (
        "Trained in 3 attempts: steps 1 to 23 (interrupted); steps 21 to 31 (cut off); steps 31 to 60 (finished). "
        "All figures are of the whole run."
    )
    assert told.zh.startswith("共 3 次尝试：第 1 到 23 步（被中断）；第 21 到 31 步（意外中断）")


def test_what_was_set_aside_is_named_with_its_reason(tmp_path: Path) -> None:
    run = run_of(
        tmp_path,
        ("attempt-started", 1, {}),
        ("quarantined", 1, {"file": "attempts/001/output/a.safetensors", "reason": "cut off"}),
    )
    (told,) = about_attempts(run)
    assert told.en == "Set aside in quarantine/, and used for nothing: 1 file: a.safetensors (cut off)"
