"""Optimizers and schedules under sd-scripts' names."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="the pocket extra is not installed")

import torch

from orchestrator.backends.pocket.options import OPTIONS, SCHEDULERS
from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.optim import key_values, make_optimizer, make_scheduler


def arguments(**given: Any) -> Namespace:
    return Namespace(**{**{name: option.default for name, option in OPTIONS.items()}, **given})


def groups() -> list[dict[str, object]]:
    return [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 0.1}]


def rates(count: int, **given: Any) -> list[float]:
    _, optimizer = make_optimizer(arguments(), groups())
    scheduler = make_scheduler(arguments(**given), optimizer)
    found = []
    for _ in range(count):
        optimizer.step()
        scheduler.step()
        found.append(float(scheduler.get_last_lr()[0]))
    return found


def test_the_name_in_the_metadata_carries_the_arguments() -> None:
    args = arguments(optimizer_type="AdamW", optimizer_args=["weight_decay=0.1", "betas=(0.9, 0.99)"])
    text, optimizer = make_optimizer(args, groups())
    assert text == "torch.optim.adamw.AdamW(weight_decay=0.1,betas=(0.9, 0.99))"
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.99)


def test_nesterov_has_momentum() -> None:
    _, optimizer = make_optimizer(arguments(optimizer_type="SGDNesterov"), groups())
    assert (optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["nesterov"]) == (0.9, True)


@pytest.mark.parametrize("item", ["decouple=true", "weight_decay", "a=b=c"])
def test_an_argument_that_is_no_literal_is_refused(item: str) -> None:
    with pytest.raises(ConfigurationError, match="key=value"):
        key_values([item], "optimizer_args")


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="do not fit AdamW"):
        make_optimizer(arguments(optimizer_args=["foo=1"]), groups())


def test_a_float_warmup_is_a_share_of_the_run() -> None:
    given = {"lr_scheduler": "constant_with_warmup", "max_train_steps": 20}
    assert rates(12, lr_warmup_steps=0.5, **given) == pytest.approx(rates(12, lr_warmup_steps=10, **given))
    assert rates(12, lr_warmup_steps=10, **given)[9] == pytest.approx(0.1)


def test_a_constant_rate_has_no_warmup() -> None:
    with pytest.raises(ConfigurationError, match="constant does not require"):
        rates(1, lr_scheduler="constant", lr_warmup_steps=5)


def test_every_schedule_runs() -> None:
    more: dict[str, dict[str, Any]] = {
        "cosine_with_min_lr": {"lr_scheduler_min_lr_ratio": 0.1},
        "warmup_stable_decay": {"lr_decay_steps": 4},
    }
    for name in SCHEDULERS:
        given: dict[str, Any] = {"lr_scheduler": name, "max_train_steps": 10, **more.get(name, {})}
        if name == "piecewise_constant":
            given["lr_scheduler_args"] = ["step_rules='1:10,0.1'"]
        assert len(rates(10, **given)) == 10, name
    assert rates(10, lr_scheduler="cosine", max_train_steps=10)[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("name", ["cosine_with_min_lr", "piecewise_constant"])
def test_a_schedule_without_its_companion_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="needs"):
        rates(1, lr_scheduler=name)
