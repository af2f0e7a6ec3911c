"""Changes that several rules advise: a rate with both its parts, alpha, the key that decides the length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.diagnose.remedies import lower_rates, new_length, raise_rates, text_rates
from tests.diagnose.cases import plan, recipe, step_plan
from tests.diagnose.recorded import recorded

if TYPE_CHECKING:
    from orchestrator.core.finding import Change
    from orchestrator.diagnose.rule import Case


def told(changes: tuple[Change, ...]) -> dict[str, Any]:
    return {change.key.partition(".")[2]: change.value for change in changes}


def case(**settings: Any) -> Case:
    return recorded([0.0] * 12, **settings)


def test_the_text_encoder_goes_down_with_the_u_net() -> None:
    changes = lower_rates(case(unet_lr=1e-3, text_encoder_lr=[5e-4]), 0.3)
    # 3e-4 is above the family's range: its top.
    assert told(changes) == {"unet_lr": 2.5e-4, "text_encoder_lr": pytest.approx(1.25e-4, rel=0.05)}
    assert [change.before for change in changes] == [1e-3, 5e-4]
    assert all(change.is_safe for change in changes)


def test_a_text_encoder_that_is_slow_enough_stays() -> None:
    assert told(lower_rates(case(unet_lr=1e-2, text_encoder_lr=5e-5), 0.3)) == {"unet_lr": 2.5e-4}


def test_no_text_encoder_is_left_above_the_u_net() -> None:
    assert told(lower_rates(case(unet_lr=1e-4, text_encoder_lr=[1.0]), 0.3)) == {
        "unet_lr": 3e-5,
        "text_encoder_lr": 3e-5,
    }


def test_several_text_encoders_keep_their_places() -> None:
    changes = lower_rates(case(unet_lr=1e-3, text_encoder_lr=[5e-4, 0.0]), 0.1)
    assert told(changes) == {"unet_lr": 1e-4, "text_encoder_lr": [5e-5, 0.0]}


def test_text_encoders_that_are_not_trained_are_left_alone() -> None:
    assert text_rates(case(text_encoder_lr=[0.0])) == []
    assert text_rates(case(text_encoder_lr=[1e-4], network_train_unet_only=True)) == []
    assert text_rates(case()) == []
    assert told(lower_rates(case(unet_lr=1e-3, text_encoder_lr=[0.0]), 0.1)) == {"unet_lr": 1e-4}


@pytest.mark.parametrize(
    ("before", "after"), [(1e-6, 1.3e-4), (6e-5, 1.3e-4), (8e-5, 1.6e-4), (2e-4, 2.5e-4), (2.5e-4, None), (1e-3, None)]
)
def test_a_rate_goes_to_the_middle_of_the_range_then_to_its_top(before: float, after: float | None) -> None:
    assert told(raise_rates(case(unet_lr=before), 2.0)) == ({} if after is None else {"unet_lr": after})


def test_the_text_encoder_goes_up_to_half_the_u_nets_rate() -> None:
    assert told(raise_rates(case(unet_lr=1e-5, text_encoder_lr=5e-6), 3)) == {
        "unet_lr": 1.3e-4,
        "text_encoder_lr": 6.5e-5,
    }
    assert told(raise_rates(case(unet_lr=1e-5, text_encoder_lr=1e-4), 3)) == {"unet_lr": 1.3e-4}


def test_a_tiny_alpha_is_raised_where_the_rate_is_usual() -> None:
    changes = raise_rates(case(unet_lr=1e-4, network_dim=8, network_alpha=1e-6), 3)
    assert told(changes) == {"network_alpha": 8.0}
    assert told(raise_rates(case(unet_lr=2e-4, network_dim=8, network_alpha=1e-6), 3)) == {"network_alpha": 4.0}
    # Twice as high as is usual by itself: still nearer with a usual alpha than with one of a millionth.
    assert told(raise_rates(case(unet_lr=1e-3, network_dim=8, network_alpha=1e-6), 3)) == {"network_alpha": 4.0}


def test_a_rate_that_makes_up_for_a_small_alpha_keeps_it() -> None:
    # 2e-3 at 1/256 is as 1.25e-4 at alpha = rank.
    assert set(told(raise_rates(case(unet_lr=2e-3, network_dim=256, network_alpha=1), 3))) == {"unet_lr"}
    # Too low with any alpha: the rate.
    assert set(told(raise_rates(case(unet_lr=1e-6, network_dim=64, network_alpha=1), 3))) == {"unet_lr"}


def test_an_adaptive_optimizer_has_no_rate_to_move() -> None:
    prodigy = case(unet_lr=1.0, optimizer_type="Prodigy")
    assert raise_rates(prodigy, 3) == lower_rates(prodigy, 0.3) == ()


def long(steps: int, **train: object) -> Case:
    """A case whose recipe says `train` about its length, and whose plan makes `steps` of it."""
    return replace(case(), recipe=recipe(train=train), plan=plan(steps=step_plan(steps)))


def test_the_key_that_decides_the_length_is_changed() -> None:
    assert told(new_length(long(1000, target_steps=1000), 1500)) == {"target_steps": 1500}
    # Epochs decide where they stand; rounded in the direction that is asked for.
    assert told(new_length(long(192, max_train_epochs=8), 290)) == {"max_train_epochs": 13}
    assert told(new_length(long(192, max_train_epochs=8), 100, is_safe=True)) == {"max_train_epochs": 4}
    assert told(new_length(long(192, max_train_epochs=1), 10)) == {}


def test_a_length_that_nothing_could_change_is_not_advised() -> None:
    held_short = long(2000, exposures_per_image=[20, 60], target_steps=4000)
    assert held_short.plan is not None
    steps = replace(held_short.plan.steps, is_band_bound=True, exposures_per_image=60.0)
    held_short = replace(held_short, plan=replace(held_short.plan, steps=steps))
    assert new_length(held_short, 3000) == ()
    assert told(new_length(held_short, 1000)) == {"target_steps": 1000}
    assert new_length(long(1000), 1000) == new_length(case(), 0) == ()
