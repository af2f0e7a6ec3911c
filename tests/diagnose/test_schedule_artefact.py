from __future__ import annotations

import math
import random

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.schedule_artefact import RULE
from tests.diagnose.cases import catches, catches_not, observed, series
from tests.diagnose.recorded import recorded, step_records

STEPS = 600
CYCLES = [0.5e-4 * (1 + math.cos(math.pi * ((2 * n / STEPS) % 1))) for n in range(STEPS)]


def _losses(jump: float, at: int = 300, heals: float = 25.0) -> list[float]:
    draw = random.Random(4)
    rises = [jump * math.exp(-(n - at) / heals) if n >= at else 0.0 for n in range(STEPS)]
    return [0.1 * math.exp(rise + draw.gauss(0, 0.1)) for rise in rises]


def test_a_rise_at_a_restart_that_heals_is_the_schedules() -> None:
    case = recorded(losses=_losses(0.25), steps=step_records(STEPS, lr=CYCLES), lr_scheduler="cosine_with_restarts")
    finding = catches(RULE, case, Severity.INFO)
    assert "step 301" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.lr_scheduler", "cosine")]


def test_a_rise_that_stays_is_damage_and_one_elsewhere_is_not_the_schedules() -> None:
    steps = step_records(STEPS, lr=CYCLES)
    catches_not(RULE, recorded(losses=_losses(0.25, heals=1e9), steps=steps), Status.CLEAR)
    catches_not(RULE, recorded(losses=_losses(0.25, at=150), steps=steps), Status.CLEAR)
    catches_not(RULE, recorded(losses=_losses(0.0), steps=steps), Status.CLEAR)


def test_a_constant_rate_has_no_event() -> None:
    case = recorded(losses=_losses(0.25), steps=step_records(STEPS, lr=[1e-4] * STEPS))
    catches_not(RULE, case, Status.NOT_APPLICABLE)


def test_without_timesteps_or_rates_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * STEPS, further=[series(CYCLES, "lr/unet")]), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * STEPS), Status.INCONCLUSIVE)
