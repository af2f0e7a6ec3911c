from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.finding import Confidence, State, Verdict
from orchestrator.diagnose.breaking import is_usable
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.state import primary_state
from orchestrator.diagnose.window import Window, checkpoint_window
from tests.diagnose.cases import event, observed, series
from tests.diagnose.recorded import approach, file_at, recorded, shaken

if TYPE_CHECKING:
    from orchestrator.core.observation import Checkpoint
    from orchestrator.diagnose.rule import Case

FILES = [file_at(step, te=0.001) for step in (200, 400, 600, 800, 1000, 1200)]
GROWING = [file_at(step, unet=step / 1e5, te=step / 1e6) for step in (200, 400, 600, 800, 1000, 1200)]
REBOUND = [-1.0, -2.0, -3.0, -3.5, -3.9, -4.0, -3.9, -3.5, -2.5, -1.5, -0.5, 0.5]


def _window(case: Case) -> Window:
    found = checkpoint_window(case, judge(case, "after", reraise=True))
    assert found is not None
    return found


def _steps(window: Window) -> list[tuple[str, int]]:
    return [(one.place, one.step) for one in window.candidates]


def test_held_out_pictures_end_the_window_before_the_rebound() -> None:
    found = _window(recorded(approach(-8.0), REBOUND, checkpoints=FILES))
    assert _steps(found) == [("left", 600), ("right", 800)]
    assert found.confidence is Confidence.MEDIUM
    assert all(one.change is not None and one.change < -2.9 for one in found.candidates)


@pytest.mark.parametrize("end", [-4.0, -12.0, -59.0])
def test_without_held_out_pictures_most_of_the_gain_is_named_however_large(end: float) -> None:
    found = _window(recorded(approach(end), checkpoints=FILES))
    assert found.confidence is Confidence.LOW
    assert _steps(found) == [("left", 400), ("middle", 800), ("right", 1200)]
    assert "No held-out pictures" in found.because.en
    assert "tells learning from learning by heart" in found.because.en


def test_without_held_out_pictures_a_file_that_lost_its_gain_is_not_named() -> None:
    lost = [-10.0, -20.0, -30.0, -40.0, -50.0, -50.0, -50.0, -50.0, -30.0, -20.0, -10.0, -5.0]
    found = _window(recorded(lost, checkpoints=FILES))
    assert [one.step for one in found.candidates] == [400, 600, 800]
    assert "got worse" in found.candidates[-1].why.en


def test_a_broken_run_has_no_file_worth_using() -> None:
    found = _window(recorded(approach(40.0), checkpoints=FILES))
    assert found.candidates == ()
    assert found.confidence is Confidence.HIGH


def test_a_broken_run_may_have_a_good_early_file() -> None:
    broke = [-2.0, -3.0, -1.0, 5.0, *[30.0] * 8]
    found = _window(recorded(broke, checkpoints=FILES))
    assert [one.step for one in found.candidates] == [200]


def test_the_trainers_own_held_out_loss_is_taken_where_there_is_no_probe() -> None:
    held_out = series([0.20, 0.19, 0.18, 0.181, 0.19, 0.20], "loss/validation/epoch_average")
    case = observed(further=[held_out], facts={"steps_per_epoch": 200}, checkpoints=GROWING)
    found = _window(case)
    assert [one.step for one in found.candidates] == [600, 800]
    assert found.confidence is Confidence.LOW


def test_unmeasured_runs_get_the_middle_files_and_the_last() -> None:
    found = _window(observed(checkpoints=GROWING))
    assert [one.step for one in found.candidates] == [600, 800, 1200]
    assert found.confidence is Confidence.LOW


def test_only_what_was_seen_to_get_worse_is_said_to_have_got_worse() -> None:
    def right(case: Case) -> str:
        return _window(case).candidates[-1].why.en

    rebound = recorded(approach(-8.0), REBOUND, checkpoints=FILES)
    to_the_end = recorded(approach(-8.0), shaken(approach(-6.0), 0.2), checkpoints=FILES)
    validated = series([0.20, 0.19, 0.18, 0.181, 0.19, 0.20], "loss/validation/epoch_average")
    turned = observed(further=[validated], facts={"steps_per_epoch": 200}, checkpoints=GROWING)
    settled = series([0.20, 0.19, 0.18, 0.18, 0.18, 0.18], "loss/validation/epoch_average")
    rested = observed(further=[settled], facts={"steps_per_epoch": 200}, checkpoints=GROWING)
    for case in (rebound, turned):
        assert "got worse" in right(case)
    for case in (to_the_end, rested):
        assert "latest of them" in right(case)
    unmeasured = _window(observed(checkpoints=GROWING)).candidates
    assert not any("worse" in one.why.en or "as good" in one.why.en for one in unmeasured)


def test_a_single_file_lies_between_no_others() -> None:
    (only,) = _window(observed(checkpoints=GROWING[-1:])).candidates
    assert "in between" not in only.why.en
    (best,) = _window(recorded([-1.0 * n for n in range(1, 13)], checkpoints=[FILES[0], FILES[-1]])).candidates
    assert "in between" not in best.why.en


def test_no_file_at_all_and_no_usable_one() -> None:
    case = observed([0.1] * 50)
    assert checkpoint_window(case, judge(case, "after")) is None
    lost = [file_at(200, nonfinite_count=3)]
    assert _window(observed(checkpoints=lost)).candidates == ()


@pytest.mark.parametrize(
    ("file", "usable"),
    [
        (file_at(1), True),
        (file_at(1, is_readable=False), False),
        (file_at(1, nonfinite_count=1), False),
        (file_at(1, zero_up_count=204), False),
        (file_at(1, zero_up_count=72), True),
    ],
)
def test_what_can_be_used(file: Checkpoint, usable: bool) -> None:
    assert is_usable(file) is usable


def test_files_of_unknown_steps_are_not_called_useless() -> None:
    nameless = [replace(file, step=None) for file in FILES]
    found = _window(recorded(approach(-4.0), checkpoints=nameless))
    assert found.candidates == ()
    assert found.confidence is Confidence.LOW
    assert "by eye" in found.because.en


def test_a_broken_run_without_measurement_names_no_file() -> None:
    case = observed([0.2] * 30 + [1.0] * 100, checkpoints=FILES, network_module="networks.lora")
    found = _window(case)
    assert found.candidates == ()
    assert "broken" in found.because.en


def _lost(*, checkpoints: list[Checkpoint]) -> Case:
    return observed([0.2] * 700 + [math.nan] * 500, checkpoints=checkpoints)


def test_before_a_nan_only_the_last_whole_file_is_named() -> None:
    found = _window(_lost(checkpoints=GROWING))
    assert [one.step for one in found.candidates] == [600]
    assert found.confidence is Confidence.LOW
    assert "broke at step 701" in found.because.en
    assert "was not measured" in found.because.en


@pytest.mark.parametrize("change", [{"is_scanned": False}, {"nonfinite_count": 1}, {"is_readable": False}])
def test_a_file_that_nobody_verified_is_not_named(change: dict[str, Any]) -> None:
    found = _window(_lost(checkpoints=[replace(file, **change) for file in GROWING]))
    assert found.candidates == ()


def _with_loss(case: Case, values: list[float]) -> Case:
    assert case.observations is not None
    return replace(case, observations=replace(case.observations, series={"loss/current": series(values)}))


def test_the_probe_before_a_nan_vouches_for_files() -> None:
    curve = [*approach(-6.0, 7), *[math.nan] * 5]
    found = _window(_with_loss(recorded(curve, checkpoints=GROWING), [0.2] * 700 + [math.nan] * 500))
    assert [one.step for one in found.candidates] == [400, 600]
    assert "saved before step 701, hold finite numbers only and were measured better" in found.because.en


def test_a_collapse_that_no_probe_saw_ends_the_sound_files_too() -> None:
    case = _with_loss(recorded(approach(-6.0), checkpoints=GROWING), [0.2] * 500 + [1.0] * 700)
    assert [one.step for one in _window(case).candidates] == [400]


def test_a_run_that_learned_grey_pictures_has_no_sound_file() -> None:
    line = event("nan-latents")
    case = recorded(approach(-6.0), checkpoints=GROWING)
    assert case.observations is not None
    assert _window(replace(case, observations=replace(case.observations, events=(line,)))).candidates == ()


def test_a_gain_too_small_to_choose_by_is_no_reason_to_throw_all_away() -> None:
    found = _window(recorded(approach(-6.0), [-0.7] * 12, checkpoints=GROWING))
    assert found.candidates == ()
    assert "Compare by eye" in found.because.en
    assert "use none" not in found.because.en


def test_files_within_a_percent_of_the_base_are_no_better_than_none() -> None:
    assert _window(recorded([-0.5] * 12, checkpoints=FILES)).candidates == ()


def test_a_file_within_the_jitter_is_not_named_and_none_is_surer_than_the_verdict() -> None:
    hidden = _window(recorded(approach(-8.0), shaken(approach(-8.0), 5.0), checkpoints=FILES))
    assert hidden.candidates == ()
    assert hidden.confidence is Confidence.LOW
    assert "jumps too much" in hidden.because.en
    assert "use none" not in hidden.because.en
    case = recorded(approach(-8.0), approach(-8.0), checkpoints=FILES)
    assert _window(case).confidence is Confidence.MEDIUM
    unsure = checkpoint_window(case, Verdict())
    assert unsure is not None
    assert unsure.candidates
    assert unsure.confidence is Confidence.LOW


def test_a_run_that_learned_too_slowly_names_no_file_to_its_end() -> None:
    slow = [-0.1 * n for n in range(1, 13)]
    case = recorded(slow, slow, checkpoints=FILES)
    assert primary_state(judge(case, "after", reraise=True)).state is State.NOT_LEARNING
    assert _window(case).candidates == ()
    lost_again = [-2.0, -3.0, -3.0, -2.0, -1.0, *[-0.1] * 7]
    found = _window(recorded(lost_again, lost_again, checkpoints=FILES))
    assert found.candidates
    assert found.candidates[-1].step < 1200


def test_the_rebound_is_held_against_the_level_that_was_reached() -> None:
    # Two points are 10 % of a loss of 20 %: those files are behind the window.
    curve = [-50.0, -70.0, -80.0, -80.0, -80.0, -80.0, -78.0, -78.0, -78.0, -78.0, -78.0, -78.0]
    assert max(step for _, step in _steps(_window(recorded(curve, curve, checkpoints=FILES)))) == 600
