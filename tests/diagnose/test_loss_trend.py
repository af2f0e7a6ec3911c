from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rules.loss_trend import RULE
from tests.diagnose.cases import catches, catches_not, observed, series
from tests.diagnose.recorded import recorded

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case


def _loss(count: int, last: float = 1.0, seed: int = 0) -> list[float]:
    """Return a raw loss at batch 1 whose true level goes from 0.13 to `last` times that."""
    draw = random.Random(seed)
    return [0.13 * (1 + (last - 1) * i / count) * draw.expovariate(1.0) for i in range(count)]


def test_what_a_good_run_does_to_the_raw_loss_cannot_be_seen() -> None:
    finding = catches_not(RULE, observed(_loss(1500, last=0.93)), Status.INCONCLUSIVE)
    assert finding.needs is not None
    assert "hold_out" in finding.needs.en
    assert "normal" in finding.message.en


def test_a_rise_beyond_chance_is_told_with_low_confidence() -> None:
    finding = catches(RULE, observed(_loss(2000, last=3.0), unet_lr=1e-3), Severity.WATCH)
    assert finding.confidence is Confidence.LOW
    assert finding.fix is not None
    assert not finding.fix.changes[0].is_safe


def test_a_large_fall_is_told_without_praise() -> None:
    finding = catches_not(RULE, observed(_loss(2000, last=0.2)), Status.CLEAR)
    assert finding.confidence is Confidence.LOW
    assert "no proof of quality" in finding.message.en


def _recorded(end: float, noise: float, seed: int = 0) -> Case:
    """Return a run whose loss at each timestep goes to `end` times its first level, evenly; the timesteps differ by a factor of five."""
    draw, count = random.Random(seed), 1200
    at = {0: 0.3, 1: 0.15, 2: 0.1, 3: 0.08, 4: 0.06}
    losses = [at[n % 5] * end ** (n / count) * math.exp(draw.gauss(0, noise)) for n in range(count)]
    seen = recorded(losses=losses)
    assert seen.observations is not None
    return replace(seen, observations=replace(seen.observations, series={"loss/current": series(losses)}), cache={})


def test_with_the_timesteps_known_a_fall_is_seen_and_not_praised() -> None:
    finding = catches_not(RULE, _recorded(0.93, 0.1), Status.CLEAR)
    assert finding.confidence is Confidence.LOW
    assert "with the timesteps taken out the loss fell by" in finding.message.en.lower()
    assert "no proof of quality" in finding.message.en
    change, chance, shaking = finding.evidence[:3]
    assert isinstance(change.value, float)
    assert change.value == pytest.approx(-7, abs=1.5)
    assert isinstance(chance.value, float)
    assert chance.value < 0.01
    assert "white noise" in shaking.what.en


def test_flat_is_only_said_where_it_is_certain() -> None:
    assert "flat" in catches_not(RULE, _recorded(1.0, 0.02), Status.CLEAR).message.en
    unsure = catches_not(RULE, _recorded(1.0, 0.6), Status.INCONCLUSIVE)
    assert "neither a sure fall nor flat" in unsure.message.en
    assert "no sign of a wrong learning rate" in unsure.message.en


def test_chance_alone_fires_in_no_more_than_one_of_fifty() -> None:
    fired = sum(next(iter(RULE.check(observed(_loss(600, seed=seed))))).is_fired for seed in range(100))
    assert fired <= 2


def test_short_or_broken_series_are_not_judged() -> None:
    catches_not(RULE, observed(_loss(99)), Status.INCONCLUSIVE)
    catches_not(RULE, observed([*_loss(200), float("nan")]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(), Status.INCONCLUSIVE)
