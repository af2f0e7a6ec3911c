"""report.json: the facts of the report for programs. Described in docs/report.schema.json."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Status
from orchestrator.core.record import to_plain
from orchestrator.core.text import LANGUAGES
from orchestrator.diagnose.state import primary_state
from orchestrator.observe.stitch import is_by_epoch
from orchestrator.report.curves import trend_line
from orchestrator.report.measured_record import checkpoints_record, measured_record, probe_record, telemetry_record
from orchestrator.report.privacy import shortener
from orchestrator.report.sentence import became
from orchestrator.report.tables import trained_pictures
from orchestrator.report.verdict import level, next_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.finding import Finding, Problem, Verdict
    from orchestrator.core.observation import Series
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Folder, Picture
    from orchestrator.plan.model import Plan
    from orchestrator.report.model import ReportData

KIND = "report"
VERSION = 2


def report_record(data: ReportData) -> dict[str, Any]:
    """Return the content of report.json: JSON types only, both languages, private paths shortened.

    Write it with `core.record.write_record(path, KIND, VERSION, ...)`.
    """
    seen, case = data.case.observations, data.case
    primary, state = primary_state(data.verdict), became(data)
    body = {
        "name": data.name,
        "created": data.created,
        "tool_version": data.tool_version,
        "family": data.family,
        "kind": data.kind,
        "is_foreign": data.is_foreign,
        "level": level(data.verdict, data.outcome),
        "headline": data.headline,
        "next_steps": [finding.name for finding in next_steps(data.verdict)],
        "primary_state": primary.state,
        "confidence": primary.confidence,
        "because": primary.because.name if primary.because is not None else None,
        "sentence": state.sentence,
        "findings": [finding_record(finding) for finding in data.verdict.findings],
        "missing": missing_record(data),
        "damage": seen.damage if seen else (),
        "outcome": data.outcome,
        "facts": dict(seen.facts) if seen else {},
        "series": {tag: _series(series) for tag, series in (seen.series if seen else {}).items()},
        "checkpoints": checkpoints_record(data),
        "telemetry": telemetry_record(data),
        "probe": probe_record(data),
        "measured": measured_record(data),
        "compared": data.compared,
        "samples": seen.samples if seen else (),
        "dataset": _dataset(data),
        "plan": _plan(case.plan) if case.plan else None,
        "settings": case.settings if case.plan is None else {},
        "commands": [{"purpose": command.purpose, "argv": command.argv} for command in data.commands],
        "trainer": _without(to_plain(data.trainer), "python", "root") if data.trainer else None,
        "versions": data.versions,
        "recipe": data.recipe_text,
        "next_changes": data.next_changes,
        "next_listed": data.next_listed,
        "notes": data.notes,
    }
    plain: dict[str, Any] = shortener(data).plain(to_plain(body))
    return plain


def finding_record(finding: Finding) -> dict[str, Any]:
    """Return what one rule says, both languages."""
    advice = [{"text": finding.fix.advice, "changes": finding.fix.changes}] if finding.fix is not None else []
    body: dict[str, Any] = to_plain(
        {
            "id": finding.rule,
            "name": finding.name,
            "status": finding.status,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "state": finding.state,
            "message": finding.message,
            "why": finding.why,
            "evidence": finding.evidence,
            "paths": [path.name for path in finding.paths],
            "advice": advice,
            "needs": finding.needs,
            "where": finding.where,
            "ignored_because": finding.ignored_because,
        }
    )
    return body


def missing_record(data: ReportData) -> list[dict[str, Any]]:
    """Return what could not be judged: sources that were not there, and rules that could not decide, with what would decide them."""
    seen = data.case.observations
    sources = [
        {"kind": "source", "what": item.what, "why": item.why, "needs": None} for item in (seen.missing if seen else ())
    ]
    rules = [
        {"kind": "rule", "what": f.name, "why": f.message, "needs": f.needs}
        for f in data.verdict.findings
        if f.status is Status.INCONCLUSIVE
    ]
    return [*sources, *rules]


def _without(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in keys}


def _series(series: Series) -> dict[str, Any]:
    """What a program needs to judge a curve without the 200,000 points, which stay in the log."""
    bad = [step for step, value in zip(series.steps, series.values, strict=True) if not math.isfinite(value)]
    finite = [value for value in series.values if math.isfinite(value)]
    steps, values = trend_line(series)
    return {
        "x": "epoch" if is_by_epoch(series.name) else "step",
        "points": len(series),
        "first_step": series.steps[0] if len(series) else None,
        "last_step": series.steps[-1] if len(series) else None,
        "last": series.values[-1] if len(series) else None,
        "min": min(finite, default=None),
        "max": max(finite, default=None),
        "nonfinite": len(bad),
        "first_nonfinite_step": bad[0] if bad else None,
        "block_medians": [[step, value] for step, value in zip(steps, values, strict=True)],
        "source": series.source,
    }


def _dataset(data: ReportData) -> dict[str, Any] | None:
    dataset = data.case.dataset
    if dataset is None:
        return None
    folders = [_folder(folder, trained_pictures(folder, data.case.plan)) for folder in dataset.folders]
    return {"folders": folders, "not_looked_at": dataset.not_looked_at}


def _folder(folder: Folder, trained: Sequence[Picture]) -> dict[str, Any]:
    return {
        "image_dir": folder.image_dir.name if folder.image_dir.is_absolute() else folder.image_dir.as_posix(),
        "pictures": len(trained),
        "held_out": len(folder.pictures) - len(trained),
        "captioned": sum(picture.caption_path is not None for picture in trained),
        "caption_extension": folder.caption_extension,
        "is_reg": folder.is_reg,
        "problems": sum(1 for picture in folder.pictures if picture.problem or picture.caption_problem),
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "output_name": plan.output_name,
        "trigger": plan.trigger,
        "train": {key: _resolved(item) for key, item in plan.train.items()},
        "dataset_general": {key: _resolved(item) for key, item in plan.dataset_general.items()},
        "subsets": [
            {
                "image_dir": subset.image_dir,
                "num_repeats": subset.num_repeats,
                "pictures": len(subset.sizes),
                "is_reg": subset.is_reg,
                "is_validation": subset is plan.validation,
            }
            for subset in (*plan.subsets, *((plan.validation,) if plan.validation else ()))
        ],
        "steps": plan.steps,
        "notes": plan.notes,
    }


def _resolved(item: Any) -> dict[str, Any]:
    return {"value": to_plain(item.value), "source": item.source.value, "because": to_plain(item.because)}


def problems_record(problems: Sequence[Problem], language: Language) -> list[dict[str, Any]]:
    """Return mistakes of form for `--format json`, in one language."""
    return [
        {
            "code": problem.code,
            "what": problem.what.to(language),
            "why": problem.why.to(language) if problem.why else None,
            "fix": problem.fix.to(language) if problem.fix else None,
            "where": to_plain(problem.where),
        }
        for problem in problems
    ]


def verdict_record(verdict: Verdict, language: Language) -> dict[str, Any]:
    """Return all findings for `--format json`, in one language."""
    return {
        "worst": verdict.worst.value if verdict.worst else None,
        "findings": [_in_language(finding_record(finding), language) for finding in verdict.findings],
    }


def _in_language(value: Any, language: Language) -> Any:
    if isinstance(value, dict):
        if set(value) == set(LANGUAGES):
            return value[language]
        return {key: _in_language(item, language) for key, item in value.items()}
    return [_in_language(item, language) for item in value] if isinstance(value, list) else value
