"""A plan read back from `plan.json`, so that a run can be judged again without its recipe's folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import RecordError
from orchestrator.core.finding import Location, Problem
from orchestrator.core.provenance import Source
from orchestrator.core.record import read_record
from orchestrator.core.text import Text
from orchestrator.plan.explain import PLAN_RECORD_VERSION
from orchestrator.plan.model import Link, Plan, Prompt, Recording, Resolved, StepPlan, Subset, Unused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.core.rundir import RunDir


def read_plan(path: Path) -> Plan:
    """Read `plan.json`. Raises RecordError when it is absent, damaged, or from a newer version of the tool."""
    body = read_record(path, "plan", PLAN_RECORD_VERSION)
    try:
        return _plan({key: value for key, value in body.items() if key not in ("record", "version")})
    except (KeyError, TypeError, ValueError) as error:
        what = Text(f"{path.name} is no plan of this tool ({error!r})", f"{path.name} 不是本工具的计划（{error!r}）")
        why = Text("a field is missing or of another kind", "缺少字段，或字段类型不同")
        fix = Text(
            "run the recipe again; a newer version of the tool may have written this one",
            "请重新运行配方；它也可能由更新版本的工具写成",
        )
        raise RecordError([Problem("bad-record", what, why, fix)]) from error


def read_newest_plan(rundir: RunDir) -> Plan:
    """Read the plan by which the run was trained last: that of the newest attempt with one of its own, else the run's.

    Raises RecordError as `read_plan`.
    """
    own = sorted(
        rundir.attempt_dir.parent.glob(f"*/{rundir.attempt_plan.name}"),
        key=lambda p: (len(p.parent.name), p.parent.name),
    )
    return read_plan(own[-1] if own else rundir.plan_json)


def _plan(body: Mapping[str, Any]) -> Plan:
    return Plan(
        **{
            **body,
            "train": {key: _resolved(value) for key, value in body["train"].items()},
            "dataset_general": {key: _resolved(value) for key, value in body["dataset_general"].items()},
            "subsets": tuple(_subset(value) for value in body["subsets"]),
            "validation": _subset(body["validation"]) if body["validation"] else None,
            "steps": _steps(body["steps"]),
            "prompts": tuple(Prompt(**{**value, "where": _location(value.get("where"))}) for value in body["prompts"]),
            "stop_on": tuple(body["stop_on"]),
            "notes": tuple(Text(**value) for value in body["notes"]),
            "unused": tuple(_unused(value) for value in body.get("unused", ())),
            "telemetry": _recording(body.get("telemetry")),
            "target": _resolved(body["target"]) if body.get("target") else None,
        }
    )


def _resolved(body: Mapping[str, Any]) -> Resolved:
    return Resolved(
        **{
            **body,
            "source": Source(body["source"]),
            "because": Text(**body["because"]),
            "where": _location(body["where"]),
        }
    )


def _unused(body: Mapping[str, Any]) -> Unused:
    return Unused(body["name"], _resolved(body["given"]), Text(**body["because"]))


def _recording(body: Mapping[str, Any] | None) -> Recording | None:
    return Recording(_resolved(body["mode"]), int(body["probe_every_steps"])) if body else None


def _subset(body: Mapping[str, Any]) -> Subset:
    return Subset(
        **{
            **body,
            "sizes": tuple((width, height) for width, height in body["sizes"]),
            "links": tuple(Link(link["path"], Path(link["target"])) for link in body["links"]),
            "because": Text(**body["because"]) if body["because"] else None,
            "where": _location(body["where"]),
        }
    )


def _steps(body: Mapping[str, Any]) -> StepPlan:
    buckets = tuple((width, height, count) for width, height, count in body["buckets"])
    return StepPlan(**{**body, "buckets": buckets, "lines": tuple(Text(**line) for line in body["lines"])})


def _location(body: Mapping[str, Any] | None) -> Location | None:
    return Location(**body) if body else None
