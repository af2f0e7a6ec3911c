"""Several attempts of one run as one course: steps of the whole run, and of each attempt only what the next one went on from."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import whole_number
from orchestrator.core.observation import Checkpoint, Observations, Sample, SampleReading, Series
from orchestrator.core.telemetry import Picture, Probe, SampleLosses, StepRecords, Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Part:
    """What one attempt left, its steps counted from 1 as the trainer does."""

    seen: Observations
    first_step: int
    """Steps of the whole run that lie before it."""
    until: int | None = None
    """Last step that a later attempt went on from; None: it is the last one."""

    def counts(self, step: int | None) -> bool:
        """Whether `step` of the whole run is part of its course."""
        return step is None or self.until is None or step <= self.until


def stitch(parts: Sequence[Part], steps_per_epoch: int) -> Observations:
    """Return one run out of its attempts, in order. What only the console or a file tells once is the last attempt's."""
    last = parts[-1].seen
    if len(parts) == 1 and not parts[0].first_step:
        return last
    samples = tuple(s for part in parts for s in _samples(part))
    series = _series(parts, steps_per_epoch)
    return replace(
        last,
        series=series,
        facts=_facts(parts, series),
        checkpoints=_checkpoints(parts),
        samples=samples,
        missing=tuple(one for one in last.missing if all(one in part.seen.missing for part in parts)),
        damage=tuple(dict.fromkeys(note for part in parts for note in part.seen.damage)),
        telemetry=_telemetry(parts),
        sample_reading=_reading(parts, {s.path for s in samples}),
    )


def is_by_epoch(tag: str) -> bool:
    """Whether the trainer counts epochs where other series count steps. Epochs go on counting in a later attempt."""
    return tag.rsplit("/", 1)[-1].startswith("epoch")


def _series(parts: Sequence[Part], steps_per_epoch: int) -> dict[str, Series]:
    tags = dict.fromkeys(tag for part in parts for tag in part.seen.series)
    made = {tag: _joined_series(tag, parts, steps_per_epoch) for tag in tags}
    return {tag: one for tag, one in made.items() if len(one.steps)}


def _joined_series(tag: str, parts: Sequence[Part], steps_per_epoch: int) -> Series:
    steps, values, times = array("q"), array("d"), array("d")
    sources = []
    one = None
    for part in parts:
        one = part.seen.series.get(tag)
        if one is None:
            continue
        sources.append(one.source)
        shift, scale = (0, max(1, steps_per_epoch)) if is_by_epoch(tag) else (part.first_step, 1)
        for place, step in enumerate(one.steps):
            if part.counts((step + shift) * scale) and (step or not part.first_step):
                steps.append(step + shift)
                values.append(one.values[place])
                if place < len(one.times):  # the console's bar has none
                    times.append(one.times[place])
    note = next((s.note for part in reversed(parts) if (s := part.seen.series.get(tag)) is not None), "")
    return Series(tag, steps, values, times, ", ".join(dict.fromkeys(sources)), note)


def _facts(parts: Sequence[Part], series: Mapping[str, Series]) -> dict[str, int | float | str]:
    facts = dict(parts[-1].seen.facts)
    reached = [int(facts.get("last_step", 0)) + parts[-1].first_step]
    reached += [one.steps[-1] for tag, one in series.items() if not is_by_epoch(tag)]
    facts["last_step"] = max(reached)
    facts["attempts"] = len(parts)
    seconds = [part.seen.facts.get("logged_seconds") for part in parts]
    known = [float(value) for value in seconds if isinstance(value, (int, float))]
    if known:
        facts["logged_seconds"] = sum(known)
    return facts


def _checkpoints(parts: Sequence[Part]) -> tuple[Checkpoint, ...]:
    found = []
    for part in parts:
        is_last = part is parts[-1]
        for one in part.seen.checkpoints:
            step = None if one.step is None else one.step + part.first_step
            if part.counts(step):
                found.append(replace(one, step=step, is_final=one.is_final and is_last, metadata=_of_run(one, part)))
    return tuple(sorted(found, key=lambda c: (c.is_final, float("inf") if c.step is None else c.step, c.path)))


def _of_run(checkpoint: Checkpoint, part: Part) -> Mapping[str, str]:
    """Return a file's metadata with the steps of the whole run: the trainer writes those of the attempt."""
    steps = whole_number(checkpoint.metadata.get("ss_steps"))
    if steps is None or not part.first_step:
        return checkpoint.metadata
    return {**checkpoint.metadata, "ss_steps": str(steps + part.first_step)}


def _samples(part: Part) -> list[Sample]:
    """Return its samples by steps of the whole run; those named by epochs are so already.

    What a later attempt draws before its first step is neither the base model nor a new step, and is left out.
    """
    found = []
    for one in part.seen.samples:
        if part.first_step and one.step == 0:
            continue
        shift = part.first_step if one.epoch is None else 0
        placed = replace(one, step=None if one.step is None else one.step + shift)
        if part.counts(placed.step):
            found.append(placed)
    return found


def _reading(parts: Sequence[Part], paths: set[str]) -> SampleReading:
    readings = [part.seen.sample_reading for part in parts]
    return replace(
        readings[-1],
        pixels=tuple(p for reading in readings for p in reading.pixels if p.path in paths),
        compared=max(reading.compared for reading in readings),
        notes=tuple(dict.fromkeys(note for reading in readings for note in reading.notes)),
    )


def _telemetry(parts: Sequence[Part]) -> Telemetry | None:
    recorded = [(part, part.seen.telemetry) for part in parts if part.seen.telemetry is not None]
    if not recorded:
        return None
    pictures: dict[tuple[str, bool, int], Picture] = {}
    samples, steps = SampleLosses(), StepRecords()
    probes: list[Probe] = []
    last = recorded[-1][1]
    for part, one in recorded:
        numbers = _numbered(one.pictures, pictures)
        samples = _add_samples(samples, one.samples, part, numbers)
        steps = _add_steps(steps, one.steps, part)
        for probe in one.probes:
            moved = replace(
                probe, step=probe.step + part.first_step, pictures=tuple(numbers.get(i, -1) for i in probe.pictures)
            )
            if part.counts(moved.step):
                probes.append(moved)
    return replace(
        last,
        pictures=tuple(pictures.values()),
        samples=samples,
        steps=steps,
        probes=tuple(sorted(probes, key=lambda p: p.step)),
        notes=tuple(dict.fromkeys(note for _, one in recorded for note in one.notes)),
        log_seconds=sum(one.log_seconds for _, one in recorded),
        probe_seconds=sum(one.probe_seconds for _, one in recorded),
        damage=tuple(dict.fromkeys(note for _, one in recorded for note in one.damage)),
    )


def _numbered(new: Sequence[Picture], known: dict[tuple[str, bool, int], Picture]) -> dict[int, int]:
    """Return this attempt's numbers of pictures -> the run's; pictures are the same by name, held out or not, and order."""
    seen: dict[tuple[str, bool], int] = {}
    numbers = {}
    for picture in new:
        order = seen.get((picture.name, picture.is_held_out), 0)
        seen[picture.name, picture.is_held_out] = order + 1
        key = (picture.name, picture.is_held_out, order)
        if key not in known:
            known[key] = replace(picture, index=len(known))
        numbers[picture.index] = known[key].index
    return numbers


def _add_samples(whole: SampleLosses, new: SampleLosses, part: Part, numbers: Mapping[int, int]) -> SampleLosses:
    rows = [row for row, step in enumerate(new.steps) if part.counts(step + part.first_step)]
    return SampleLosses(
        whole.steps + array("q", [new.steps[r] + part.first_step for r in rows]),
        whole.timesteps + _picked(new.timesteps, rows),
        whole.losses + _picked(new.losses, rows),
        whole.targets + _picked(new.targets, rows),
        whole.pictures + array("q", [numbers.get(new.pictures[r], -1) for r in rows]),
    )


def _add_steps(whole: StepRecords, new: StepRecords, part: Part) -> StepRecords:
    rows = [row for row, step in enumerate(new.steps) if part.counts(step + part.first_step)]
    return StepRecords(
        whole.steps + array("q", [new.steps[r] + part.first_step for r in rows]),
        whole.grad_norms + _picked(new.grad_norms, rows),
        whole.clipped + _picked(new.clipped, rows),
        _add_groups(whole.lrs, new.lrs, rows, len(whole)),
        _add_groups(whole.ds, new.ds, rows, len(whole)),
    )


def _add_groups(
    whole: tuple[array[float], ...], new: tuple[array[float], ...], rows: Sequence[int], before: int
) -> tuple[array[float], ...]:
    """Join the columns of each parameter group; one that an attempt lacks is NaN there."""
    nan = float("nan")
    count = max(len(whole), len(new))
    joined = []
    for group in range(count):
        head = whole[group] if group < len(whole) else array("d", [nan] * before)
        tail = _picked(new[group], rows) if group < len(new) else array("d", [nan] * len(rows))
        joined.append(head + tail)
    return tuple(joined)


def _picked(column: array[Any], rows: Sequence[int]) -> array[Any]:
    return array(column.typecode, [column[row] for row in rows])
