"""Score predictions against labels, and say it in Markdown. What predicts, and where the labels come from, is the caller's.

`inconclusive` is an answer that decides nothing: it counts as a miss in recall, F1 and balanced accuracy, and is also counted apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Judged:
    """One run: what it is, and what was said about it."""

    label: State
    predicted: State
    confidence: Confidence
    configuration: str
    """What one leaves out at a time: model, batch, data."""
    is_healthy: bool
    """No fault planted, and it learned: any alarm is false."""
    alarms: tuple[str, ...] = ()
    """Names of rules that fired with severity `fix` or worse."""
    label_flags: frozenset[str] = frozenset()
    predicted_flags: frozenset[str] = frozenset()
    onset_step: int | None = None
    """Where it breaks."""
    told_step: int | None = None
    """Where that was said while it ran; None: never, or not tried."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class against all others. Precision is NaN where nothing was predicted, recall where nothing was there."""

    name: str
    count: int
    precision: float
    recall: float
    f1: float


def class_score(name: str, pairs: Sequence[tuple[bool, bool]]) -> ClassScore:
    """Return the score of (is, said) pairs. F1 is 0 where a class is there and never said."""
    hits = sum(is_it and said for is_it, said in pairs)
    there, said_so = sum(is_it for is_it, _ in pairs), sum(said for _, said in pairs)
    f1 = 2 * hits / (there + said_so) if there + said_so else math.nan
    return ClassScore(name, there, hits / said_so if said_so else math.nan, hits / there if there else math.nan, f1)


def state_scores(runs: Sequence[Judged]) -> list[ClassScore]:
    """Return one score per state that a run is labelled with, in the order of states."""
    labels = {run.label for run in runs}
    return [
        class_score(state.value, [(run.label is state, run.predicted is state) for run in runs])
        for state in State
        if state in labels
    ]


def flag_scores(runs: Sequence[Judged]) -> list[ClassScore]:
    """Return one score per flag that a run is labelled with, by name."""
    flags = sorted(set().union(*(run.label_flags for run in runs)))
    return [class_score(f, [(f in run.label_flags, f in run.predicted_flags) for run in runs]) for f in flags]


def macro_f1(scores: Sequence[ClassScore]) -> float:
    """Return the mean F1 over classes; NaN without any."""
    return sum(s.f1 for s in scores) / len(scores) if scores else math.nan


def balanced_accuracy(scores: Sequence[ClassScore]) -> float:
    """Return the mean recall over classes that are there; NaN without any."""
    recalls = [s.recall for s in scores if s.count]
    return sum(recalls) / len(recalls) if recalls else math.nan


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of hits / count; (0, 1) where nothing was counted. Wilson, JASA 1927."""
    if not count:
        return 0.0, 1.0
    share, square = hits / count, Z95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def inconclusive_share(runs: Sequence[Judged]) -> float:
    """Return the share of runs that nothing was said about; NaN without runs."""
    return sum(run.predicted is State.INCONCLUSIVE for run in runs) / len(runs) if runs else math.nan


def selective_accuracy(runs: Sequence[Judged]) -> float:
    """Return the share of right answers among the answers given; NaN without any."""
    said = [run.predicted is run.label for run in runs if run.predicted is not State.INCONCLUSIVE]
    return sum(said) / len(said) if said else math.nan


def delays(runs: Sequence[Judged]) -> list[int]:
    """Return steps from where a run breaks to where that was said; runs without either are left out."""
    known = [(run.told_step, run.onset_step) for run in runs]
    return [told - onset for told, onset in known if told is not None and onset is not None]


def by_configuration(runs: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Return runs by configuration, sorted by name."""
    return {
        name: [run for run in runs if run.configuration == name] for name in sorted({r.configuration for r in runs})
    }


def leave_one_out(
    runs: Sequence[Judged], again: Callable[[Sequence[Judged], Sequence[Judged]], Sequence[Judged]]
) -> dict[str, tuple[float, float]]:
    """Return, per configuration, macro-F1 on the other configurations (seen) and on it (unseen).

    `again(seen, unseen)` judges both anew after having looked at `seen` only, and returns them in that order. Frozen rules have
    nothing to look at: pass `lambda seen, unseen: [*seen, *unseen]`.
    """
    found = {}
    for name, unseen in by_configuration(runs).items():
        seen = [run for run in runs if run.configuration != name]
        judged = again(seen, unseen)
        found[name] = (
            macro_f1(state_scores(judged[: len(seen)])),
            macro_f1(state_scores(judged[len(seen) :])),
        )
    return found


def summary_table(named: Mapping[str, Sequence[Judged]]) -> list[str]:
    """Return one row per predictor or data set: macro-F1, balanced accuracy, inconclusive, right when said, false alarms."""
    lines = [
        "| | runs | macro-F1 | balanced accuracy | inconclusive | right when said | false alarms on healthy runs (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in named.items():
        scores = state_scores(runs)
        cells = [
            _number(macro_f1(scores)),
            _number(balanced_accuracy(scores)),
            _percent(inconclusive_share(runs)),
            _percent(selective_accuracy(runs)),
            false_alarm_text(runs),
        ]
        lines.append(f"| {name} | {len(runs)} | " + " | ".join(cells) + " |")
    return lines


def false_alarm_text(runs: Sequence[Judged]) -> str:
    """Return the share of healthy runs with an alarm of severity `fix` or worse, with its interval."""
    healthy = [run for run in runs if run.is_healthy]
    alarmed = sum(bool(run.alarms) for run in healthy)
    low, high = wilson(alarmed, len(healthy))
    if not healthy:
        return "no healthy runs"
    return f"{alarmed} of {len(healthy)}: {alarmed / len(healthy):.1%} ({low:.1%}-{high:.1%})"


def class_table(scores: Sequence[ClassScore], what: str) -> list[str]:
    """Return one row per class."""
    lines = [f"| {what} | runs | precision | recall | F1 |", "|---|---|---|---|---|"]
    lines += [
        f"| {s.name} | {s.count} | {_number(s.precision)} | {_number(s.recall)} | {_number(s.f1)} |" for s in scores
    ]
    return lines


def confusion_table(runs: Sequence[Judged]) -> list[str]:
    """Return labels down, predictions across."""
    states = list(State)
    lines = ["| label \\ said | " + " | ".join(s.value for s in states) + " |", "|---|" + "---|" * len(states)]
    for label in states:
        of = [run.predicted for run in runs if run.label is label]
        if of:
            lines.append(f"| {label.value} | " + " | ".join(str(of.count(s) or "") for s in states) + " |")
    return lines


def confidence_table(runs: Sequence[Judged]) -> list[str]:
    """Return, per stated confidence, how often it was right: high should be right most often."""
    lines = ["| stated confidence | answers | right (95 %) |", "|---|---|---|"]
    for level in Confidence:
        said = [r for r in runs if r.confidence is level and r.predicted is not State.INCONCLUSIVE]
        right = sum(r.predicted is r.label for r in said)
        low, high = wilson(right, len(said))
        told = f"{right / len(said):.1%} ({low:.1%}-{high:.1%})" if said else "-"
        lines.append(f"| {level.value} | {len(said)} | {told} |")
    return lines


def configuration_table(found: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return macro-F1 seen and unseen per configuration left out, and the mean gap."""
    lines = ["| left out | macro-F1 of the others | of it | gap |", "|---|---|---|---|"]
    lines += [f"| {n} | {_number(a)} | {_number(b)} | {a - b:+.3f} |" for n, (a, b) in found.items()]
    gaps = [a - b for a, b in found.values() if not math.isnan(a - b)]
    if gaps:
        lines.append(f"| mean | | | {sum(gaps) / len(gaps):+.3f} |")
    return lines


def delay_text(runs: Sequence[Judged]) -> str:
    """Return how soon breaks were told."""
    broken = [run for run in runs if run.onset_step is not None]
    found = delays(broken)
    if not found:
        return f"none of {len(broken)} told while running"
    return f"{len(found)} of {len(broken)} told; after {median(found):g} steps (median), {max(found)} at most"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"
