from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity, State, Status
from orchestrator.diagnose.rules.prodigy_stuck import RULE
from tests.diagnose.cases import catches, catches_not, observed, recipe, series
from tests.diagnose.recorded import approach, ended_early, recorded, step_records

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

STEPS = 300
STUCK = [1e-12 * 1.002**n for n in range(STEPS)]
FOUND = [1e-6 * min(300.0, 1.5**n) for n in range(STEPS)]
LATE = [1e-6 * (100.0 if n > 200 else 1.0) for n in range(STEPS)]


def _run(d: list[float], train: list[float] | None = None, name: str = "prodigyopt.Prodigy") -> Case:
    steps = step_records(STEPS, lr=[1.0] * STEPS, d=d)
    return recorded(train, steps=steps, every=25, optimizer_type=name, unet_lr=1.0)


def test_a_step_size_that_never_grew_learned_nothing() -> None:
    finding = catches(RULE, _run(STUCK, approach(-0.02)), Severity.FIX)
    assert finding.confidence is Confidence.HIGH
    assert finding.state is State.NOT_LEARNING
    assert catches(RULE, _run(STUCK)).confidence is Confidence.MEDIUM


def test_the_recipe_gets_a_larger_start_and_no_brake() -> None:
    train = {"optimizer_type": "Prodigy", "optimizer_args": {"d0": 1e-12, "growth_rate": 1.002}}
    finding = catches(RULE, replace(_run(STUCK), recipe=recipe(train=train)))
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [
        ("train.optimizer_args.d0", 1e-5),
        ("train.optimizer_args.growth_rate", None),
    ]


def test_one_that_was_found_late_claims_no_state() -> None:
    finding = catches(RULE, _run(LATE))
    assert finding.state is None
    assert "67%" in finding.message.en


def test_one_that_grew_is_clear_and_a_gain_proves_it() -> None:
    catches_not(RULE, _run(FOUND), Status.CLEAR)
    catches_not(RULE, _run([1e-4] * STEPS, approach(-4.0)), Status.CLEAR)


def test_a_run_that_ended_early_may_still_have_found_one() -> None:
    early = catches_not(RULE, ended_early(_run(STUCK)), Status.INCONCLUSIVE)
    assert early.needs is not None
    assert "step 300 of 5000" in early.needs.en
    catches_not(RULE, ended_early(_run(LATE)), Status.CLEAR)
    catches(RULE, ended_early(_run(STUCK), 500))


def test_the_trainers_own_product_is_read() -> None:
    logged = [series([1.0] * STEPS, "lr/unet"), series(STUCK, "lr/d*lr/unet")]
    catches(RULE, observed(further=logged, optimizer_type="Prodigy"))


def test_without_d_nobody_can_say_and_adam_is_not_asked() -> None:
    silent = observed(further=[series([1.0] * STEPS, "lr/unet")], optimizer_type="prodigyopt.Prodigy")
    said = catches_not(RULE, silent, Status.INCONCLUSIVE)
    assert said.needs is not None
    assert "telemetry" in said.needs.en
    adam = observed(further=[series([1e-4] * STEPS, "lr/unet")], optimizer_type="AdamW")
    catches_not(RULE, adam, Status.NOT_APPLICABLE)
