"""What differs between runs - recipe, data, versions - and what that did to the probe. Differences only; no run is called the better one
for a number that was not measured on the same pictures.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.number_text import short_number
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text, same
from orchestrator.report.numbers import NOTHING, plain_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.probe import ProbeCurve

Kind = Literal["recipe", "decided", "data", "versions"]
_NUMBERED = re.compile(r"(?P<name>.+)-(?P<number>\d{3,})")
_NOT_COMPARED = ("output_name", "name")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run as far as runs are compared. All values as people read them."""

    name: str
    settings: Mapping[Kind, Mapping[str, str]]
    state: str
    confidence: str
    results: Mapping[str, float]
    """Measured: key of `RESULTS` -> value; what was not measured is absent."""
    probed: frozenset[str] = frozenset()
    """Pictures of the probe, by name and caption."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same in all runs."""

    kind: Kind
    key: str
    values: tuple[str, ...]
    """One per run."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side."""

    names: tuple[str, ...]
    differences: tuple[Difference, ...]
    states: tuple[str, ...]
    confidences: tuple[str, ...]
    results: tuple[tuple[Text, tuple[float | None, ...]], ...]
    """What was measured, one value per run."""
    notes: tuple[Text, ...] = field(default=())


RESULTS: Mapping[str, Text] = {
    "train": Text("training pictures against the base, %", "训练图片相对底模，%"),
    "held_out": Text("held-out pictures against the base, %", "留出图片相对底模，%"),
    "best_held_out": Text("best held-out, %", "留出图片最佳值，%"),
    "best_step": Text("at step", "所在步"),
    "jitter": Text("jitter, %", "抖动，%"),
    "steps": Text("steps done", "完成的步数"),
    "rms": Text("size of the update", "更新量大小"),
}


def read_facts(root: Path) -> RunFacts:
    """Read one run folder of ours and judge it again. Raises InputError where it is none."""
    from orchestrator.report.judged import read_own

    rundir = RunDir(root.absolute())
    if not rundir.run_json.is_file():
        raise InputError([_no_run(root)])
    try:
        own = read_own(rundir)
    except RecordError as error:
        raise InputError(error.problems) from error
    return facts_of(rundir.root.name, own.case, own.record.trainer.commit, own.record.tool_version, own.record.machine)


def facts_of(name: str, case: Case, trainer_commit: str, tool_version: str, machine: Mapping[str, Any]) -> RunFacts:
    """Return what is compared of one run."""
    from orchestrator.diagnose.engine import judge
    from orchestrator.diagnose.state import primary_state
    from orchestrator.plan.explain import plan_settings

    primary = primary_state(judge(case, "after"))
    recipe = _flat(case.recipe.model_dump(exclude_none=True)) if case.recipe is not None else {}
    decided = {k: plain_value(v) for k, v in plan_settings(case.plan).items()} if case.plan is not None else {}
    versions = {"lora-run": tool_version, "trainer": trainer_commit, **{k: str(v) for k, v in machine.items()}}
    return RunFacts(
        name,
        {"recipe": recipe, "decided": decided, "data": _data(case), "versions": versions},
        primary.state.value,
        primary.confidence.value,
        _results(case),
        _probed(case),
    )


def compare(runs: Sequence[RunFacts]) -> Comparison:
    """Return what differs between runs and what they measured."""
    differences = [d for kind in ("recipe", "decided", "data", "versions") for d in _differences(kind, runs)]
    # What the recipe says already is not told again in the trainer's words.
    told = {d.key.rsplit(".", 1)[-1] for d in differences if d.kind == "recipe"}
    kept = [d for d in differences if d.kind != "decided" or (d.key not in told and d.key not in _NOT_COMPARED)]
    rows = [(RESULTS[key], tuple(run.results.get(key) for run in runs)) for key in RESULTS]
    return Comparison(
        tuple(run.name for run in runs),
        tuple(kept),
        tuple(run.state for run in runs),
        tuple(run.confidence for run in runs),
        tuple(row for row in rows if any(value is not None for value in row[1])),
        _notes(runs),
    )


def previous_run(root: Path) -> Path | None:
    """Return the newest earlier run folder of the same name beside this one; None where there is none."""
    match = _NUMBERED.fullmatch(root.name)
    if match is None:
        return None
    found: list[tuple[int, Path]] = []
    for other in root.parent.glob(f"{_escaped(match['name'])}-*"):
        number = _NUMBERED.fullmatch(other.name)
        if number is None or number["name"] != match["name"] or not RunDir(other).run_json.is_file():
            continue
        if int(number["number"]) < int(match["number"]):
            found.append((int(number["number"]), other))
    return max(found)[1] if found else None


def _escaped(name: str) -> str:
    import glob

    return glob.escape(name)


def _no_run(root: Path) -> Problem:
    return Problem(
        "no-run",
        Text(f"{root} is no run folder of this tool", f"{root} 不是本工具的训练文件夹"),
        why=Text("there is no run.json in it", "其中没有 run.json"),
        fix=Text(
            "name folders such as `runs/alice-007`; a foreign folder is judged by `lora-run diagnose`",
            "请给出类似 `runs/alice-007` 的文件夹；其他前端的文件夹用 `lora-run diagnose` 判断",
        ),
    )


def _flat(data: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                found |= _flat(item, f"{before}{key}.{index}.")
        else:
            found[f"{before}{key}"] = plain_value(value)
    return found


def _data(case: Case) -> dict[str, str]:
    if case.plan is None:
        return {}
    trained = [s for s in case.plan.subsets if not s.is_reg]
    held = len(case.plan.validation.sizes) if case.plan.validation is not None else 0
    facts = {"pictures": str(sum(len(s.sizes) for s in trained)), "held-out pictures": str(held)}
    seen = case.observations.telemetry if case.observations is not None else None
    if seen is not None and seen.pictures:
        facts["captions"] = f"{len({p.caption for p in seen.pictures})} different"
    return facts


def _results(case: Case) -> dict[str, float]:
    from orchestrator.diagnose.course import course, shaking
    from orchestrator.diagnose.measured import weight_growth

    found: dict[str, float] = {}
    seen = course(case)
    if seen is not None:
        found |= _curve(seen.train, "train") | _curve(seen.held_out, "held_out")
        found["jitter"] = shaking(seen.decisive)
        found["steps"] = float(seen.decisive.steps[-1])
    if seen is not None and seen.held_out is not None:
        found |= {"best_held_out": seen.held_out.best, "best_step": float(seen.held_out.best_step)}
    weights = weight_growth(case)
    if weights is not None and weights.newest.norms:
        found["rms"] = max(weights.newest.norms.values())
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _curve(curve: ProbeCurve | None, key: str) -> dict[str, float]:
    return {} if curve is None else {key: curve.last}


def _probed(case: Case) -> frozenset[str]:
    seen = case.observations.telemetry if case.observations is not None else None
    if seen is None:
        return frozenset()
    shown = {index for probe in seen.probes for index in probe.pictures}
    return frozenset(f"{p.name.rsplit('/', 1)[-1]} {p.caption}" for p in seen.pictures if p.index in shown)


def _differences(kind: Kind, runs: Sequence[RunFacts]) -> list[Difference]:
    keys = dict.fromkeys(key for run in runs for key in run.settings[kind])
    rows = [Difference(kind, key, tuple(run.settings[kind].get(key, NOTHING) for run in runs)) for key in keys]
    return [row for row in rows if len(set(row.values)) > 1]


def _notes(runs: Sequence[RunFacts]) -> tuple[Text, ...]:
    notes = []
    probed = [run.probed for run in runs if run.probed]
    if len(probed) < len(runs):
        notes.append(
            Text(
                "Not every run was probed; what it measured is missing here.",
                "并非每次训练都做了探针；此处缺少其测量结果。",
            )
        )
    if len(set(probed)) > 1:
        notes.append(
            Text(
                "The probes used different pictures: compare the signs and sizes, not the last digits.",
                "各次探针使用的图片不同：请比较方向与量级，不要比较末位数字。",
            )
        )
    return tuple(notes)


def shown(value: float | None) -> Text:
    """Return a result for a table."""
    return same(NOTHING if value is None else short_number(value, 3))
