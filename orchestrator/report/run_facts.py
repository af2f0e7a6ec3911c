"""One run as far as runs are compared: what was asked, decided and given, from its folder; what was measured, judged or as last reported."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import read_record
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.report.numbers import plain_value
from orchestrator.run.records.model import Ending, nothing_trained

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from orchestrator.core.finding import Verdict
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.probe import ProbeCurve
    from orchestrator.plan.model import Plan
    from orchestrator.run.records.model import Outcome
    from orchestrator.run.records.run_record import RunRecord

Kind = Literal["recipe", "decided", "data", "versions"]
Settings = dict[Kind, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run measured, and what of its pictures only the recording knows."""

    state: str
    confidence: str
    results: Mapping[str, float]
    """Key of `compare.RESULTS` -> value; what was not measured is absent."""
    probed: str = ""
    """Fingerprint of the probe's pictures with their captions; empty where there was no probe."""
    picture_names: str = ""
    """Fingerprint of the trained pictures' names; empty where it was not recorded."""
    caption_texts: str = ""
    """Fingerprint of the trained pictures' captions, by name; empty where it was not recorded."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run. All settings as people read them."""

    name: str
    settings: Mapping[Kind, Mapping[str, str]]
    measured: Measured = field(default_factory=lambda: Measured("inconclusive", "low", {}))
    is_trained: bool = True
    """False: it ended before its first step, so nothing it left says anything about training."""


def facts_of(name: str, settings: Settings, measured: Measured, outcome: Outcome | None) -> RunFacts:
    """Return what a run is compared by; of one that never trained nothing counts as measured."""
    if _has_trained(outcome, measured):
        return RunFacts(name, settings, measured)
    return RunFacts(name, settings, is_trained=False)


def _has_trained(outcome: Outcome | None, measured: Measured) -> bool:
    if nothing_trained(outcome):
        return False
    is_cut = outcome is not None and outcome.ending in {Ending.FAILED, Ending.STOPPED}
    return not is_cut or outcome is None or outcome.first_step_seconds is not None or "steps" in measured.results


def judged_facts(root: Path, name: str) -> RunFacts:
    """Read one run folder of ours and judge it again. Raises InputError where it is none, or where it cannot be read."""
    from orchestrator.diagnose.engine import judge
    from orchestrator.report.judged import read_own

    rundir = RunDir(root.absolute())
    if not rundir.run_json.is_file():
        raise InputError([no_run(root)])
    try:
        own = read_own(rundir)
        settings = settings_of(rundir, own.record)
    except RecordError as error:
        raise InputError(error.problems) from error
    verdict = judge(own.case, "before" if nothing_trained(own.case.outcome) else "after")
    return facts_of(name, settings, measure(own.case, verdict), own.case.outcome)


def reported_facts(rundir: RunDir) -> RunFacts:
    """Read one run folder of ours with what its last report measured: nothing is judged, so it takes no time worth naming.

    Raises RecordError or InputError where something is missing or damaged, the report included.
    """
    from orchestrator.report.record import KIND, VERSION
    from orchestrator.run.records.run_record import read_run_record

    body = read_record(rundir.report_json, KIND, VERSION)
    try:
        measured = _measured_in(body)
    except (KeyError, TypeError, ValueError) as error:
        what = Text(
            f"the report of {rundir.root.name} does not hold what runs are compared by",
            f"{rundir.root.name} 的报告中没有用于比较的内容",
        )
        fix = Text(
            f"`lora-run diagnose {rundir.root.name}` writes it anew", f"`lora-run diagnose {rundir.root.name}` 会重写"
        )
        raise RecordError([Problem("bad-record", what, None, fix)]) from error
    record = read_run_record(rundir)
    return facts_of(rundir.root.name, settings_of(rundir, record), measured, record.outcome)


def settings_of(rundir: RunDir, record: RunRecord) -> Settings:
    """Return what was asked, decided, given and installed. Raises RecordError or InputError where a file cannot be read."""
    from orchestrator.plan.explain import plan_settings
    from orchestrator.plan.saved import read_newest_plan
    from orchestrator.recipe.load import load_recipe

    plan = read_newest_plan(rundir)
    recipe = load_recipe(rundir.resolved_recipe).recipe
    machine = {str(key): str(value) for key, value in record.machine.items()}
    return {
        "recipe": flat(recipe.model_dump(exclude_none=True)),
        "decided": {key: plain_value(value) for key, value in plan_settings(plan).items()},
        "data": _data(plan),
        "versions": {"lora-run": record.tool_version, record.trainer.name: record.trainer.commit, **machine},
    }


def measure(case: Case, verdict: Verdict) -> Measured:
    """Return what a judged run measured."""
    from orchestrator.diagnose.state import primary_state

    primary = primary_state(verdict)
    seen = case.observations.telemetry if case.observations is not None else None
    pictures = {p.index: p for p in seen.pictures} if seen is not None else {}
    shown = {index for probe in seen.probes for index in probe.pictures} if seen is not None else set()
    trained = [p for p in pictures.values() if p.is_subject]
    planned = sum(len(s.sizes) for s in case.plan.subsets if not s.is_reg) if case.plan is not None else 0
    if len(trained) < planned:  # a run that ended early has not met them all: what it met says nothing about the rest
        trained = []
    return Measured(
        primary.state.value,
        primary.confidence.value,
        _results(case),
        fingerprint(f"{_file(p.name)} {p.caption}" for i, p in pictures.items() if i in shown),
        fingerprint(_file(p.name) for p in trained),
        fingerprint(f"{_file(p.name)} {p.caption}" for p in trained),
    )


def fingerprint(texts: Iterable[str]) -> str:
    """Return `#` and 8 hex digits that stand for these texts, whatever their order; empty for none."""
    listed = sorted(texts)
    return "#" + hashlib.sha256("\n".join(listed).encode("utf-8", "replace")).hexdigest()[:8] if listed else ""


def flat(data: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Return nested settings by dotted key, each as a recipe writes it: `concepts.0.num_repeats` -> `10`."""
    found: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found |= flat(value, f"{before}{key}.")
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                found |= flat(item, f"{before}{key}.{index}.")
        else:
            found[f"{before}{key}"] = plain_value(value)
    return found


def no_run(root: Path) -> Problem:
    """Return why `root` cannot be compared or followed: it is no run folder of this tool."""
    if root.is_file():
        why = Text("it is a file", "它是文件")
    elif not root.is_dir():
        why = Text("there is no such folder", "没有这个文件夹")
    else:
        why = Text("there is no run.json in it", "其中没有 run.json")
    return Problem(
        "no-run",
        Text(f"{root} is no run folder of this tool", f"{root} 不是本工具的训练文件夹"),
        why=why,
        fix=Text(
            "name folders such as `runs/alice-007`; a foreign folder is judged by `lora-run diagnose`",
            "请给出类似 `runs/alice-007` 的文件夹；其他前端的文件夹用 `lora-run diagnose` 判断",
        ),
    )


def _measured_in(body: Mapping[str, Any]) -> Measured:
    told = body["measured"]
    results = {str(key): float(value) for key, value in dict(told["results"]).items()}
    prints = [str(told[key]) for key in ("probed", "picture_names", "caption_texts")]
    return Measured(str(body["primary_state"]), str(body["confidence"]), results, *prints)


def _data(plan: Plan) -> dict[str, str]:
    trained = [s for s in plan.subsets if not s.is_reg]
    reg = sum(len(s.sizes) for s in plan.subsets if s.is_reg)
    held = len(plan.validation.sizes) if plan.validation is not None else 0
    return {
        "pictures": str(sum(len(s.sizes) for s in trained)),
        "held_out_pictures": str(held),
        "reg_pictures": str(reg),
    }


def _results(case: Case) -> dict[str, float]:
    from orchestrator.diagnose.course import course
    from orchestrator.diagnose.measured import weight_growth

    found: dict[str, float] = {}
    seen = course(case)
    if seen is not None:
        found |= _end(seen.train, "train") | _end(seen.held_out, "held_out")
        found |= {"jitter": seen.decisive.late_jitter}
    if seen is not None and seen.held_out is not None:
        found |= {"best_held_out": seen.held_out.best, "best_step": float(seen.held_out.best_step)}
    done = case.observations.facts.get("last_step") if case.observations is not None else None
    if isinstance(done, (int, float)):
        found["steps"] = float(done)
    weights = weight_growth(case)
    if weights is not None and weights.newest.norms:
        found["rms"] = max(weights.newest.norms.values())
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _end(curve: ProbeCurve | None, key: str) -> dict[str, float]:
    return {} if curve is None else {key: curve.last}


def _file(name: str) -> str:
    return name.rsplit("/", 1)[-1]
