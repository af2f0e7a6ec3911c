"""Which checkpoints to use: a window, not a point.

Left edge: the earliest file within one jitter of the best. Right edge: the last file before the rebound. The lowest held-out loss is not
always the best likeness, so three files are handed on for a comparison by eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from orchestrator.core.finding import Confidence, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.breaking import break_step, is_usable, sound_files
from orchestrator.diagnose.course import SAME, course
from orchestrator.diagnose.facts import series
from orchestrator.diagnose.measured import EPOCH_AVERAGE, steps_per_epoch
from orchestrator.diagnose.signals.ending import change_at
from orchestrator.diagnose.signals.jitter import JITTERS
from orchestrator.diagnose.state import primary_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.core.finding import Verdict
    from orchestrator.core.observation import Checkpoint, Series
    from orchestrator.diagnose.course import Course
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.signals.probe import ProbeCurve

REBOUND = 1.0
"""Percent above the lowest held-out loss at which a rebound begins; sound public runs reach 0.3 %."""
MOST_OF_GAIN = 0.8
"""Share of the best gain on training pictures that a file has to have to be named where no others were measured."""
Place = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file to try."""

    place: Place
    path: str
    """Relative to the run."""
    step: int
    change: float | None
    """Against the base model, %, where it was measured."""
    why: Text


@dataclass(frozen=True, slots=True)
class Window:
    """The files to compare, left to right; empty where none is better than none."""

    candidates: tuple[Candidate, ...]
    confidence: Confidence
    because: Text


NEXT_TO_NOTHING = Window(
    (),
    Confidence.MEDIUM,
    Text(
        "It learned next to nothing: none of its files is worth more than another.",
        "几乎什么都没学到：各文件没有高下之分。",
    ),
)


def checkpoint_window(case: Case, verdict: Verdict) -> Window | None:
    """Return which of the saved files to use; None where no file was saved."""
    files = case.observations.checkpoints if case.observations is not None else ()
    if not files:
        return None
    usable = sorted((f for f in files if is_usable(f) and f.step), key=lambda f: (f.step or 0, f.is_final))
    if not usable:
        return _without_steps(files)
    seen, told = course(case), primary_state(verdict)
    if told.state is State.BROKEN:
        return _before_break(case, usable, seen)
    if seen is None:
        return _without_probe(case, usable, told.state)
    found = _probed(usable, seen)
    is_to_the_end = any(one.step == usable[-1].step for one in found.candidates)
    if told.state is State.NOT_LEARNING and is_to_the_end:
        return NEXT_TO_NOTHING  # the last file is what was judged: the others are no better than that
    return replace(found, confidence=max(found.confidence, told.confidence, key=list(Confidence).index))


def _without_probe(case: Case, usable: Sequence[Checkpoint], state: State) -> Window:
    if state is State.NOT_LEARNING:
        return NEXT_TO_NOTHING
    held_out, length = series(case, EPOCH_AVERAGE), steps_per_epoch(case)
    if held_out is not None and length and sum(map(math.isfinite, held_out.values)) > 2:
        return _validated(usable, held_out, length)
    return _unmeasured(usable)


def _without_steps(files: Sequence[Checkpoint]) -> Window:
    if not any(is_usable(file) for file in files):
        return Window((), Confidence.HIGH, Text("None of these files can be used.", "这些文件都不能使用。"))
    words = Text(
        "At which step these files were saved is not known: compare them by eye.",
        "不知道这些文件保存于哪一步：请目测比较。",
    )
    return Window((), Confidence.LOW, words)


def _before_break(case: Case, files: Sequence[Checkpoint], seen: Course | None) -> Window:
    """Name only files that were saved before the run broke, were read and found finite; with a probe, also better than the base."""
    sound, broke = sound_files(case, files), break_step(case)
    if seen is not None:
        found = _probed(sound, seen)
        if not found.candidates:
            return found
        words = Text(
            f"The run is broken, but these files were saved before step {broke}, hold finite numbers only and were measured better "
            "than the base model. Use none that was saved later.",
            f"训练已损坏，但这些文件保存于第 {broke} 步之前，数值全部有限，且测得优于底模。此后保存的都不要使用。",
        )
        return Window(found.candidates, found.confidence, words)
    if not sound:
        words = Text(
            "The run is broken and nothing measured says that any of its files is sound.",
            "训练已损坏，且没有任何测量表明其中有完好的文件。",
        )
        return Window((), Confidence.MEDIUM, words)
    words = Text(
        f"The run broke at step {broke}; this is the last file before it, and its numbers are finite. Whether it is any good was not "
        "measured. Use none that was saved later.",
        f"训练在第 {broke} 步损坏；这是之前的最后一个文件，其数值有限。它好不好没有测量。此后保存的都不要使用。",
    )
    last = Text("the last before it broke", "损坏之前的最后一个")
    return Window((Candidate("right", sound[-1].path, sound[-1].step or 0, None, last),), Confidence.LOW, words)


def _probed(files: Sequence[Checkpoint], seen: Course) -> Window:
    curve, is_held = seen.decisive, seen.held_out is not None
    known = [f for f in files if is_measured(curve, f.step or 0)]
    better = [f for f in known if change_at(curve, f.step or 0) < -max(SAME, JITTERS * curve.late_jitter)]
    if not better:
        return _none_better(curve, known)
    chosen, why = (_by_held_out(better, curve)) if is_held else _by_training(better, curve)
    is_cut = (chosen[-1].step or 0) < (files[-1].step or 0)  # something later was measured, and it is worse
    left, right = _AS_GOOD if is_held else _ENOUGH, _BEFORE_WORSE if is_cut else _LATEST
    sure = Confidence.MEDIUM if is_held and len(curve) >= 6 else Confidence.LOW
    return Window(_candidates(chosen, lambda f: change_at(curve, f.step or 0), left, right), sure, why)


def _none_better(curve: ProbeCurve, files: Sequence[Checkpoint]) -> Window:
    """Say why no file is named: a gain too small to choose by, one that the jitter hides, or none."""
    if curve.has_learned and curve.last >= -SAME:
        words = Text(
            f"What was gained is under {SAME} %: too little to choose a file by. Compare by eye.",
            f"收益不足 {SAME} %：不足以据此选择文件。请目测比较。",
        )
        return Window((), Confidence.LOW, words)
    if any(change_at(curve, f.step or 0) < -SAME for f in files):
        limit = short_number(JITTERS * curve.late_jitter, 2)
        words = Text(
            f"The probe jumps too much to name a file: below {limit} % nothing can be told from chance. Compare by eye.",
            f"探针跳动过大，无法选出文件：小于 {limit} % 的差异与偶然无法区分。请目测比较。",
        )
        return Window((), Confidence.LOW, words)
    words = Text(
        "No saved file was measurably better than the base model: use none of them.",
        "没有哪个保存的文件可测得地优于底模：都不要使用。",
    )
    return Window((), Confidence.HIGH, words)


def _by_held_out(files: Sequence[Checkpoint], curve: ProbeCurve) -> tuple[list[Checkpoint], Text]:
    best = min(change_at(curve, f.step or 0) for f in files)
    near = best + max(curve.late_jitter, curve.jitter)
    left = next(f for f in files if change_at(curve, f.step or 0) <= near)
    later = [f for f in files if (f.step or 0) >= (left.step or 0)]
    kept = [left]
    for file in later[1:]:
        if rise(best, change_at(curve, file.step or 0)) > max(REBOUND, rise(best, near)):
            break
        kept.append(file)
    return kept, Text(
        "Measured on held-out pictures: from the earliest file within one jitter of the best to the last before a rebound of "
        f"{REBOUND:.0f} %. Likeness may still grow to the right.",
        f"由留出图片测得：从与最佳值相差不超过一次抖动的最早文件，到回升 {REBOUND:.0f} % 之前的最后一个文件。靠右可能更像。",
    )


def is_measured(curve: ProbeCurve, step: int) -> bool:
    """Return whether the curve was still finite at a step: after a NaN nothing is known of a file."""
    finite = [s for s, c in zip(curve.steps, curve.changes, strict=True) if math.isfinite(c)]
    bad = [s for s, c in zip(curve.steps, curve.changes, strict=True) if not math.isfinite(c)]
    return bool(finite) and not any(finite[-1] < s <= step for s in bad)


def rise(low: float, high: float) -> float:
    """Return how far a change (%) lies above another, in % of the lower one's level."""
    return 100 * ((100 + high) / (100 + low) - 1)


def _by_training(files: Sequence[Checkpoint], curve: ProbeCurve) -> tuple[list[Checkpoint], Text]:
    """Name what learned most, however much that is: no gain on training pictures tells learning from learning by heart."""
    best = min(change_at(curve, f.step or 0) for f in files)
    kept = [f for f in files if change_at(curve, f.step or 0) <= MOST_OF_GAIN * best]
    return kept, Text(
        "No held-out pictures: these are the files with at least four fifths of the gain on the training pictures. Nothing that was "
        "measured tells learning from learning by heart: compare by eye, with prompts that no caption holds.",
        "没有留出图片：这些文件在训练图片上取得了至少五分之四的收益。没有任何测量能区分学会与死记：请用标注中没有的提示词目测比较。",
    )


def _validated(files: Sequence[Checkpoint], held_out: Series, length: int) -> Window:
    points = [(e * length, v) for e, v in zip(held_out.steps, held_out.values, strict=True) if math.isfinite(v)]
    lowest = min(value for _, value in points)

    def loss(file: Checkpoint) -> float:
        return min(points, key=lambda point: abs(point[0] - (file.step or 0)))[1]

    near = [f for f in files if loss(f) <= lowest * (1 + REBOUND / 100)] or [min(files, key=loss)]
    words = Text(
        f"From the trainer's own held-out loss: all files within {REBOUND:.0f} % of its lowest value. It has no base to compare with.",
        f"依据训练器自带的留出集损失：与最低值相差 {REBOUND:.0f} % 以内的文件。它没有底模可比。",
    )
    right = _BEFORE_WORSE if (near[-1].step or 0) < (files[-1].step or 0) else _LATEST
    return Window(_candidates(near, lambda _file: None, _AS_GOOD, right), Confidence.LOW, words)


def _unmeasured(files: Sequence[Checkpoint]) -> Window:
    words = Text(
        "Nothing that was measured decides: an early file, one in between and the last, to be compared by eye.",
        "没有任何测量能决定：较早、居中和最后的文件各一，请目测比较。",
    )
    return Window(_candidates(files[len(files) // 3 :], lambda _file: None, _EARLY, _LAST), Confidence.LOW, words)


_AS_GOOD = Text("earliest that is as good: the freest with new prompts", "同样好的文件中最早的：对新提示词最灵活")
_ENOUGH = Text(
    "earliest with four fifths of the gain: freer with new prompts", "最早取得五分之四收益的文件：对新提示词更灵活"
)
_EARLY = Text("early: freer with new prompts, if it has learned enough", "较早：若已学够，对新提示词更灵活")
_BETWEEN = Text("in between: try this first", "居中：先试这个")
_ONLY = Text("the only one to name", "仅此一个")
_LATEST = Text("latest of them: often the closest likeness", "其中最晚的：往往最像")
_LAST = Text("the last: the most training", "最后一个：训练最多")
_BEFORE_WORSE = Text("latest before it got worse: often the closest likeness", "变差之前最晚的：往往最像")


def _candidates(
    files: Sequence[Checkpoint], change: Callable[[Checkpoint], float | None], left: Text, right: Text
) -> tuple[Candidate, ...]:
    """Return up to three of the files, ends and middle, one file once; `left` and `right` say what is known of the ends."""
    last = len(files) - 1
    places: list[tuple[Place, int, Text]] = [("left", 0, left), ("middle", last // 2, _BETWEEN), ("right", last, right)]
    if last == 0:
        places = [("middle", 0, _ONLY)]
    elif last == 1:
        places = [places[0], places[2]]
    return tuple(
        Candidate(place, files[at].path, files[at].step or 0, change(files[at]), why) for place, at, why in places
    )
