from __future__ import annotations

from orchestrator.core.finding import Severity, State, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.worse_than_base import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded import approach, recorded

WORSE = approach(8.0)


def test_held_out_pictures_that_never_got_better_while_others_did_are_learned_by_heart() -> None:
    finding = catches(RULE, recorded(approach(-10.0), WORSE), Severity.FIX)
    assert finding.state is State.OVERFIT
    assert "did not see" in finding.message.en


def test_where_training_pictures_are_no_better_the_rate_destroys() -> None:
    finding = catches(RULE, recorded(approach(3.0), WORSE))
    assert finding.state is State.UNSTABLE
    assert finding.fix is not None
    assert [c.key for c in finding.fix.changes] == ["train.unet_lr"]
    assert catches(RULE, recorded(WORSE)).state is State.UNSTABLE


def test_one_that_was_better_once_or_only_a_little_worse_is_another_case() -> None:
    catches_not(RULE, recorded(approach(-10.0), [-1.0, -0.5, *WORSE[2:]]), Status.CLEAR)
    catches_not(RULE, recorded(approach(-10.0), [0.5] * 12), Status.CLEAR)


def test_the_first_tenth_does_not_count() -> None:
    late = [0.0, 0.1, *[3.0] * 22]
    catches(RULE, recorded(approach(-5.0, 24), late))


def test_without_telemetry_nobody_can_say() -> None:
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
