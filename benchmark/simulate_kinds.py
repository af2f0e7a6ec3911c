"""The kinds of runs: what each draws, and the flags it carries. A state follows from the noise-free truth, see simulate_labels.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmark.simulate_story import Story
from benchmark.simulate_world import World, at_least, with_hold_out
from orchestrator.core.finding import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmark.simulate_world import Draw

SOUND = frozenset({State.LEARNING, State.CONVERGED})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of run."""

    tell: Callable[[Draw, World], Story]
    states: frozenset[State]
    """Runs whose truth says something else are drawn again."""
    flags: tuple[str, ...] = ()


def _held(draw: Draw, world: World) -> World:
    """Return the run with held-out pictures."""
    world = at_least(world, pictures=14, exposures=6)
    return world if world.held_out else with_hold_out(world, draw.whole(2, 4))


def sound(draw: Draw, world: World) -> Story:
    """Learns: public runs gain 2-30 % on training pictures and 0.3-1.9 % on others; unknown subjects gain more."""
    gain = draw.scale(0.02, 0.14) if world.held_out else draw.scale(0.021, 0.055)
    return Story(
        world,
        gain=gain,
        carry=draw.between(0.3, 1.0),
        rate=draw.scale(1.0, 12),
        memory=draw.between(0.0, 0.06) if world.held_out and draw.chance(0.5) else 0.0,
        exchange=draw.between(0.08, 0.6),
        power=draw.between(1, 2),
    )


def _undertrained(draw: Draw, world: World) -> Story:
    world = replace(world, schedule=draw.pick(("constant", "constant_with_warmup")))
    return replace(sound(draw, world), rate=draw.scale(0.1, 1.6), memory=0.0)


def _learning(draw: Draw, world: World) -> Story:
    if world.held_out == 0 or draw.chance(0.4):
        return replace(sound(draw, world), memory=0.0)
    # As in public runs: training pictures get better evenly, others gained soon and then stand still.
    world = replace(world, schedule=draw.pick(("constant", "constant_with_warmup")))
    gain = draw.between(0.012, 0.035)
    story = Story(world, gain=gain, carry=draw.between(0.5, 1.0), rate=draw.between(4, 10), power=draw.between(1, 2))
    return replace(story, memory=min(0.08, gain * draw.between(1.6, 3.5)), exchange=draw.between(0.03, 0.25))


def _fast_plateau(draw: Draw, world: World) -> Story:
    return replace(sound(draw, world), rate=draw.scale(18, 60), memory=0.0)


def _benign(draw: Draw, world: World) -> Story:
    """Is sound with everything near what would be a fault."""
    world = replace(
        world,
        shake=draw.between(0.0015, 0.0035),
        picture_part=draw.between(0.9, 1.05),
        clip_level=draw.between(0.6, 1.0),
        warmup=draw.between(0.06, 0.08),
        te_norm=draw.between(0.5, 0.75),
        rho=draw.between(0.0, 0.15),
    )
    story = replace(sound(draw, world), gap=draw.between(0.0, 0.15), bucket_gap=draw.between(0.0, 0.03))
    return replace(story, spikes=draw.whole(1, 3), spike_size=draw.between(3, 4.5))


def _overfit_held_out(draw: Draw, world: World) -> Story:
    world = _held(draw, world)
    story = replace(sound(draw, world), gain=draw.between(0.01, 0.12), rate=draw.scale(3, 30))
    return replace(story, memory=draw.scale(0.06, 0.7), exchange=draw.between(0.25, 0.7))


def _overfit_train_only(draw: Draw, world: World) -> Story:
    return replace(sound(draw, with_hold_out(world, 0)), memory=draw.scale(0.07, 0.7))


def _staircase(draw: Draw, world: World) -> Story:
    world = at_least(replace(world, batch=draw.pick((1, 1, 2, 3)), repeats=1), pictures=24)
    epochs = draw.between(4, 14)
    world = replace(world, steps=max(150, round(epochs * world.pictures / world.batch)))
    story = replace(sound(draw, world), gain=draw.between(0.01, 0.05), rate=draw.scale(3, 30))
    return replace(story, memory=draw.scale(0.15, 0.7), exchange=draw.between(0.25, 0.7), is_staircase=True)


def _flat(draw: Draw, world: World) -> Story:
    world = replace(world, shake=draw.scale(0.0001, 0.001), norm=draw.scale(1e-6, 1e-4))
    if not world.adaptive:
        world = replace(world, lr=draw.scale(1e-7, 1e-4))
    return Story(world, gain=draw.between(-0.002, 0.003), carry=draw.between(0.0, 1.0), rate=draw.between(1, 5))


def _weights_static(draw: Draw, world: World) -> Story:
    return replace(_flat(draw, world), gain=draw.between(0.0, 0.0005), weights="static")


def _weights_zero(draw: Draw, world: World) -> Story:
    return replace(_flat(draw, replace(world, shake=0.0)), gain=0.0, weights="zero")


def _too_slow(draw: Draw, world: World) -> Story:
    world = at_least(world, steps=1000)
    world = replace(world, adaptive=False, lr=draw.scale(1e-6, 5e-5), schedule="constant", warmup=0.0)
    world = replace(world, shake=draw.scale(0.0001, 0.0008), norm=draw.scale(1e-4, 5e-4))
    return Story(world, gain=draw.between(0.009, 0.014), carry=draw.between(0.5, 1.0), rate=draw.between(0.05, 0.3))


def _high_lr(draw: Draw, world: World) -> World:
    """Return the run with a learning rate that is too high for it, which need not look high."""
    factor = draw.scale(1, 50)
    return replace(world, lr=draw.between(1, 2) if world.adaptive else world.lr * factor, norm=world.norm * factor**0.7)


def _nan(draw: Draw, world: World) -> Story:
    start = draw.between(0.02, 0.95) if draw.chance(0.7) else draw.between(1, 10) / world.steps
    return replace(sound(draw, world), nan_from=start, weights="nan")


def _collapsed(draw: Draw, world: World) -> Story:
    world = replace(_high_lr(draw, world), growth=draw.between(0.8, 1.2))
    return replace(sound(draw, world), collapse_from=draw.between(0.03, 0.6))


def _diverging(draw: Draw, world: World) -> Story:
    world = replace(_high_lr(draw, world), shake=draw.scale(0.002, 0.02))
    rise = draw.between(0.35, 1.4)
    story = replace(sound(draw, world), memory=0.0, damage_from=draw.between(0.1, 0.6))
    return replace(story, damage_train=rise, damage_held_out=rise * draw.between(0.9, 1.2))


def _unstable_lr(draw: Draw, world: World) -> Story:
    world = replace(_high_lr(draw, world), shake=draw.scale(0.008, 0.06), shake_steps=draw.between(3, 25))
    end = draw.between(0.02, 0.12)
    story = Story(world, gain=draw.between(0.0, 0.03), carry=draw.between(0.2, 0.8), rate=draw.between(3, 15))
    train = end + story.gain if not world.held_out else draw.between(-0.02, 0.10)
    return replace(
        story, damage_train=train, damage_held_out=end + story.gain * story.carry, damage_rate=draw.scale(2, 20)
    )


def _worse_than_base(draw: Draw, world: World) -> Story:
    world = _high_lr(draw, _held(draw, replace(world, warmup=min(world.warmup, 0.03))))
    story = Story(world, gain=draw.between(0.0, 0.005), rate=5, damage_rate=draw.scale(20, 60))
    return replace(story, damage_train=draw.between(0.01, 0.12), damage_held_out=draw.between(0.015, 0.14))


def _worse_held_out(draw: Draw, world: World) -> Story:
    world = _high_lr(draw, _held(draw, replace(world, warmup=min(world.warmup, 0.03))))
    story = replace(sound(draw, world), carry=0.0, memory=draw.between(0.0, 0.2), exchange=draw.between(0.1, 0.5))
    return replace(story, damage_held_out=draw.between(0.02, 0.14), damage_rate=draw.scale(20, 60))


def _weight_blowup(draw: Draw, world: World) -> Story:
    world = replace(_high_lr(draw, world), growth=draw.between(1.6, 3.0))
    return replace(sound(draw, world), damage_train=draw.between(0, 0.04), damage_held_out=draw.between(0, 0.06))


def _with_prodigy(world: World) -> World:
    """Return the run with Prodigy: one lr of 1 for all."""
    return replace(world, adaptive=True, lr=1.0, te_share=1.0 if world.te_share else 0.0)


def _prodigy_stuck(draw: Draw, world: World) -> Story:
    return replace(_flat(draw, _with_prodigy(world)), prodigy="stuck")


def _prodigy_runaway(draw: Draw, world: World) -> Story:
    return replace(sound(draw, _with_prodigy(world)), prodigy="runaway")


def _spikes(draw: Draw, world: World) -> Story:
    return replace(sound(draw, world), spikes=draw.whole(1, 5), spike_size=draw.scale(9, 25))


def _outlier(draw: Draw, world: World) -> Story:
    world = at_least(world, exposures=10)
    return replace(sound(draw, world), outlier=draw.between(0.5, 1.2) + 4 * world.picture_spread)


def _bimodal(draw: Draw, world: World) -> Story:
    world = at_least(world, pictures=14, exposures=8)
    return replace(sound(draw, world), gap=draw.between(0.55, 1.2) + 3 * world.picture_spread)


def _duplicates(draw: Draw, world: World) -> Story:
    world = at_least(world, pictures=14, exposures=10)
    return replace(sound(draw, world), duplicates=draw.between(0.2, 0.5), duplicate_memory=draw.scale(0.12, 0.6))


def _bucket_effect(draw: Draw, world: World) -> Story:
    world = replace(at_least(world, pictures=18, exposures=8), buckets=draw.whole(2, 5))
    return replace(sound(draw, world), bucket_gap=draw.between(0.30, 0.50))


def _warmup_long(draw: Draw, world: World) -> Story:
    schedule = draw.pick(("constant_with_warmup", "cosine", "linear"))
    return sound(draw, replace(world, schedule=schedule, warmup=draw.between(0.3, 0.65)))


def _dead_tail(draw: Draw, world: World) -> Story:
    schedule = draw.pick(("cosine", "linear", "constant"))
    return replace(sound(draw, replace(world, schedule=schedule)), dead_share=draw.between(0.36, 0.6))


def _restart_jump(draw: Draw, world: World) -> Story:
    world = at_least(replace(world, schedule="cosine_with_restarts"), steps=800)
    restarts = (draw.between(0.3, 0.6),) if draw.chance(0.5) else (draw.between(0.25, 0.4), draw.between(0.55, 0.7))
    return replace(sound(draw, world), restarts=restarts, bump=draw.scale(0.06, 0.25))


def _te_dominant(draw: Draw, world: World) -> Story:
    world = replace(
        world, objective="epsilon", family="sd15", te_share=draw.between(0.8, 3), te_norm=draw.scale(1.4, 6)
    )
    return sound(draw, world)


def _clip_always(draw: Draw, world: World) -> Story:
    return sound(draw, replace(world, clip_level=draw.scale(2.5, 10), has_grad_norm=True))


def _one(state: State) -> frozenset[State]:
    return frozenset({state})


KINDS: Mapping[str, Kind] = {
    "nan": Kind(_nan, _one(State.BROKEN), ("nan-loss",)),
    "collapsed": Kind(_collapsed, _one(State.BROKEN), ("collapsed",)),
    "diverging": Kind(_diverging, _one(State.BROKEN), ("diverging",)),
    "weights-zero": Kind(_weights_zero, _one(State.BROKEN), ("weights-static", "not-learning")),
    "unstable-lr": Kind(_unstable_lr, _one(State.UNSTABLE), ("unstable-lr",)),
    "weight-blowup": Kind(_weight_blowup, _one(State.UNSTABLE), ("weight-blowup",)),
    "worse-than-base": Kind(_worse_than_base, _one(State.UNSTABLE), ("worse-than-base",)),
    "flat": Kind(_flat, _one(State.NOT_LEARNING), ("not-learning",)),
    "weights-static": Kind(_weights_static, _one(State.NOT_LEARNING), ("weights-static", "not-learning")),
    "too-slow": Kind(_too_slow, _one(State.NOT_LEARNING), ("too-slow",)),
    "prodigy-stuck": Kind(_prodigy_stuck, _one(State.NOT_LEARNING), ("prodigy-stuck", "not-learning")),
    "overfit-held-out": Kind(_overfit_held_out, _one(State.OVERFIT), ("overfit-held-out",)),
    "overfit-train-only": Kind(_overfit_train_only, _one(State.OVERFIT), ("overfit-train-only",)),
    "worse-held-out": Kind(_worse_held_out, _one(State.OVERFIT), ("worse-than-base",)),
    "staircase": Kind(_staircase, _one(State.OVERFIT), ("memorise-staircase",)),
    "undertrained": Kind(_undertrained, _one(State.UNDERTRAINED)),
    "converged": Kind(sound, _one(State.CONVERGED)),
    "fast-plateau": Kind(_fast_plateau, _one(State.CONVERGED)),
    "learning": Kind(_learning, _one(State.LEARNING)),
    "benign": Kind(_benign, SOUND),
    "spikes": Kind(_spikes, SOUND, ("spike-recover",)),
    "outlier-picture": Kind(_outlier, SOUND, ("outlier-picture",)),
    "bimodal": Kind(_bimodal, SOUND, ("bimodal-data",)),
    "duplicates": Kind(_duplicates, SOUND, ("easy-duplicates",)),
    "bucket-effect": Kind(_bucket_effect, SOUND, ("bucket-effect",)),
    "warmup-long": Kind(_warmup_long, SOUND | {State.UNDERTRAINED}, ("warmup-long",)),
    "dead-tail": Kind(_dead_tail, _one(State.CONVERGED), ("lr-dead-tail",)),
    "schedule-artefact": Kind(_restart_jump, SOUND, ("schedule-artefact",)),
    "prodigy-runaway": Kind(_prodigy_runaway, SOUND | {State.UNDERTRAINED}, ("prodigy-runaway",)),
    "te-dominant": Kind(_te_dominant, SOUND, ("te-dominant",)),
    "clip-always": Kind(_clip_always, SOUND, ("clip-always",)),
}
"""Every kind: the faults of the catalogue, and what is no fault."""
