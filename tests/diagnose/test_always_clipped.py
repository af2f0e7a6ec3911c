from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.always_clipped import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import recorded, step_records


def _run(share: float, steps: int = 200, limit: float = 1.0) -> Case:
    clipped = [1.0 if n < share * steps else 0.0 for n in range(steps)]
    return recorded(steps=step_records(steps, clipped=clipped), max_grad_norm=limit)


def test_clipping_nearly_every_step_is_pointed_out() -> None:
    finding = catches(RULE, _run(0.95, limit=0.002), Severity.WATCH)
    assert "95%" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.max_grad_norm", 0.004)]


def test_now_and_then_is_what_it_is_for() -> None:
    catches_not(RULE, _run(0.44), Status.CLEAR)
    catches_not(RULE, _run(1.0, limit=0.0), Status.NOT_APPLICABLE)


def test_too_few_known_steps_are_not_judged() -> None:
    catches_not(RULE, _run(1.0, steps=99), Status.INCONCLUSIVE)
    catches_not(RULE, recorded(steps=step_records(300)), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 300), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
