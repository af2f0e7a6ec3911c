"""What report.json holds of telemetry, probe and checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.core.record import to_plain
from orchestrator.diagnose.breaking import is_usable
from orchestrator.diagnose.facts import telemetry
from orchestrator.diagnose.measured import probe_curves
from orchestrator.diagnose.window import checkpoint_window
from orchestrator.report.run_facts import measure

if TYPE_CHECKING:
    from orchestrator.core.telemetry import Telemetry
    from orchestrator.diagnose.signals.probe import ProbeCurve
    from orchestrator.report.model import ReportData


def telemetry_record(data: ReportData) -> dict[str, Any] | None:
    """Return what was recorded and what it cost; None where telemetry was off."""
    seen = telemetry(data.case)
    if seen is None:
        return None
    seconds = data.outcome.seconds if data.outcome is not None else None
    cost = seen.log_seconds + seen.probe_seconds
    return {
        "mode": seen.mode,
        "entry": seen.entry,
        "objective": seen.objective,
        "world_size": seen.world_size,
        "is_complete": seen.is_complete,
        "steps": len(seen.steps),
        "samples": len(seen.samples),
        "pictures": sum(picture.is_subject for picture in seen.pictures),
        "held_out_pictures": sum(picture.is_held_out for picture in seen.pictures),
        "probes": sum(probe.is_on for probe in seen.probes),
        "base_probes": sum(not probe.is_on for probe in seen.probes),
        "log_seconds": seen.log_seconds,
        "probe_seconds": seen.probe_seconds,
        "cost_percent": 100 * cost / seconds if seconds else None,
        "missing_hooks": sorted(name for name, is_there in seen.hooks.items() if not is_there),
        "notes": seen.notes,
    }


def probe_record(data: ReportData) -> dict[str, Any] | None:
    """Return the probe against the base model, in percent; None where it was not taken."""
    seen, found = telemetry(data.case), probe_curves(data.case)
    if seen is None or found is None:
        return None
    return {
        "base_drift": found.base_drift,
        "train": _curve(found.train, seen),
        "held_out": _curve(found.held_out, seen),
        "gaps": [[timestep, gap] for timestep, gap in sorted(found.gaps.items())],
    }


def _curve(curve: ProbeCurve | None, seen: Telemetry) -> dict[str, Any] | None:
    if curve is None:
        return None
    names = {picture.index: picture.name for picture in seen.pictures}
    return {
        "steps": curve.steps,
        "changes": curve.changes,
        "lows": curve.lows,
        "highs": curve.highs,
        "jitter": curve.jitter,
        "late_jitter": curve.late_jitter,
        "best": curve.best,
        "best_step": curve.best_step,
        "last": curve.last,
        "rebound": curve.rebound,
        "timesteps": curve.timesteps,
        "bands": curve.bands,
        "pictures": [names.get(index, f"#{index}") for index in curve.pictures],
    }


def checkpoints_record(data: ReportData) -> dict[str, Any]:
    """Return the saved files and which of them to use; `window` is None where no file was saved."""
    seen = data.case.observations
    files = [
        {**{key: item for key, item in to_plain(point).items() if key != "metadata"}, "is_usable": is_usable(point)}
        for point in (seen.checkpoints if seen is not None else ())
    ]
    return {"files": files, "window": checkpoint_window(data.case, data.verdict)}


def measured_record(data: ReportData) -> dict[str, Any]:
    """Return what the next run of the same subject is compared by, without this one being judged again."""
    found = measure(data.case, data.verdict)
    return {
        "results": found.results,
        "probed": found.probed,
        "picture_names": found.picture_names,
        "caption_texts": found.caption_texts,
    }
