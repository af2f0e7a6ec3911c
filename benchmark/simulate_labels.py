"""Which label a run carries: the catalogue's words, said about the noise-free truth.

The numbers here say what the words mean. They are not thresholds of a detector: nothing here looks at a signal that a rule can see.
Between two words lies a gap in which people would not agree; runs that fall into it are drawn again. States, the first that holds:
broken > unstable > not-learning > overfit > undertrained > converged > learning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import State

if TYPE_CHECKING:
    from benchmark.simulate_story import Story, Truth

STEADY, SHAKING = 0.0035, 0.008
"""Probe jitter: at most, at least. Public runs: 0.002-0.5 % in those that ended better than they began, 1.9 % at the lr that ruined one."""
NOTHING, SLOW, LITTLE, SOME = 0.004, (0.009, 0.014), 0.0175, 0.020
"""Fall of the training pictures' loss: none at most, too slow, and the least that counts as learned. Public runs: 2-30 %."""
SAME, REBOUND = 0.006, 0.016
"""Rise of the held-out loss above its lowest point: none at most, overfit at least."""
LEARNED, MEMORISED = 0.055, 0.09
"""Fall of the training loss without held-out pictures: sound at most, memorised at least."""
STILL_FALLING, ENDED, NEARLY = 0.15, 0.05, (0.05, 0.10)
"""Share of the gain in the last quarter: undertrained at least, learning between; in the last third: converged at most."""
STILL = 0.12
"""Held-out loss that stands still: change over the last third at most this share of its gain."""
EARLY = (0.62, 0.85)
"""Share of a converged run's gain in its first tenth: at most in a usual one, at least in one that learned the easy part and stood still."""

FLAGS = {
    "nan-loss": "the loss is not a number, to the end",
    "collapsed": "the model predicts no better than nothing",
    "diverging": "the loss rises from some step on and goes on rising",
    "weights-static": "the network file is (almost) zero",
    "unstable-lr": "quality jumps between checkpoints",
    "weight-blowup": "the weights grow faster than their learning rate adds up",
    "worse-than-base": "held-out pictures are worse than without the LoRA, from the start on",
    "not-learning": "nothing measurable was learned",
    "too-slow": "it learns evenly, far too slowly",
    "prodigy-stuck": "Prodigy's step size stayed where it began",
    "prodigy-runaway": "Prodigy's step size was still growing at the end",
    "overfit-held-out": "held-out pictures got worse while training pictures got better",
    "overfit-train-only": "training pictures got better than learning explains; no held-out pictures",
    "memorise-staircase": "the loss steps down at each epoch",
    "fast-plateau": "learned the easy part early, then stood still",
    "spike-recover": "isolated shocks, recovered",
    "outlier-picture": "one picture stays much harder",
    "bimodal-data": "two kinds of pictures",
    "easy-duplicates": "copies of one picture",
    "bucket-effect": "pictures of some shape stay harder",
    "schedule-artefact": "a jump made by the learning-rate schedule",
    "warmup-long": "too much of the run is warm-up",
    "lr-dead-tail": "the learning rate is next to nothing in the last part",
    "te-dominant": "the text encoder moves more than the picture network",
    "clip-always": "nearly every step is clipped",
}
"""Every flag a run may carry, and what it says. What the state tells alone (converged, undertrained, learning) has none."""


def state_of(story: Story, truth: Truth) -> State | None:
    """Return the run's primary state; None in a gap between two states."""
    if _is_broken(story):
        return State.BROKEN
    unstable = _is_unstable(story, truth)
    if unstable is not False:
        return State.UNSTABLE if unstable else None
    if story.weights == "static" or _learned_nothing(story, truth) or _is_too_slow(story, truth):
        return State.NOT_LEARNING
    fall = -truth.train_end
    if fall < SOME or story.world.shake > STEADY or 4 * story.world.shake > fall:
        return None
    return _judged(truth, fall, story.world.shake)


def _judged(truth: Truth, fall: float, shake: float) -> State | None:
    """Tell overfit, undertrained, converged and learning apart."""
    shape = _by_shape(truth.train_quarter, truth.train_third)
    if truth.held_out_end is None or truth.held_out_low is None:
        return State.OVERFIT if fall >= MEMORISED else (shape if fall <= LEARNED else None)
    rise = truth.held_out_end - truth.held_out_low
    if truth.is_held_out_above or rise >= REBOUND:
        is_early = (truth.held_out_low_at or 0) < 0.7 and rise >= 6 * shake
        return State.OVERFIT if truth.is_held_out_above or is_early else None
    if rise > SAME or truth.held_out_end > -0.004:
        return None
    held_shape = _by_shape(truth.held_out_quarter or 0.0, truth.held_out_third or 0.0)
    # Training pictures go on getting better, held-out ones stand still: learned, and neither ended nor cut short.
    if truth.train_quarter >= STILL_FALLING and abs(truth.held_out_third or 0.0) <= STILL:
        return State.LEARNING
    return shape if shape == held_shape else None


def _by_shape(quarter: float, third: float) -> State | None:
    if quarter >= STILL_FALLING:
        return State.UNDERTRAINED
    if third <= ENDED:
        return State.CONVERGED
    return State.LEARNING if NEARLY[0] <= quarter <= NEARLY[1] else None


def _is_broken(story: Story) -> bool:
    is_lost = story.nan_from is not None or story.collapse_from is not None
    return is_lost or story.weights in {"zero", "nan"} or story.damage_train >= 0.25


def _is_unstable(story: Story, truth: Truth) -> bool | None:
    """Return whether the run shakes, blows up or harms all pictures; None in the gap."""
    if story.world.growth > 1.3:
        return True
    end = truth.train_end if truth.held_out_end is None else truth.held_out_end
    if story.world.shake >= SHAKING:
        return True if end > 0.005 else None
    if truth.is_held_out_above and truth.train_end > -NOTHING:
        return True
    return None if truth.train_end > NOTHING else False


def _learned_nothing(story: Story, truth: Truth) -> bool:
    largest = max(abs(truth.train_end), abs(truth.held_out_end or 0.0))
    return largest <= NOTHING and story.world.shake <= 0.002


def _is_too_slow(story: Story, truth: Truth) -> bool:
    is_even = 0.2 <= truth.train_quarter <= 0.3
    return is_even and SLOW[0] <= -truth.train_end <= SLOW[1] and story.world.steps >= 1000


def is_easy_part_only(state: State, truth: Truth) -> bool | None:
    """Return whether the run learned early and then stood still; None in the gap."""
    if state is not State.CONVERGED or truth.gained_early <= EARLY[0]:
        return False
    return True if truth.gained_early >= EARLY[1] else None


def is_healthy(state: State, flags: tuple[str, ...]) -> bool:
    """Return whether the run gives no reason to change anything: it learned or ended, and no fault was planted."""
    return state in {State.LEARNING, State.CONVERGED} and not flags
