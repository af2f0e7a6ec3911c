from __future__ import annotations

import random

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rules.loss_trend import RULE
from tests.diagnose.cases import catches, catches_not, observed


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


def test_chance_alone_fires_in_no_more_than_one_of_fifty() -> None:
    fired = sum(next(iter(RULE.check(observed(_loss(600, seed=seed))))).is_fired for seed in range(100))
    assert fired <= 2


def test_short_or_broken_series_are_not_judged() -> None:
    catches_not(RULE, observed(_loss(99)), Status.INCONCLUSIVE)
    catches_not(RULE, observed([*_loss(200), float("nan")]), Status.INCONCLUSIVE)
    catches_not(RULE, observed(), Status.INCONCLUSIVE)
