from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.prodigy_runaway import RULE
from tests.diagnose.cases import catches, catches_not, observed, series
from tests.diagnose.recorded import ended_early, recorded, step_records

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

STEPS = 300


def _run(d: list[float], lr: float = 1.0, family: str = "sd15") -> Case:
    steps = step_records(STEPS, lr=[lr] * STEPS, d=d)
    return recorded(steps=steps, optimizer_type="Prodigy", unet_lr=lr, family=family)


def _grown(last: float, found: float = 1e-4) -> list[float]:
    """Finds its size within 30 steps, then grows by `last` over each third of the run."""
    return [1e-6 * (found / 1e-6) ** min(1, n / 30) * (1 + last) ** (3 * n / STEPS) for n in range(STEPS)]


def test_growth_to_the_end_is_pointed_out() -> None:
    finding = catches(RULE, _run(_grown(0.5)), Severity.WATCH)
    assert "50%" in finding.message.en or "49%" in finding.message.en
    assert finding.state is None


def test_growth_is_usual_until_a_run_reaches_its_end() -> None:
    catches_not(RULE, ended_early(_run(_grown(0.5))), Status.INCONCLUSIVE)
    catches(RULE, ended_early(_run(_grown(0.5, 3e-3))))  # far too large is far too large


def test_rest_is_clear_and_a_stuck_one_is_no_runaway() -> None:
    catches_not(RULE, _run(_grown(0.0)), Status.CLEAR)
    catches_not(RULE, _run(_grown(0.1)), Status.CLEAR)
    catches_not(RULE, _run([1e-6 * (1 + n / STEPS) for n in range(STEPS)]), Status.CLEAR)


def test_a_very_large_step_size_is_told_by_the_familys_range() -> None:
    assert "very large" in catches(RULE, _run(_grown(0.0, 3e-3))).message.en
    catches_not(RULE, _run(_grown(0.0, 3e-3), family="pocket"), Status.CLEAR)
    catches_not(RULE, _run(_grown(0.0, 1.1e-3)), Status.CLEAR)


def test_without_d_nobody_can_say_and_adam_is_not_asked() -> None:
    lr = [series([1e-4] * STEPS, "lr/unet")]
    catches_not(RULE, observed(further=lr, optimizer_type="Prodigy"), Status.INCONCLUSIVE)
    catches_not(RULE, observed(further=lr, optimizer_type="AdamW8bit"), Status.NOT_APPLICABLE)
    assert math.isclose(_grown(0.5)[-1], 1e-4 * 1.5**2.99, rel_tol=1e-6)
