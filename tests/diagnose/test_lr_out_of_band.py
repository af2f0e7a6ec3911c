from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.finding import Location, Severity, Status
from orchestrator.core.provenance import Source
from orchestrator.core.text import same
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.lr_out_of_band import RULE
from orchestrator.plan.model import Resolved
from tests.diagnose.cases import catches, catches_not, plan
from tests.diagnose.recorded import approach, recorded


def _case(lr: float, family: str | None = "sd15", **settings: Any) -> Case:
    given = {"unet_lr": lr, "network_dim": 16, "network_alpha": 16, "optimizer_type": "AdamW8bit", **settings}
    return Case(settings=given, family=family)


@pytest.mark.parametrize(
    ("lr", "severity", "said"),
    [
        (6e-4, Severity.WATCH, "high"),
        (3e-4, Severity.INFO, "high"),
        (5e-5, Severity.INFO, "low"),
        (1e-5, Severity.WATCH, "low"),
    ],
)
def test_rates_outside_the_range_are_told(lr: float, severity: Severity, said: str) -> None:
    assert said in catches(RULE, _case(lr), severity).message.en


@pytest.mark.parametrize(
    ("lr", "severity"), [(50.0, Severity.FIX), (2.6e-2, Severity.FIX), (2.4e-2, Severity.WATCH), (1e-2, Severity.WATCH)]
)
def test_a_hundred_times_the_usual_is_to_be_fixed(lr: float, severity: Severity) -> None:
    catches(RULE, _case(lr), severity)


def test_a_hundred_times_is_counted_in_the_optimizers_own_range() -> None:
    lion = {"optimizer_type": "Lion"}
    catches(RULE, _case(9e-3, **lion), Severity.FIX)
    catches(RULE, _case(8e-3, **lion), Severity.WATCH)


def test_an_absurd_alpha_is_mended_itself() -> None:
    fix = catches(RULE, _case(1e-4, network_alpha=1e6)).fix
    assert fix is not None
    assert [(change.key, change.value) for change in fix.changes] == [("network.network_alpha", 8.0)]


@pytest.mark.parametrize("lr", [1000.0, 1e-9])
def test_an_absurd_alpha_and_an_absurd_rate_are_both_mended(lr: float) -> None:
    """Half the rank alone would leave a thousand times the usual rate, or next to none."""
    case = _case(lr, network_dim=4096, network_alpha=1e9 if lr > 1 else 1e15)
    fix = catches(RULE, case).fix
    assert fix is not None
    alpha, rate = fix.changes
    assert (alpha.key, alpha.value, rate.key) == ("network.network_alpha", 2050.0, "train.unet_lr")
    assert f"`{alpha.key}: 2050` and `{rate.key}: " in fix.advice.en
    mended = {**case.settings, "network_alpha": alpha.value, "unet_lr": rate.value}
    catches_not(RULE, replace(case, settings=mended, cache={}), Status.CLEAR)


def test_the_line_that_is_to_be_changed_is_shown() -> None:
    places = {name: Location("a.yaml", line, 1, name, 1) for line, name in enumerate(("unet_lr", "network_alpha"), 1)}

    def shown(**settings: Any) -> str | None:
        case = _case(**settings)
        options = {name: Resolved(case.settings[name], Source.RECIPE, same("x"), "", at) for name, at in places.items()}
        where = catches(RULE, replace(case, plan=replace(plan(), train=options))).where
        return where.source if where else None

    assert shown(lr=1e-4, network_alpha=1e6) == "network_alpha"
    assert shown(lr=1e-2) == "unet_lr"
    assert shown(lr=1000.0, network_alpha=1e6) == "unet_lr"


def test_alpha_and_rank_move_the_rate() -> None:
    catches_not(RULE, _case(1e-4), Status.CLEAR)
    finding = catches(RULE, _case(1e-4, network_alpha=1))
    assert finding.evidence[0].value == 2.5e-5
    assert finding.fix is not None
    assert finding.fix.changes[0].value == pytest.approx(2.8e-4)
    assert not finding.fix.changes[0].is_safe


@pytest.mark.parametrize(
    ("lr", "settings"),
    [
        (1e-3, {"network_module": "lycoris.kohya", "network_args": ["algo=loha"]}),
        (3e-5, {"optimizer_type": "Lion"}),
        (1e-4, {"optimizer_type": "AdaFactor", "optimizer_args": ["relative_step=False"]}),
    ],
)
def test_other_methods_have_ranges_of_their_own(lr: float, settings: dict[str, Any]) -> None:
    catches_not(RULE, _case(lr, **settings), Status.CLEAR)


@pytest.mark.parametrize(
    "settings",
    [{"optimizer_type": "Prodigy"}, {"optimizer_type": "DAdaptAdam"}, {"optimizer_type": "AdaFactor"}, {"optimizer_type": "SGDNesterov"},
     {"network_alpha": 0}, {"unet_lr": 0.0}],
)  # fmt: skip
def test_what_cannot_be_compared_is_not_judged(settings: dict[str, Any]) -> None:
    catches_not(RULE, _case(1.0, **settings), Status.NOT_APPLICABLE)


def test_an_unknown_family_is_not_judged() -> None:
    catches_not(RULE, _case(1.0, family=None), Status.NOT_APPLICABLE)


def test_learning_rate_stands_in_for_unet_lr() -> None:
    catches(
        RULE,
        Case(settings={"learning_rate": 1e-2, "network_dim": 8, "network_alpha": 8}, family="sdxl"),
        Severity.WATCH,
    )


def test_a_tiny_alpha_asks_for_a_usual_one_and_no_monstrous_rate() -> None:
    fix = catches(RULE, _case(1e-4, network_alpha=1e-6)).fix
    assert fix is not None
    assert [(change.key, change.value) for change in fix.changes] == [("network.network_alpha", 16.0)]


def test_a_rate_that_was_measured_to_work_is_only_told() -> None:
    settings = {"unet_lr": 2e-3, "network_alpha": 8, "network_dim": 8}
    worked = replace(recorded(approach(-20.0)), settings=settings, family="sd15", cache={})
    told = catches(RULE, worked, Severity.INFO)
    assert "it worked" in told.message.en
    assert told.fix is None
    nothing = replace(recorded(approach(-1.0)), settings=settings, family="sd15", cache={})
    assert catches(RULE, nothing, Severity.WATCH).fix is not None
