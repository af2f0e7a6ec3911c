"""Score the diagnosis on the kept runs of real trainers: `python -m benchmark.score_runs [--runs DIR] [--trainer sd15] [--markdown]`.

The label of a run is what an independent measure says became of it (`about.json`: loss on its training pictures and on fresh ones of the
same kind, over fixed noise, for every saved file), and what was planted where it did harm: fresh pictures worse than the healthy twin's by
more than three jitters. A planted fault without harm is benign: nothing of severity `fix` or worse may be said. Sound runs are one class here: that measure cannot tell `converged` from `learning`.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.faults import FAULTS, HEALTHY
from benchmark.kept import ABOUT, observations, opened, read_about
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.finding import State
from orchestrator.diagnose.course import course
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.state import primary_state
from orchestrator.report.judged import read_own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.core.finding import Verdict
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.state import Primary

RUNS = Path(__file__).parent / "runs"
SOUND = "sound"
SAME, DAMAGED, LOST = 0.8, 10.0, 100.0
"""Percent against the base: no change at most; damage at least on both sets; a lost model at least on fresh pictures."""
REBOUND = 3.0
"""Percent that fresh pictures end above their best file in a run that memorised."""
JITTERS = 3.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What became of a run, measured apart from its logs. Percent against the base model."""

    train: float
    fresh: float
    best_fresh: float
    """Over its saved files."""
    is_nan: bool
    """The last file cannot be measured."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One run: label and verdict."""

    trainer: str
    config: str
    fault: str
    seed: int
    label: str
    """A state, or `sound`; two joined by `|` where the measure allows both."""
    measured: str
    """As `label`, by the independent measure alone: what was planted is left out."""
    said: str
    primary: Primary
    verdict: Verdict
    truth: Truth
    is_benign: bool
    """Its label is `sound`: healthy, or planted without effect on fresh pictures."""

    @property
    def fits(self) -> bool:
        """Whether what was said is what the label allows."""
        return self.said in self.label.split("|")

    @property
    def alarms(self) -> tuple[str, ...]:
        """Rules that fired with severity `fix` or worse."""
        return tuple(f.name for f in self.verdict.fired if f.severity.rank <= 1)


def truth_of(about: Mapping[str, Any]) -> Truth:
    """Return what the independent measure says of the last file."""
    base, files = about["truth"]["base"], list(about["truth"]["files"].values())

    def change(row: Mapping[str, float | None], key: str) -> float:
        value = row.get(key)
        return 100 * (value / base[key] - 1) if value is not None and math.isfinite(value) else math.nan

    if not files:
        return Truth(math.nan, math.nan, math.nan, is_nan=True)
    fresh = [change(row, "fresh") for row in files]
    best = min((value for value in fresh if math.isfinite(value)), default=math.nan)
    return Truth(change(files[-1], "train"), fresh[-1], best, is_nan=not math.isfinite(fresh[-1]))


def label_of(truth: Truth, fault: str, twin: Truth | None, jitter: float) -> str:
    """Return the states that the measure allows, joined by `|`.

    `twin`: the healthy run of the same configuration and seed, `jitter`: of its probe, percent. A planted fault counts where fresh pictures ended
    worse than the twin's by more than three jitters: then what was planted is allowed beside what was measured.
    """
    measured = measured_state(truth)
    planted = FAULTS[fault].state if fault != HEALTHY else None
    if planted is None or twin is None or measured == planted:
        return measured
    if truth.is_nan or truth.fresh - twin.fresh > JITTERS * jitter:
        return "|".join(dict.fromkeys([*([] if measured == SOUND else measured.split("|")), planted]))
    return measured


def measured_state(truth: Truth) -> str:
    """Return what the independent measure says became of the run; two joined by `|` where it cannot tell them apart."""
    if truth.is_nan or truth.fresh >= LOST:
        return State.BROKEN.value
    if truth.train > SAME and truth.fresh > SAME:
        is_damaged = truth.train >= DAMAGED and truth.fresh >= DAMAGED
        return f"{State.BROKEN.value}|{State.UNSTABLE.value}" if is_damaged else State.UNSTABLE.value
    if truth.fresh - truth.best_fresh > REBOUND or (truth.train < -SAME and truth.fresh > SAME):
        return State.OVERFIT.value
    is_same = abs(truth.train) <= SAME and abs(truth.fresh) <= SAME
    return State.NOT_LEARNING.value if is_same else SOUND


def load_case(folder: Path) -> Case:
    """Return a kept run as the rules see it."""
    with opened(folder) as rundir:
        own = read_own(rundir)
        return replace(own.case, observations=observations(rundir), cache={})


def without_held_out(case: Case) -> Case:
    """Return the case as it would be had nothing been held out: the recorder only looks on, so the training is the same."""
    seen = case.observations
    if seen is None or seen.telemetry is None:
        return case
    held = {picture.index for picture in seen.telemetry.pictures if picture.is_held_out}
    probes = []
    for probe in seen.telemetry.probes:
        kept = [(index, row) for index, row in zip(probe.pictures, probe.losses, strict=True) if index not in held]
        if kept:
            indices, losses = zip(*kept, strict=True)
            probes.append(replace(probe, pictures=indices, losses=losses))
    telemetry = replace(
        seen.telemetry, probes=tuple(probes), pictures=tuple(p for p in seen.telemetry.pictures if p.index not in held)
    )
    series = {tag: one for tag, one in seen.series.items() if "validation" not in tag}
    plan = replace(case.plan, validation=None) if case.plan is not None else None
    return replace(case, plan=plan, observations=replace(seen, telemetry=telemetry, series=series), cache={})


def score_all(runs: Path, trainers: Sequence[str], see: Callable[[Case], Case] = lambda case: case) -> list[Scored]:
    """Judge every kept run, as `see` shows it to the rules."""
    folders = [
        folder for trainer in trainers for folder in sorted((runs / trainer).glob("*")) if (folder / ABOUT).is_file()
    ]
    abouts = {folder: read_about(folder) for folder in folders}
    sound = {_key(about): folder for folder, about in abouts.items() if about["fault"] == HEALTHY}
    twins = {key: (truth_of(abouts[folder]), jitter_of(load_case(folder))) for key, folder in sound.items()}
    return [_scored(folder, about, see, *twins.get(_key(about), (None, math.nan))) for folder, about in abouts.items()]


def jitter_of(case: Case) -> float:
    """Return the jitter of a run's decisive probe curve, percent; NaN without one."""
    seen = course(case)
    return seen.decisive.late_jitter if seen is not None else math.nan


def _key(about: Mapping[str, Any]) -> tuple[str, str, int]:
    return about["trainer"], about["config"], about["seed"]


def _scored(
    folder: Path, about: Mapping[str, Any], see: Callable[[Case], Case], twin: Truth | None, jitter: float
) -> Scored:
    truth = truth_of(about)
    label = label_of(truth, about["fault"], twin, jitter)
    verdict = judge(see(load_case(folder)), "after", reraise=True)
    primary = primary_state(verdict)
    said = SOUND if primary.state in {State.CONVERGED, State.LEARNING} else primary.state.value
    return Scored(
        about["trainer"],
        about["config"],
        about["fault"],
        about["seed"],
        label,
        measured_state(truth),
        said,
        primary,
        verdict,
        truth,
        label == SOUND,
    )


def show(rows: Sequence[Scored]) -> None:
    """Print a line for each run, then what they sum to."""
    for row in sorted(rows, key=lambda r: (r.trainer, r.fault, r.config, r.seed)):
        mark = " " if row.fits else "X"
        truth = (
            "nan"
            if row.truth.is_nan
            else f"{row.truth.train:+.0f}/{row.truth.fresh:+.0f} (best {row.truth.best_fresh:+.0f})"
        )
        fired = ", ".join(f"{f.name}:{f.severity.value}" for f in row.verdict.fired if f.severity.rank < 3)
        print(
            f"{mark} {row.trainer:6s} {row.fault:16s} {row.config:9s} {row.seed} {truth:28s} {row.label:24s} "
            f"-> {row.said:13s} {row.primary.confidence.value:6s} {fired}"
        )
    benign = [row for row in rows if row.is_benign]
    print(
        f"\n{len(rows)} runs, {sum(r.fits for r in rows)} fit; alarms on {sum(bool(r.alarms) for r in benign)} of {len(benign)} benign runs"
    )
    print(f"macro-F1 {macro_f1(rows):.3f}")


def macro_f1(rows: Sequence[Scored]) -> float:
    """Return the mean F1 over labels; a label that allows two counts as the one said, else as its first."""
    pairs = [(r.said if r.fits else r.label.split("|")[0], r.said) for r in rows]
    scores = []
    for name in sorted({label for label, _ in pairs}):
        hit = sum(a == b == name for a, b in pairs)
        missed, false = sum(a == name != b for a, b in pairs), sum(b == name != a for a, b in pairs)
        scores.append(2 * hit / (2 * hit + missed + false))
    return math.fsum(scores) / len(scores) if scores else math.nan


def main() -> None:
    """Score and print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=Path, default=RUNS)
    options.add_argument("--trainer", nargs="*", default=["sd15", "pocket"])
    options.add_argument("--json", type=Path)
    options.add_argument("--no-hold-out", action="store_true", help="judge each run as if nothing had been held out")
    given = options.parse_args()
    try:
        rows = score_all(given.runs, given.trainer, *([without_held_out] if given.no_hold_out else []))
    except OrchestratorError as error:
        raise SystemExit("; ".join(problem.what.en for problem in error.problems)) from error
    show(rows)
    if given.json:
        given.json.write_text(json.dumps([_plain(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def _plain(row: Scored) -> dict[str, Any]:
    return {
        "run": f"{row.trainer}/{row.config}-{row.fault}-{row.seed}",
        "label": row.label,
        "said": row.said,
        "confidence": row.primary.confidence.value,
        "alarms": row.alarms,
        "train": row.truth.train,
        "fresh": row.truth.fresh,
    }


if __name__ == "__main__":
    main()
