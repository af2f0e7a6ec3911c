"""Judge simulated runs and print the tables.

usage: python -m benchmark.score_simulated [--half thresholds|reported] [--runs N]
N runs of each kind. `thresholds`: even seeds, free to look at. `reported`: odd seeds, looked at only once thresholds are frozen.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from benchmark import score
from benchmark.baselines import BASELINES
from benchmark.read_along import STEPS_PER_S, told_while_running
from benchmark.simulate import KINDS, Simulated, simulate
from benchmark.simulate_labels import FLAGS
from orchestrator.core.finding import Confidence, Severity, State
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.state import primary_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


RULES: Mapping[str, tuple[str, ...]] = {
    "collapsed": ("collapsed-loss",),
    "unstable-lr": ("unstable-training",),
    "weight-blowup": ("weight-blow-up",),
    "weights-static": ("weights-static", "final-file-zero"),
    "not-learning": ("nothing-learned", "prodigy-stuck"),
    "too-slow": ("learning-too-slow",),
    "overfit-held-out": ("held-out-rising",),
    "overfit-train-only": ("memorised-training-pictures",),
    "fast-plateau": ("early-plateau",),
    "memorise-staircase": ("epoch-staircase",),
    "spike-recover": ("loss-spikes",),
    "outlier-picture": ("outlier-pictures",),
    "bimodal-data": ("two-kinds-of-pictures",),
    "warmup-long": ("warmup-too-long",),
    "te-dominant": ("text-encoder-dominant",),
    "clip-always": ("always-clipped",),
}
"""Rules that say a flag under another name."""
BREAKS = ("nan-loss", "collapsed", "diverging")
TOLD_BY = (
    "As the tool reads along: the bar's three digits line by line, the recorder's file written in blocks of 25 steps or 0.5 s and looked at four times "
    f"a second, at {STEPS_PER_S:g} steps a second."
)
ALARMS = frozenset({Severity.STOP, Severity.FIX})
FIRST = {"thresholds": 0, "reported": 1}


def runs_of(half: str, count: int) -> Iterator[Simulated]:
    """Return `count` runs of each kind, of one half of the seeds."""
    for kind in KINDS:
        for index in range(count):
            yield simulate(kind, 2 * index + FIRST[half])


def judged(run: Simulated) -> score.Judged:
    """Return what the diagnosis says about a run."""
    verdict = judge(run.case, "after")
    primary = primary_state(verdict)
    fired = [finding for finding in verdict.findings if finding.is_fired]
    names = {finding.name for finding in fired}
    return score.Judged(
        label=run.label_state,
        predicted=primary.state,
        confidence=primary.confidence,
        configuration=run.about["configuration"],
        is_healthy=run.is_healthy,
        alarms=tuple(finding.name for finding in fired if finding.severity in ALARMS),
        label_flags=frozenset(run.label_flags),
        predicted_flags=frozenset(flag for flag in FLAGS if names & set(RULES.get(flag, (flag,)))),
        onset_step=run.about["onset_step"],
        told_step=told_while_running(run),
    )


def judged_by_baseline(run: Simulated, name: str) -> score.Judged:
    """Return what a baseline says; an alarm is any answer that asks for a change."""
    seen = run.case.observations
    if seen is None:
        raise ValueError("a simulated run has observations")
    said = BASELINES[name](seen.series["loss/current"].values)
    is_alarm = said in {State.BROKEN, State.UNSTABLE, State.NOT_LEARNING, State.OVERFIT}
    return score.Judged(
        run.label_state,
        said,
        Confidence.LOW,
        run.about["configuration"],
        run.is_healthy,
        (name,) if is_alarm else (),
    )


def delay_lines(runs: Sequence[score.Judged]) -> list[str]:
    """Return how soon each way of breaking was told, in how many other runs the watch spoke without reason, and what it had to go by."""
    lines = ["| what breaks | told while it ran |", "|---|---|"]
    lines += [f"| {f} | {score.delay_text([run for run in runs if f in run.label_flags])} |" for f in BREAKS]
    sound = [run for run in runs if run.label is not State.BROKEN]
    false = sum(run.told_step is not None for run in sound)
    lines.append(f"| none of these | spoke in {false} of {len(sound)} |")
    return [*lines, "", TOLD_BY]


def main(arguments: list[str] | None = None) -> int:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=sorted(FIRST), default="thresholds")
    parser.add_argument("--runs", type=int, default=30, help="of each kind")
    options = parser.parse_args(arguments)
    runs = list(runs_of(options.half, options.runs))
    ours = [judged(run) for run in runs]
    others = {name: [judged_by_baseline(run, name) for run in runs] for name in BASELINES}
    tables = [
        ("Whole", score.summary_table({"this diagnosis": ours, **others})),
        ("States", score.class_table(score.state_scores(ours), "state")),
        ("What was said", score.confusion_table(ours)),
        ("Stated confidence", score.confidence_table(ours)),
        ("Flags", score.class_table(score.flag_scores(ours), "flag")),
        ("Told while it ran", delay_lines(ours)),
        (
            "One configuration left out (the rules are frozen: nothing was set again)",
            score.configuration_table(score.leave_one_out(ours, lambda seen, unseen: [*seen, *unseen])),
        ),
    ]
    for title, lines in tables:
        print("\n".join([f"### {title}", "", *lines, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
