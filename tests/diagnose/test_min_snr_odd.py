from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.min_snr_odd import RULE
from tests.diagnose.cases import catches, catches_not, plan


@pytest.mark.parametrize(("gamma", "said"), [(0.5, "hardly count"), (50.0, "hardly changes")])
def test_unusual_values_are_told(gamma: float, said: str) -> None:
    finding = catches(RULE, Case(settings={"min_snr_gamma": gamma}, family="sd15"), Severity.INFO)
    assert said in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("train.min_snr_gamma", 5.0)]


@pytest.mark.parametrize("gamma", [1.0, 5.0, 20.0])
def test_usual_values_are_clear_for_v_prediction_too(gamma: float) -> None:
    for is_v in (False, True):
        settings = {"min_snr_gamma": gamma, "v_parameterization": is_v}
        catches_not(RULE, Case(settings=settings, family="sdxl"), Status.CLEAR)


def test_a_flow_has_no_such_weight() -> None:
    assert "no effect" in catches(RULE, Case(settings={"min_snr_gamma": 5.0}, family="flux")).message.en
    planned = Case(plan=plan({"min_snr_gamma": 5.0}, family="flux"), family="flux")
    catches_not(RULE, planned, Status.NOT_APPLICABLE)


def test_without_it_nothing_is_asked() -> None:
    catches_not(RULE, Case(settings={}), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(settings={"min_snr_gamma": 0}), Status.NOT_APPLICABLE)
