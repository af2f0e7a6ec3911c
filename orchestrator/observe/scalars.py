"""Scalars of a run as series: one value for each optimizer step, several event files merged."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.observation import Series
from orchestrator.observe.event_file import read_event_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import numpy as np

    Rows = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]
    """Steps int64 (N,), values float64 (N,), times float64 (N,)."""

AVERAGED: Final = frozenset({"loss/current", "loss"})
"""Logged after every micro-step; everything else keeps the last value of a step."""
MIXED: Final = frozenset({"loss/validation/step_average", "loss/validation/step_divergence"})
"""The trainer mixes values of earlier validations into these; they are handed on as logged."""
_FROM_ZERO: Final = "loss/validation/"
"""A validation before training is logged at step 0 and kept; other tags at step 0 belong to no finished step."""


@dataclass(frozen=True, slots=True)
class ScalarReading:
    """All scalars of some event files."""

    series: Mapping[str, Series]
    damage: tuple[str, ...]
    file_count: int
    first_time: float | None = None
    last_time: float | None = None


def mean_per_step(rows: Rows) -> Rows:
    """Return one row for each optimizer step: the mean of its micro-steps and the time of the last one.

    With gradient accumulation the trainer logs a micro-step under the number of steps finished so far, so the row whose
    number is higher than the one before it ends a step and the rows before it, back to the last such row, belong to it.
    A number that goes back starts counting anew; micro-steps of a step that never ended are left out.
    """
    import numpy as np

    steps, values, times = rows
    if not len(steps):
        return rows
    before = np.concatenate([[0], steps[:-1]])
    restarts = steps < before
    restarts[0] = False
    ends = (steps > before) | (restarts & (steps > 0))
    if ends.all():
        return rows
    end_rows = np.flatnonzero(ends)
    if not len(end_rows):
        return steps[:0], values[:0], times[:0]
    # The step each row belongs to: the next one that ends. Without one, or with a restart in between, it never ended.
    group: np.ndarray[Any, Any] = np.cumsum(ends) - ends
    restarted = np.cumsum(restarts)
    known = (group < len(end_rows)) & (restarted == restarted[end_rows[np.minimum(group, len(end_rows) - 1)]])
    sums = np.bincount(group[known], weights=values[known], minlength=len(end_rows))
    counts = np.bincount(group[known], minlength=len(end_rows))
    return steps[end_rows], sums / counts, times[end_rows]


def newest_per_step(rows: Rows) -> Rows:
    """Return the rows sorted by step, one for each: the one logged last where several have the same step."""
    import numpy as np

    steps, values, times = rows
    if len(steps) < 2 or bool((steps[1:] > steps[:-1]).all()):
        return rows
    order = np.lexsort((np.arange(len(steps)), np.nan_to_num(times), steps))
    ordered = steps[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    kept = order[last]
    return steps[kept], values[kept], times[kept]


def read_scalars(paths: Iterable[Path], name_of: Callable[[Path], str]) -> ScalarReading:
    """Read the event files at `paths` as series by the trainer's tags; `name_of` gives the name to report for a file.

    Several files (a resumed run, two writers) are merged by step; the newest wall time wins. Damaged places are read
    around and noted, files that cannot be opened are noted too.
    """
    import numpy as np

    parts: dict[str, list[tuple[Rows, str]]] = {}
    damage: list[str] = []
    count = 0
    for path in paths:
        name = name_of(path)
        try:
            file = read_event_file(path)
        except OSError as error:
            damage.append(f"{name}: cannot be read ({error.strerror or error})")
            continue
        count += 1
        damage += file.notes(name)
        for tag, columns in file.tags.items():
            rows = columns.joined()
            rows = mean_per_step(rows) if tag in AVERAGED else rows
            parts.setdefault(tag, []).append((_from_step(rows, 0 if tag.startswith(_FROM_ZERO) else 1), name))
    series = {}
    for tag, found in parts.items():
        joined = [
            np.concatenate([rows[k] for rows, _ in found]) if len(found) > 1 else found[0][0][k] for k in range(3)
        ]
        steps, values, times = newest_per_step((joined[0], joined[1], joined[2]))
        if len(steps):
            source = ", ".join(dict.fromkeys(name for _, name in found))
            note = "as logged: mixed with earlier validations by the trainer" if tag in MIXED else ""
            series[tag] = Series(tag, _array("q", steps), _array("d", values), _array("d", times), source, note)
    first = min((s.times[0] for s in series.values()), default=None)
    last = max((s.times[-1] for s in series.values()), default=None)
    return ScalarReading(series, tuple(damage), count, first, last)


def _from_step(rows: Rows, first: int) -> Rows:
    kept = rows[0] >= first
    return rows if kept.all() else (rows[0][kept], rows[1][kept], rows[2][kept])


def _array(code: str, values: np.ndarray[Any, Any]) -> array[Any]:
    result: array[Any] = array(code)
    result.frombytes(values.astype("<i8" if code == "q" else "<f8", copy=False).tobytes())
    return result
