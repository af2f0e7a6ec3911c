"""`run.json`: what was asked, with what, how it ended. Written `started` before the trainer is."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import platform
import re
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orchestrator
from orchestrator.backends.protocol import Trainer
from orchestrator.core.errors import RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import HIDDEN, read_record, write_record
from orchestrator.core.text import Text
from orchestrator.run.records.model import Ending, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.protocol import Command
    from orchestrator.core.rundir import RunDir
    from orchestrator.run.records.history import History

KIND = "run"
VERSION = 1
Status = Literal["started", "ended"]
_SECRET_OPTION = re.compile(r"(?i)^--?[\w-]*(token|secret|passw|api[_-]?key)\w*$")
_NOT_SECRET = re.compile(r"(?i)token(s|izer|_length|_warmup|_padding)|max_token|keep_token|class_token")


@dataclass(frozen=True, slots=True)
class Launch:
    """One command of the run."""

    purpose: str
    argv: tuple[str, ...]
    """Without secrets."""
    environment_names: tuple[str, ...]
    """Names only: values may be secret."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What `run.json` holds."""

    status: Status
    name: str
    family: str
    recipe_sha256: str
    """Of the recipe with `extends` and `--set` applied."""
    trainer: Trainer
    launches: tuple[Launch, ...]
    tool_version: str = orchestrator.__version__
    started_at: str = ""
    """ISO 8601, UTC."""
    ended_at: str = ""
    machine: Mapping[str, str | int] = field(default_factory=dict)
    outcome: Outcome | None = None
    recipe_dir: str = "."
    """Folder that relative paths of recipe.yaml start at, relative to the run folder where that is possible."""
    recipe_name: str = ""
    """File in that folder; empty: written by a version that did not keep it."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """What `--set` wrote, by dotted recipe key."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What the run changed itself, for lack of memory, by dotted recipe key."""

    def is_of(self, history: History) -> bool:
        """Whether it tells the end of the newest attempt, not of an earlier one."""
        begun = history.attempts[-1].started_at if history.attempts else ""
        return self.status == "ended" and self.ended_at >= begun


def start_record(
    name: str, family: str, resolved_recipe: str, trainer: Trainer, commands: tuple[Command, ...]
) -> RunRecord:
    """Return the record of a run that is about to begin."""
    return RunRecord(
        "started",
        name,
        family,
        hashlib.sha256(resolved_recipe.encode("utf-8")).hexdigest(),
        trainer,
        tuple(_launch_of(command) for command in commands),
        started_at=_now(),
        machine=machine_facts(),
    )


def end_record(record: RunRecord, outcome: Outcome, changes: Mapping[str, Any] | None = None) -> RunRecord:
    """Return the record of a run that has ended; `changes` as in the record."""
    return replace(record, status="ended", ended_at=_now(), outcome=outcome, changes=changes or record.changes)


def write_run_record(rundir: RunDir, record: RunRecord) -> None:
    """Write `run.json`. Raises OSError when the disk does not take it."""
    write_record(rundir.run_json, KIND, VERSION, asdict(record))


def read_run_record(rundir: RunDir) -> RunRecord:
    """Read `run.json` back. Raises RecordError when it is absent, damaged, or from a newer version of the tool."""
    body = read_record(rundir.run_json, KIND, VERSION)
    try:
        return _record_of(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        name = rundir.run_json.name
        what = Text(f"{name} is no record of a run ({error!r})", f"{name} 不是训练记录（{error!r}）")
        why = Text("a field is missing or of another kind", "缺少字段，或字段类型不同")
        fix = Text(
            "judge the folder without it: move run.json aside and run `lora-run diagnose` again",
            "可不用它来判断：把 run.json 移到别处，再运行 `lora-run diagnose`",
        )
        raise RecordError([Problem("bad-record", what, why, fix)]) from error


def _record_of(body: Mapping[str, Any]) -> RunRecord:
    return RunRecord(
        body["status"],
        body["name"],
        body["family"],
        body["recipe_sha256"],
        _trainer_of(body["trainer"]),
        tuple(Launch(x["purpose"], tuple(x["argv"]), tuple(x["environment_names"])) for x in body["launches"]),
        body["tool_version"],
        body["started_at"],
        body["ended_at"],
        body["machine"],
        _outcome_of(body["outcome"]),
        body.get("recipe_dir", "."),
        body.get("recipe_name", ""),
        body.get("overrides", {}),
        body.get("changes", {}),
    )


def safe_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return an argument list without the values of options that are named after secrets."""
    result: list[str] = []
    is_value_hidden = False
    for argument in argv:
        option, sep, _ = argument.partition("=")
        is_secret = bool(_SECRET_OPTION.match(option)) and not _NOT_SECRET.search(option)
        if is_value_hidden and not argument.startswith("--"):
            result.append(HIDDEN)
        elif is_secret and sep:
            result.append(f"{option}={HIDDEN}")
        else:
            result.append(argument)
        is_value_hidden = is_secret and not sep
    return tuple(result)


def machine_facts() -> dict[str, str | int]:
    """Return what is known about this machine without starting a program: no names of people or hosts."""
    facts: dict[str, str | int] = {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "cpus": os.cpu_count() or 0,
    }
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on Windows
        facts["memory_mib"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
    for number, information in enumerate(sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))):
        model = re.search(r"^Model:\s*(.+)$", information.read_text(errors="replace"), re.MULTILINE)
        facts[f"gpu_{number}"] = model.group(1).strip() if model else "NVIDIA"
    return facts


def _launch_of(command: Command) -> Launch:
    return Launch(command.purpose, safe_argv(command.argv), tuple(sorted(command.environment)))


def _trainer_of(body: dict[str, Any]) -> Trainer:
    paths = {
        name: Path(body[name]) for name in ("python", "root", "options_dir", "launcher") if body.get(name) is not None
    }
    return Trainer(**{**body, **paths})


def _outcome_of(body: dict[str, Any] | None) -> Outcome | None:
    if body is None:
        return None
    message = Text(body["message"]["en"], body["message"]["zh"])
    lines = tuple(body["last_lines"])
    return Outcome(**{**body, "ending": Ending(body["ending"]), "message": message, "last_lines": lines})


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
