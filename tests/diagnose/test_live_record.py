from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.telemetry import Probe
from orchestrator.diagnose.live_record import RecordWatch
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.watching import Watching
from orchestrator.plan.model import Recording
from tests.diagnose.cases import decided, plan, step_plan

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Text

ALL = ("nan", "collapse", "divergence")


def probe(step: int, loss: float, *, is_on: bool = True, pictures: tuple[int, ...] = (0, 1)) -> Probe:
    losses = tuple((loss, 2 * loss) for _ in pictures)
    targets = tuple((1.0, 1.0) for _ in pictures)
    return Probe(step, is_on, "train" if is_on else "start", (100.0, 500.0), pictures, losses, targets)


def test_a_lost_model_is_told_within_twenty_steps_whatever_the_loss_type() -> None:
    watch = RecordWatch(ALL)
    watch.feed_probe(probe(0, 0.1, is_on=False))
    for step in range(1, 41):
        watch.feed_step(step, [0.2, 0.3], [1.0, 1.0])
    assert watch.stop_reason() is None
    for step in range(41, 61):
        watch.feed_step(step, [1.01, 0.97], [1.0, 1.0])
        if watch.stop_reason():
            break
    assert watch.stop_reason() == "collapse"
    assert step <= 60
    assert watch.collapse_step is not None
    assert 35 <= watch.collapse_step <= 45


@pytest.mark.parametrize("base", [None, 0.65])
def test_a_base_that_predicts_nothing_has_nothing_to_lose(base: float | None) -> None:
    watch = RecordWatch(ALL)
    if base is not None:
        watch.feed_probe(probe(0, base, is_on=False))
    for step in range(1, 60):
        watch.feed_step(step, [1.0], [1.0])
    assert watch.stop_reason() is None


def test_nan_is_told_at_its_step_and_stops_once_it_has_lasted_two_windows() -> None:
    watch = RecordWatch(("nan",))
    watch.feed_step(1, [0.1], [1.0])
    watch.feed_step(2, [0.1, math.nan], [1.0, 1.0])
    assert watch.notices()["nan"].en == "The loss became NaN at step 2."
    for step in range(3, 13):
        assert watch.stop_reason() is None
        watch.feed_step(step, [math.nan], [1.0])
    assert watch.stop_reason() is None
    watch.feed_step(13, [math.nan], [1.0])
    assert (watch.nan_step, watch.stop_reason()) == (2, "nan")


def test_single_nan_that_pass_do_not_stop_and_hide_no_later_collapse() -> None:
    watch = RecordWatch(ALL)
    watch.feed_probe(probe(0, 0.1, is_on=False))
    for step in range(1, 41):
        watch.feed_step(step, [math.nan if step % 3 == 0 else 0.2], [1.0])
        assert watch.stop_reason() is None
    for step in range(41, 61):
        watch.feed_step(step, [1.0], [1.0])
    assert watch.stop_reason() == "collapse"
    assert list(watch.notices()) == ["nan", "collapse"]


def test_divergence_needs_two_probes_and_no_return() -> None:
    watch = RecordWatch(ALL)
    for one in (probe(0, 0.1, is_on=False), probe(20, 0.1), probe(40, 0.13), probe(60, 0.12)):
        watch.feed_probe(one)
        assert watch.stop_reason() is None
    watch.feed_probe(probe(80, 0.14))
    assert (watch.diverged_step, watch.stop_reason()) == (60, "divergence")


def test_held_out_pictures_do_not_stop_a_run() -> None:
    watch = RecordWatch(ALL)
    watch.see_held_out([5, 6])
    watch.feed_probe(probe(0, 0.1, is_on=False, pictures=(5, 6)))
    for step in (20, 40, 60):
        watch.feed_probe(probe(step, 0.3, pictures=(5, 6)))
    assert watch.stop_reason() is None


STEP = {"k": "s", "t": [5.0], "l": [0.1], "g": [1.0], "i": [0], "gn": None, "cl": None, "lr": [1e-4]}


def watched(folder: Path, told: list[Text], *, mode: str = "probe") -> Watching:
    """Return what reads along with a run of long epochs, its clock five seconds further at each look."""
    clock = iter(range(0, 10**6, 5))
    planned = replace(plan(steps=step_plan(400, epochs=4)), telemetry=Recording(decided({"mode": mode})["mode"]))
    return Watching(
        Case(plan=planned, family="sd15"), ALL, folder, lambda _e: None, told.append, lambda: float(next(clock))
    )


def shown(watching: Watching, step: int, average: float) -> None:
    """Show the trainer's bar at a step."""
    watching.on_line(f"steps:  10%|#   | {step}/400 [00:10<00:20,  1.30it/s, avr_loss={average:.3g}]")


def test_the_recorders_file_is_read_while_it_grows_and_trouble_is_told_once(tmp_path: Path) -> None:
    told: list[Text] = []
    file = tmp_path / "rank0.jsonl"
    watching = watched(tmp_path, told)
    assert watching.stop_reason() is None
    lines = [json.dumps({**STEP, "n": n}) for n in (1, 2)]
    file.write_text("\n".join(lines) + '\n{"k":"s","n":3,', encoding="utf-8")
    assert watching.stop_reason() is None
    rest = json.dumps({**STEP, "n": 3, "l": [math.nan]}).removeprefix('{"k": "s", ')
    more = [json.dumps({**STEP, "n": n, "l": [math.nan]}) for n in range(4, 15)]
    with file.open("a", encoding="utf-8") as end:
        end.write("\n".join([rest.replace('"n": 3, ', "").replace("{", ""), "rubbish", *more, ""]))
    reasons = {watching.stop_reason() for _ in range(3)}
    assert reasons == {"nan"}
    assert [text.en for text in told] == ["The loss became NaN at step 3."]


def test_a_nan_of_the_bar_is_told_and_does_not_stop_what_the_recorder_saw_come_back(tmp_path: Path) -> None:
    told: list[Text] = []
    watching = watched(tmp_path, told)
    for step in range(1, 201):
        shown(watching, step, math.nan if step >= 5 else 0.1)
        if step % 25 == 0:
            block = [{**STEP, "n": n, "l": [math.nan if n == 5 else 0.1]} for n in range(step - 24, step + 1)]
            with (tmp_path / "rank0.jsonl").open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in block))
        assert watching.stop_reason() is None
    assert [text.en for text in told] == ["The loss became NaN at step 5."]


@pytest.mark.parametrize(("mode", "stopped_at"), [("off", 16), ("probe", 50)])
def test_where_nothing_is_recorded_the_bar_alone_stops(tmp_path: Path, mode: str, stopped_at: int) -> None:
    watching = watched(tmp_path, [], mode=mode)
    for step in range(1, 100):
        shown(watching, step, math.nan if step >= 5 else 0.1)
        if watching.stop_reason() is not None:
            break
    assert (step, watching.stop_reason()) == (stopped_at, "nan")
