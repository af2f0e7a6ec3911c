"""What the recorder inside the trainer's process wrote, all processes together."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.telemetry import Picture, Probe, SampleLosses, StepRecords, Telemetry
from orchestrator.observe.telemetry_file import FILE_NAME, MAX_TEXT, number, plain, read_telemetry_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from orchestrator.observe.telemetry_file import Steps, TelemetryFile

_OBJECTIVES: Final = ("epsilon", "v", "flow")


def read_telemetry(paths: Iterable[Path], name_of: Callable[[Path], str]) -> tuple[Telemetry | None, tuple[str, ...]]:
    """Return what the `rankN.jsonl` files at `paths` hold, None where nothing of a recorder is in them, and the damage.

    Nothing is raised for damage: lines that cannot be used are left out and counted.
    """
    files: list[TelemetryFile] = []
    damage: list[str] = []
    for path in sorted(paths, key=_rank):
        try:
            found = read_telemetry_file(path, name_of(path))
        except OSError as error:
            damage.append(f"{name_of(path)}: cannot be read ({error.strerror or error})")
            continue
        for step_note in _keep_last(found):
            found.damage.append(step_note)
        damage += found.damage
        if not found.is_empty:
            files.append(found)
    if not files:
        return None, tuple(damage)
    return _joined(files, tuple(damage)), tuple(damage)


def _rank(path: Path) -> tuple[int, str]:
    match = FILE_NAME.fullmatch(path.name)
    return (int(match[1]) if match else 0, str(path))


def _keep_last(file: TelemetryFile) -> list[str]:
    """Bring the rows of a file into ascending order, one for each step: the one written last. Returns what to tell."""
    rows = file.steps
    if all(map(_is_less, rows.steps, rows.steps[1:])):
        return []
    last = {step: row for row, step in enumerate(rows.steps)}
    order = [last[step] for step in sorted(last)]
    starts = [0]
    for count in rows.counts:
        starts.append(starts[-1] + count)
    for column in (rows.timesteps, rows.losses, rows.targets, rows.pictures):
        kept: Any = array(column.typecode)
        for row in order:
            kept.extend(column[starts[row] : starts[row + 1]])
        column[:] = kept
    written = len(rows.steps)
    row_columns: list[Any] = [rows.steps, rows.counts, rows.grad_norms, rows.clipped, *rows.lrs.groups, *rows.ds.groups]
    for row_column in row_columns:
        row_column[:] = array(row_column.typecode, [row_column[row] for row in order])
    return [f"{file.name}: steps out of order; of {written} lines {len(order)} were kept, the last of each step"]


def _is_less(one: int, two: int) -> bool:
    return one < two


def _joined(files: Sequence[TelemetryFile], damage: tuple[str, ...]) -> Telemetry:
    first = files[0]
    pictures, numbers = _pictures(files)
    head = first.head or {}
    probes = [_renumbered(probe, numbers[place]) for place, file in enumerate(files) for probe in file.probes]
    log_seconds, probe_seconds = _seconds(files)
    return Telemetry(
        mode="probe" if head.get("mode", "probe" if probes else "log") == "probe" else "log",
        entry=plain(head.get("entry") or ""),
        objective=head.get("objective") if head.get("objective") in _OBJECTIVES else None,
        world_size=_world(head.get("world"), len(files)),
        pictures=pictures,
        samples=_samples(files, numbers),
        steps=_steps(first.steps),
        probes=_latest(probes),
        hooks=_hooks(head.get("hooks")),
        notes=tuple(dict.fromkeys(note for file in files for note in [*file.notes, *_ending(file)])),
        is_complete=first.end is not None,
        log_seconds=log_seconds,
        probe_seconds=probe_seconds,
        damage=damage,
    )


def _world(value: object, count: int) -> int:
    return value if type(value) is int and count <= value < 10**6 else count


def _hooks(value: object) -> dict[str, bool]:
    if not isinstance(value, dict):
        return {}
    return {plain(name): found for name, found in list(value.items())[:MAX_TEXT] if isinstance(found, bool)}


def _ending(file: TelemetryFile) -> list[str]:
    reason = (file.end or {}).get("reason", "finished")
    return [] if reason == "finished" else [f"end: {plain(reason)}"]


def _seconds(files: Sequence[TelemetryFile]) -> tuple[float, float]:
    """Cost of logging and of probing: that of the slowest process. Without a last line the probes alone are known."""
    ends = [file.end for file in files if file.end is not None]
    log = max((number(end.get("log_s", 0.0)) for end in ends), default=0.0)
    probe = max((number(end.get("probe_s", 0.0)) for end in ends), default=0.0)
    seen = max(math.fsum(p.seconds for p in file.probes if math.isfinite(p.seconds)) for file in files)
    return log, probe if ends else seen


def _pictures(files: Sequence[TelemetryFile]) -> tuple[tuple[Picture, ...], list[dict[int, int]]]:
    """All pictures, and for each file its numbers -> theirs.

    Each process numbers for itself. A picture of two processes is one by its name; two of one process are two, whatever
    their names: the first of a name is then the first of that name elsewhere.
    """
    found: dict[tuple[str, bool, int], int] = {}
    pictures: list[Picture] = []
    numbers: list[dict[int, int]] = []
    for file in files:
        seen: dict[tuple[str, bool], int] = {}
        mapping: dict[int, int] = {}
        for index, one in file.pictures.items():
            same_name = seen.get((one.name, one.is_held_out), 0)
            seen[one.name, one.is_held_out] = same_name + 1
            key = (one.name, one.is_held_out, same_name)
            if key not in found:
                found[key] = len(pictures)
                pictures.append(Picture(len(pictures), one.name, one.caption, one.bucket, one.is_held_out, one.is_reg))
            mapping[index] = found[key]
        numbers.append(mapping)
    return tuple(pictures), numbers


def _samples(files: Sequence[TelemetryFile], numbers: Sequence[dict[int, int]]) -> SampleLosses:
    """The samples of all processes in order of steps; within a step in order of processes."""
    steps, result = array("q"), SampleLosses()
    for file, mapping in zip(files, numbers, strict=True):
        rows = file.steps
        for step, count in zip(rows.steps, rows.counts, strict=True):
            steps.extend([step] * count)
        result.timesteps.extend(rows.timesteps)
        result.losses.extend(rows.losses)
        result.targets.extend(rows.targets)
        result.pictures.extend([mapping.get(index, -1) for index in rows.pictures])
    whole = replace(result, steps=steps)
    return whole if len(files) == 1 else _by_step(whole)


def _by_step(samples: SampleLosses) -> SampleLosses:
    import numpy as np

    order = np.argsort(np.frombuffer(samples.steps, dtype=np.int64), kind="stable")

    def taken(column: Any) -> Any:
        sorted_column = array(column.typecode)
        sorted_column.frombytes(np.frombuffer(column, dtype=column.typecode)[order].tobytes())
        return sorted_column

    columns = (samples.steps, samples.timesteps, samples.losses, samples.targets, samples.pictures)
    return samples if not len(samples) else SampleLosses(*(taken(column) for column in columns))


def _steps(rows: Steps) -> StepRecords:
    return StepRecords(rows.steps, rows.grad_norms, rows.clipped, tuple(rows.lrs.groups), tuple(rows.ds.groups))


def _renumbered(probe: Probe, mapping: dict[int, int]) -> Probe:
    return replace(probe, pictures=tuple(mapping.get(index, -1) for index in probe.pictures))


def _latest(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """The probes in order of steps, one of each kind per step: the one written last."""
    kept = {(probe.step, probe.when, probe.is_on): probe for probe in probes}
    return tuple(sorted(kept.values(), key=lambda probe: probe.step))
