from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import orchestrator
from orchestrator.backends.protocol import Command, Trainer
from orchestrator.core.errors import RecordError
from orchestrator.core.text import Text
from orchestrator.run.records.history import Attempt, History
from orchestrator.run.records.model import Ending, Outcome
from orchestrator.run.records.run_record import (
    end_record,
    machine_facts,
    read_run_record,
    safe_argv,
    start_record,
    write_run_record,
)

if TYPE_CHECKING:
    from orchestrator.core.rundir import RunDir

TRAINER = Trainer(
    "sd-scripts",
    Path("/envs/py"),
    Path("/src/sd-scripts"),
    "4" * 40,
    is_modified=True,
    options_dir=Path("/state/options"),
)
COMMANDS = (
    Command(("/envs/py", "-m", "x", "--wandb_api_key", "canary", "--keep_tokens", "1"), {"WANDB_API_KEY": "canary"}),
)


def test_a_started_record_is_there_before_launch_and_reads_back(rundir: RunDir) -> None:
    record = start_record("初音ミク", "sd15", "a: 1\n", TRAINER, COMMANDS)
    write_run_record(rundir, record)
    assert read_run_record(rundir) == record
    body = json.loads(rundir.run_json.read_text(encoding="utf-8"))
    assert body["status"] == "started"
    assert body["outcome"] is None
    assert body["recipe_sha256"] == hashlib.sha256(b"a: 1\n").hexdigest()
    assert body["tool_version"] == orchestrator.__version__
    assert body["trainer"]["commit"] == "4" * 40
    assert body["trainer"]["is_modified"] is True
    assert body["launches"][0]["environment_names"] == ["WANDB_API_KEY"]
    assert "canary" not in rundir.run_json.read_text(encoding="utf-8")


def test_the_outcome_is_added_and_reads_back(rundir: RunDir) -> None:
    outcome = Outcome(Ending.FAILED, 1, "crash", Text("it crashed", "崩溃"), 3.5, None, ("a", "b"))
    record = end_record(start_record("a", "pocket", "", TRAINER, COMMANDS), outcome)
    write_run_record(rundir, record)
    back = read_run_record(rundir)
    assert back == record
    assert back.status == "ended"
    assert back.outcome == outcome
    assert back.ended_at >= back.started_at


@pytest.mark.parametrize(
    ("begun", "is_of"), [("2000-01-01T00:00:00.000+00:00", True), ("2999-01-01T00:00:00.000+00:00", False)]
)
def test_a_record_of_an_earlier_attempt_is_not_that_of_the_newest(begun: str, is_of: bool) -> None:
    started = start_record("a", "pocket", "", TRAINER, COMMANDS)
    ended = end_record(started, Outcome(Ending.FAILED, 1, "crash", Text("it crashed", "崩溃")))
    history = History(attempts=(Attempt(1), Attempt(2, started_at=begun)))
    assert ended.is_of(history) is is_of
    assert not started.is_of(history)
    assert not started.is_of(History())


def test_a_damaged_record_is_told(rundir: RunDir) -> None:
    rundir.run_json.write_text('{"record": "run", "ver')
    with pytest.raises(RecordError):
        read_run_record(rundir)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("--huggingface_token", "abc", "x"), ("--huggingface_token", "***", "x")),
        (("--wandb_api_key=abc",), ("--wandb_api_key=***",)),
        (("--password", "--next"), ("--password", "--next")),
        (("--keep_tokens", "1", "--max_token_length=225"), ("--keep_tokens", "1", "--max_token_length=225")),
        (("--tokenizer_cache_dir", "d"), ("--tokenizer_cache_dir", "d")),
    ],
)
def test_secret_arguments_are_hidden_and_others_stay(given: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert safe_argv(given) == kept


def test_machine_facts_name_no_host_and_no_user() -> None:
    facts = machine_facts()
    assert facts["cpus"] == os.cpu_count()
    assert int(facts["memory_mib"]) > 100
    assert os.uname().nodename not in [str(v) for v in facts.values()]


def test_the_record_honours_the_umask(rundir: RunDir) -> None:
    before = os.umask(0o077)
    try:
        write_run_record(rundir, start_record("a", "sd15", "", TRAINER, COMMANDS))
    finally:
        os.umask(before)
    assert rundir.run_json.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in rundir.root.iterdir() if p.name.startswith(".")] == []
