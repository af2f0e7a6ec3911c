from __future__ import annotations

import math
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.diagnose.live import LiveWatch
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.collapsed_loss import RULE as COLLAPSED
from orchestrator.diagnose.signals.raw import first_nonfinite_step
from orchestrator.observe.console import ConsoleParser
from orchestrator.observe.read import read_foreign
from tests.diagnose.cases import catches, event, observed, plan, step_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

LOGS = Path(__file__).parent.parent / "logs"


def _case(steps_per_epoch: int = 100) -> Case:
    return Case(plan=plan(steps=step_plan(steps_per_epoch * 4, epochs=4)), family="sd15")


def _show(watch: LiveWatch, losses: Sequence[float], every: int = 1) -> list[str | None]:
    """Show losses as the trainer's bar does in its first epoch: the mean so far, three digits, two refreshes per step."""
    total, said = 0.0, []
    for step, loss in enumerate(losses, 1):
        total += loss
        if step % every == 0:
            for _ in range(2):
                watch.feed_event(event("progress", step=step, total=400, avr_loss=float(f"{total / step:.3g}")))
        said.append(watch.stop_reason())
    return said


def _show_all(watch: LiveWatch, losses: Sequence[float], per_epoch: int) -> None:
    """Show losses as the trainer's bar does in a whole run: later than the first epoch it is the mean of the last epoch's steps."""
    for step in range(1, len(losses) + 1):
        part = losses[max(step - per_epoch, 0) : step]
        average = float(f"{math.fsum(part) / len(part):.3g}")
        watch.feed_event(event("progress", step=step, total=len(losses), avr_loss=average))


@pytest.mark.parametrize("per_epoch", [2, 5, 8, 19, 20, 25, 100])
def test_a_base_that_was_lost_before_is_said_as_the_report_says_it(per_epoch: int) -> None:
    draw = random.Random(per_epoch)
    losses = [draw.uniform(0.92, 1.15) for _ in range(60)]
    watch = LiveWatch(_case(per_epoch), stop_on=("collapse",))
    _show_all(watch, losses, per_epoch)
    assert watch.collapse_step == 1
    assert watch.notices() == {"collapse": catches(COLLAPSED, observed(losses, network_module="networks.lora")).message}


@pytest.mark.parametrize("per_epoch", [8, 40])
def test_a_rate_that_destroys_after_three_steps_is_not_the_bases_fault(per_epoch: int) -> None:
    losses = [0.1, 0.34, 0.56, *[1.02] * 40]
    watch = LiveWatch(_case(per_epoch), stop_on=("collapse",))
    _show_all(watch, losses, per_epoch)
    assert watch.notices()["collapse"].en.startswith("From about step")
    assert "any more" in catches(COLLAPSED, observed(losses, network_module="networks.lora")).message.en


@pytest.mark.parametrize("seed", range(10))
def test_a_sound_run_of_short_epochs_is_left_alone(seed: int) -> None:
    watch = LiveWatch(_case(8), stop_on=("nan", "collapse"))
    _show_all(watch, _sound(300, seed), 8)
    assert watch.notices() == {}


def _sound(count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [min(0.9, draw.expovariate(1 / 0.2)) for _ in range(count)]


@pytest.mark.parametrize("step", [1, 2, 57])
def test_nan_is_told_at_the_step_itself_and_stops_once_it_has_lasted_two_windows(step: int) -> None:
    watch = LiveWatch(_case())
    said = _show(watch, [*_sound(step - 1), math.nan])
    assert watch.notices()["nan"].en == f"The loss became NaN at step {step}."
    assert said[-1] is None
    again = LiveWatch(_case())
    said = _show(again, [*_sound(step - 1), math.nan, *_sound(15)])  # on the bar the average stays NaN
    assert said.index("nan") == step - 1 + 11


def test_nan_is_told_but_does_not_stop_where_the_recipe_says_so() -> None:
    watch = LiveWatch(_case(), stop_on=())
    assert set(_show(watch, [math.nan, *[0.1] * 20])) == {None}
    assert "nan" in watch.notices()


def test_a_lost_model_is_seen_within_twenty_steps_on_the_bar() -> None:
    watch = LiveWatch(_case(), stop_on=("nan", "collapse"))
    said = _show(watch, [*_sound(40), *[1.02] * 30])
    assert said[39] is None
    assert said[60] == "collapse"
    assert watch.collapse_step is not None
    assert 31 <= watch.collapse_step <= 42


def test_after_the_first_epoch_the_average_itself_is_looked_at() -> None:
    watch = LiveWatch(_case(30), stop_on=("collapse",))
    watch.feed_event(event("progress", step=35, total=400, avr_loss=0.97))
    assert watch.stop_reason() == "collapse"


def test_averages_of_short_epochs_have_to_stay_high() -> None:
    watch = LiveWatch(_case(3), stop_on=("collapse",))
    for step in range(10, 19):
        watch.feed_event(event("progress", step=step, total=400, avr_loss=0.97))
        assert watch.stop_reason() is None
    watch.feed_event(event("progress", step=19, total=400, avr_loss=0.97))
    assert watch.stop_reason() == "collapse"
    assert watch.collapse_step == 10


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.iterdir() if path.is_dir()))
def test_recorded_consoles_stop_only_where_the_run_was_lost(name: str) -> None:
    observations, settings, _ = read_foreign(LOGS / name)
    watch = LiveWatch(Case(settings=settings, family="pocket"), stop_on=("nan", "collapse"))
    parser, stopped_at = ConsoleParser(), None
    text = (LOGS / name / "console.log").read_text(encoding="utf-8", errors="replace")
    for line in re.split(r"\r\n|\r|\n", text):
        found = parser.feed(line)
        if found is not None:
            watch.feed_event(found)
        if watch.stop_reason() is not None and found is not None and found.kind == "progress":
            stopped_at = found.values["step"]
            break
    if name == "nan":
        first = first_nonfinite_step(observations.series["loss/current"])
        assert watch.nan_step is not None
        assert first is not None
        assert 0 <= watch.nan_step - first <= 2
    elif name in {"collapsed", "wide-console"}:
        assert watch.stop_reason() == "collapse"
        assert stopped_at is not None
        assert stopped_at <= 40
    else:
        assert stopped_at is None


@pytest.mark.parametrize("seed", range(20))
def test_a_sound_run_is_left_alone(seed: int) -> None:
    watch = LiveWatch(_case(400), stop_on=("nan", "collapse"))
    assert set(_show(watch, _sound(400, seed))) == {None}
    assert watch.notices() == {}


def test_a_bar_that_skips_steps_says_nothing_rather_than_something_wrong() -> None:
    watch = LiveWatch(_case(400), stop_on=("collapse",))
    assert set(_show(watch, _sound(200), every=3)) == {None}


def test_other_events_are_passed_over() -> None:
    watch = LiveWatch(_case())
    watch.feed_event(event("checkpoint-saved", step=3, avr_loss=math.nan))
    watch.feed_event(event("progress", step=0, avr_loss=math.nan))
    watch.feed_event(event("progress", step=3, avr_loss=None))
    assert watch.stop_reason() is None
