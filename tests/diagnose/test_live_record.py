from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.telemetry import Probe
from orchestrator.diagnose.live_record import RecordWatch
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.watching import Watching
from tests.diagnose.cases import plan

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


def test_nan_is_told_at_its_step() -> None:
    watch = RecordWatch(("nan",))
    watch.feed_step(1, [0.1], [1.0])
    watch.feed_step(2, [0.1, math.nan], [1.0, 1.0])
    assert (watch.nan_step, watch.stop_reason()) == (2, "nan")


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


def test_the_recorders_file_is_read_while_it_grows_and_trouble_is_told_once(tmp_path: Path) -> None:
    told: list[Text] = []
    clock = iter(range(0, 1000, 5))
    file = tmp_path / "rank0.jsonl"
    watching = Watching(
        Case(plan=plan(), family="sd15"), ALL, tmp_path, lambda _e: None, told.append, lambda: float(next(clock))
    )
    assert watching.stop_reason() is None
    step = {"k": "s", "t": [5.0], "l": [0.1], "g": [1.0], "i": [0], "gn": None, "cl": None, "lr": [1e-4]}
    lines = [json.dumps({**step, "n": n}) for n in (1, 2)]
    file.write_text("\n".join(lines) + '\n{"k":"s","n":3,', encoding="utf-8")
    assert watching.stop_reason() is None
    rest = json.dumps({**step, "n": 3, "l": [math.nan]}).removeprefix('{"k": "s", ')
    with file.open("a", encoding="utf-8") as more:
        more.write(rest.replace('"n": 3, ', "").replace("{", "") + "\nrubbish\n")
    reasons = {watching.stop_reason() for _ in range(3)}
    assert reasons == {"nan"}
    assert [text.en for text in told] == ["The loss became NaN at step 3."]
