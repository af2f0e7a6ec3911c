"""One run in a line: its name, how it stands, how far it came. Read from its records; whether it goes on, from its lock."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from orchestrator.core.errors import RecordError
from orchestrator.core.record import read_record
from orchestrator.core.text import Text
from orchestrator.run.records.history import History, read_history
from orchestrator.run.records.locks import is_going_on
from orchestrator.run.records.run_record import KIND, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.core.rundir import RunDir

Standing = Literal["going-on", "succeeded", "failed", "interrupted", "stopped", "cut-off", "unreadable"]
"""`interrupted`: by the user; `stopped`: by a stop rule; `cut-off`: its end was never written down; `unreadable`: see its records."""

_ENDINGS: Final[dict[str, Standing]] = {
    "succeeded": "succeeded", "failed": "failed", "interrupted": "interrupted", "stopped": "stopped",
}  # fmt: skip
_HEAD_CHARACTERS: Final = 16 * 1024
_MOST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list of runs tells of one."""

    name: str
    """Of its folder."""
    standing: Standing
    step: int = 0
    """The newest one that was written down."""
    total_steps: int = 0
    started_at: str = ""
    """ISO 8601, UTC."""
    ended_at: str = ""
    family: str = ""
    kind: str = ""
    headline: Text | None = None
    """What its report says first; None where there is no report."""


def read_listed(rundir: RunDir) -> Listed:
    """Read a run's records; `cut-off` stands for every run whose end is not written down, see `with_lock`. Raises nothing."""
    name = rundir.root.name
    try:
        record = read_record(rundir.run_json, KIND, VERSION)
        return listed_of(name, record, read_history(rundir), _report_head(rundir.report_json), rundir.plan_json)
    except (RecordError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return Listed(name, "unreadable")


def listed_of(name: str, record: Mapping[str, Any], history: History, report: Mapping[str, Any], plan: Path) -> Listed:
    """Put together what `run.json`, the journal and the report say; `plan` is looked into where there is no report."""
    headline = report.get("headline")
    return Listed(
        name,
        _ENDINGS.get(_ending(record, history), "cut-off"),
        _count(history.last_step),
        _count(history.total_steps),
        _clean(history.started_at or record["started_at"]),
        _clean(record.get("ended_at") or ""),
        _clean(record["family"]),
        _clean(report.get("kind") or _kind(plan)),
        Text(_clean(headline["en"]), _clean(headline["zh"])) if isinstance(headline, dict) else None,
    )


def with_lock(listed: Listed, rundir: RunDir) -> Listed:
    """Return the run as it stands now: one whose end is not written down goes on where a living process holds it."""
    if listed.standing == "cut-off" and is_going_on(rundir):
        return replace(listed, standing="going-on")
    return listed


def _ending(record: Mapping[str, Any], history: History) -> str:
    """Return how the run ended; `run.json` counts where the journal lacks the end, as on a full disk, and nothing began since."""
    if history.ending:
        return history.ending
    begun = history.attempts[-1].started_at if history.attempts else ""
    outcome = record.get("outcome") or {}
    return str(outcome.get("ending", "")) if str(record.get("ended_at") or "") >= begun else ""


def _report_head(path: Path) -> dict[str, Any]:
    """Return `kind` and `headline` of a report from its beginning: the rest, curves and findings, may be a megabyte."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_HEAD_CHARACTERS)
    except OSError:
        return {}
    found: dict[str, Any] = {}
    for key in ("kind", "headline"):
        at = text.find(f'\n  "{key}": ')  # a key of the outermost object: records are indented by two
        if at >= 0:
            try:
                found[key], _ = json.JSONDecoder().raw_decode(text, at + len(key) + 7)
            except ValueError:
                continue
    return found


def _kind(plan: Path) -> str:
    try:
        body = json.loads(plan.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(body.get("kind", "")) if isinstance(body, dict) else ""


def _clean(text: object) -> str:
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _count(number: int) -> int:
    return max(0, min(number, _MOST))
