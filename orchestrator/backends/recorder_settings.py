"""`telemetry.json`: what the recorder inside the trainer's process is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from orchestrator.plan.recording import PROBE_PICTURES, PROBE_TIMESTEPS

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan

TELEMETRY_JSON: Final = "telemetry.json"
TELEMETRY_DIR: Final = "attempts/001/telemetry"
PROBE_SEED: Final = 20260101
"""The same for every run, so that probes of two runs on the same pictures and base can be compared."""
VERSION: Final = 1


def is_recorded(plan: Plan) -> bool:
    """Whether the trainer is started through the recorder."""
    return plan.telemetry is not None and plan.telemetry.mode.value != "off"


def recorder_settings(plan: Plan) -> str | None:
    """Return the text of `telemetry.json`, None where nothing is recorded."""
    if plan.telemetry is None or plan.telemetry.mode.value == "off":
        return None
    content: dict[str, Any] = {
        "version": VERSION,
        "mode": plan.telemetry.mode.value,
        "folder": TELEMETRY_DIR,
        "probe_every_steps": plan.telemetry.probe_every_steps,
        "probe_pictures": PROBE_PICTURES,
        "probe_timesteps": list(PROBE_TIMESTEPS),
        "probe_seed": PROBE_SEED,
        "total_steps": plan.steps.total_steps,
        "trigger": plan.trigger,
    }
    return json.dumps(content, indent=2) + "\n"
