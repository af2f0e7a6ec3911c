"""Labelled runs that never happened: every state and the main flags, as the observations that rules are asked about.

`simulate(kind, seed)` is reproducible and makes any number of runs. Kinds stand in simulate_kinds.py, what is drawn around them in
simulate_world.py, the curves in simulate_story.py, noise in simulate_losses.py, labels in simulate_labels.py. Levels, noise and shapes
are those of public real runs (simulate_constants.py; `calibrate.py` shows how close).

There is no threshold of any rule in here: ranges, noise and labels of states were there before the thresholds were set. Even seeds are
for setting thresholds, odd seeds for reporting only. A simulator whose author knows the rules flatters them: what is reached here
is an upper bound, real runs decide.

Not simulated: weights of the loss (min-SNR and the like), accumulation, several processes, captions that change, sample pictures,
restarts of the run itself, errors in the files. Flow models: no public logs with timesteps exist; their level and noise are guesses.
"""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark import simulate_kinds
from benchmark.simulate_labels import is_easy_part_only, is_healthy, state_of
from benchmark.simulate_losses import make_scene
from benchmark.simulate_record import record
from benchmark.simulate_story import Truth, curves_of, truth_of
from benchmark.simulate_world import Draw, draw_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.simulate_story import Curves, Story
    from orchestrator.core.finding import State
    from orchestrator.diagnose.rule import Case

KINDS = tuple(simulate_kinds.KINDS)
"""Names that `simulate` takes."""
ATTEMPTS = 2000
"""Draws until the truth fits the kind; most kinds need a handful."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A run and its labels."""

    case: Case
    label_state: State
    label_flags: tuple[str, ...]
    """Of simulate_labels.FLAGS, sorted."""
    about: Mapping[str, Any]
    """Everything drawn: kind, seed, `configuration`, `onset_step` of what breaks the run (None where nothing does), `truth`, `story`."""

    @property
    def is_healthy(self) -> bool:
        """Whether an alarm would be false."""
        return is_healthy(self.label_state, self.label_flags)


def is_for_thresholds(seed: int) -> bool:
    """Return whether a run of this seed may be looked at while thresholds are set; the others are only reported."""
    return seed % 2 == 0


def simulate(kind: str, seed: int) -> Simulated:
    """Return a labelled run.

    Raises:
        ValueError: unknown kind, or a seed below 0.
    """
    if kind not in simulate_kinds.KINDS:
        raise ValueError(f"Unknown kind of run {kind!r}. Known: {', '.join(KINDS)}.")
    if seed < 0:
        raise ValueError(f"A seed is a whole number from 0 on, not {seed}.")
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    story, curves, truth, state = _drawn(kind, Draw(rng))
    flags = set(simulate_kinds.KINDS[kind].flags)
    if truth.held_out_end is None and "memorise-staircase" in flags:
        flags.add("overfit-train-only")
    elif "memorise-staircase" in flags:
        flags.add("overfit-held-out")
    if is_easy_part_only(state, truth):
        flags.add("fast-plateau")
    case = record(story, curves, make_scene(story, curves, rng), rng)
    return Simulated(case, state, tuple(sorted(flags)), _about(kind, seed, story, truth))


def _drawn(kind: str, draw: Draw) -> tuple[Story, Curves, Truth, State]:
    """Draw until the truth is one that the kind means, and none between two labels."""
    chosen = simulate_kinds.KINDS[kind]
    wanted = draw.pick(sorted(chosen.states))
    for _ in range(ATTEMPTS):
        story = chosen.tell(draw, draw_world(draw))
        curves = curves_of(story)
        truth = truth_of(story, curves)
        state = state_of(story, truth)
        if state is not wanted:
            continue
        easy = is_easy_part_only(state, truth)
        if easy is None or (easy and kind != "fast-plateau") or (not easy and kind == "fast-plateau"):
            continue
        return story, curves, truth, state
    raise RuntimeError(f"No run of kind {kind!r} in {ATTEMPTS} draws: its ranges and the labels exclude each other.")


def _about(kind: str, seed: int, story: Story, truth: Truth) -> dict[str, Any]:
    world = story.world
    starts = (story.nan_from, story.collapse_from, story.damage_from or None)
    onset = next((max(1, round(share * world.steps)) for share in starts if share is not None), None)
    held_out = "held-out" if world.held_out else "no-held-out"
    return {
        "kind": kind,
        "seed": seed,
        "configuration": f"{world.objective}-batch{'1-2' if world.batch <= 2 else '3-8'}-{held_out}",
        "onset_step": onset,
        "truth": asdict(truth),
        "story": asdict(story),
    }
