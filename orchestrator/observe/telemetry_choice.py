"""Which recording in a folder belongs to the run that is read: one of another run would be worse than none."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from orchestrator.observe.telemetry_file import MAX_LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SAME_START_S: Final = 900.0
"""The recorder begins before the trainer's libraries are loaded, `ss_training_started_at` comes after."""
_LONGEST_PREPARATION_S: Final = 6 * 3600.0
"""The event file is opened once all latents are cached."""
_CLOCK_S: Final = 60.0


def choose_recording(
    folders: Sequence[tuple[Path, ...]], run_started: float | None, first_event: float | None
) -> tuple[Path, ...]:
    """Return the files of the recording that began with the run; empty where all are of other runs.

    `folders`: the files of each folder, the newest first. Unix times of the run: from the network's metadata and from
    the event file; where both are unknown the newest recording is the run.
    """
    if run_started is None and first_event is None:
        return tuple(sorted(folders[0])) if folders else ()
    away = [(_away(_began(files), run_started, first_event), number) for number, files in enumerate(folders)]
    least, chosen = min(away, default=(math.inf, 0))
    return tuple(sorted(folders[chosen])) if math.isfinite(least) else ()


def _away(began: float | None, run_started: float | None, first_event: float | None) -> float:
    """Seconds between the two beginnings; infinite where they cannot be of one run."""
    if began is None:
        return math.inf
    if run_started is not None:
        away = abs(run_started - began)
        return away if away <= _SAME_START_S else math.inf
    away = (first_event or 0.0) - began
    return abs(away) if -_CLOCK_S <= away <= _LONGEST_PREPARATION_S else math.inf


def _began(files: Sequence[Path]) -> float | None:
    """When the recorder began, from the first line of the first file that has one."""
    for path in sorted(files):
        try:
            with path.open("rb") as file:
                line = json.loads(file.readline(MAX_LINE_BYTES))
            started = line["started"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if type(started) in (int, float) and 0 < started < 1e11:
            return float(started)
    return None
