from __future__ import annotations

from array import array
from dataclasses import replace

from orchestrator.core.observation import Checkpoint, Missing, Observations, Sample, Series
from orchestrator.core.telemetry import Picture, Probe, SampleLosses, StepRecords, Telemetry
from orchestrator.core.text import Text
from orchestrator.observe.stitch import Part, stitch

RELIABILITY = {"H08": "attempts of one run: told apart, steps of the whole run, what was trained twice counted once"}
NO_LOG = Missing("console-log", Text("none", "无"))


def series(tag: str, steps: list[int], value: float) -> Series:
    return Series(tag, array("q", steps), array("d", [value] * len(steps)), array("d", [1.0] * len(steps)), "events")


def network(name: str, step: int | None, *, is_final: bool = False) -> Checkpoint:
    return Checkpoint(name, step, None, is_final, 10, is_readable=True, metadata={"ss_steps": str(step)})


def recorded(steps: int, names: list[str]) -> Telemetry:
    pictures = tuple(Picture(index, name) for index, name in enumerate(names))
    column = array("d", [float(s) for s in range(1, steps + 1)])
    return Telemetry(
        "probe",
        pictures=pictures,
        samples=SampleLosses(array("q", range(1, steps + 1)), column[:], column[:], column[:], array("q", [0] * steps)),
        steps=StepRecords(array("q", range(1, steps + 1)), column[:], column[:], (column[:],)),
        probes=(
            Probe(
                0,
                is_on=False,
                when="start",
                timesteps=(1.0,),
                pictures=(0, 1),
                losses=((1.0,), (1.0,)),
                targets=((1.0,), (1.0,)),
            ),
        ),
        log_seconds=1.0,
    )


def seen(steps: int, value: float, names: list[str], **changes: object) -> Observations:
    made = Observations(
        {
            "loss/current": series("loss/current", list(range(1, steps + 1)), value),
            "loss/epoch_average": series("loss/epoch_average", [1, 2, 3], value),
            "loss/validation/step_average": series("loss/validation/step_average", [0, 5], value),
        },
        facts={"last_step": steps, "logged_seconds": 2.0},
        telemetry=recorded(steps, names),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_one_attempt_from_the_beginning_is_left_as_it_is() -> None:
    one = seen(12, 1.0, ["a"])
    assert stitch([Part(one, 0)], 5) is one


def test_what_was_trained_twice_counts_once() -> None:
    first = seen(
        13, 1.0, ["a", "b"],
        checkpoints=(network("x-000002", 10), network("x-step13", 13)),
        samples=(Sample("s0", 0, 0, 0, 1), Sample("s2", 10, 2, 0, 1), Sample("s12", 12, None, 0, 1)),
        missing=(NO_LOG,),
    )  # fmt: skip
    second = seen(
        10, 2.0, ["b", "a"],
        checkpoints=(network("x-000003", 5), network("x", 10, is_final=True)),
        samples=(Sample("t0", 0, 0, 0, 1), Sample("t3", 15, 3, 0, 1), Sample("t4", 4, None, 0, 1)),
    )  # fmt: skip
    second = replace(
        second,
        series={**second.series, "loss/epoch_average": series("loss/epoch_average", [3, 4], 2.0)},
    )
    found = stitch([Part(first, 0, 10), Part(second, 10)], 5)
    loss = found.series["loss/current"]
    assert list(loss.steps) == list(range(1, 21))
    assert list(loss.values) == [1.0] * 10 + [2.0] * 10
    assert list(found.series["loss/epoch_average"].steps) == [1, 2, 3, 4]
    assert list(found.series["loss/epoch_average"].values) == [1.0, 1.0, 2.0, 2.0]
    # before its first step a resumed attempt validates what the one before it left: no new point
    assert list(found.series["loss/validation/step_average"].steps) == [0, 5, 15]
    assert [c.metadata["ss_steps"] for c in found.checkpoints] == ["10", "15", "20"]
    assert [(c.path, c.step, c.is_final) for c in found.checkpoints] == [
        ("x-000002", 10, False), ("x-000003", 15, False), ("x", 20, True),
    ]  # fmt: skip
    assert [(s.path, s.step) for s in found.samples] == [("s0", 0), ("s2", 10), ("t3", 15), ("t4", 14)]
    assert (found.facts["last_step"], found.facts["attempts"], found.facts["logged_seconds"]) == (20, 2, 4.0)
    assert found.missing == ()


def test_pictures_are_the_same_by_name_whatever_their_number() -> None:
    found = stitch([Part(seen(10, 1.0, ["a", "b"]), 0, 10), Part(seen(5, 2.0, ["b", "c"]), 10)], 5).telemetry
    assert found is not None
    assert [(p.index, p.name) for p in found.pictures] == [(0, "a"), (1, "b"), (2, "c")]
    assert list(found.samples.pictures) == [0] * 10 + [1] * 5
    assert list(found.samples.steps) == list(found.steps.steps) == list(range(1, 16))
    assert [len(column) for column in found.steps.lrs] == [15]
    assert [(p.step, p.pictures) for p in found.probes] == [(0, (0, 1)), (10, (1, 2))]
    assert found.log_seconds == 2.0


def test_three_attempts_the_middle_one_given_up() -> None:
    parts = [Part(seen(12, 1.0, ["a"]), 0, 5), Part(seen(9, 2.0, ["a"]), 10, 5), Part(seen(15, 3.0, ["a"]), 5)]
    loss = stitch(parts, 5).series["loss/current"]
    assert list(loss.steps) == list(range(1, 21))
    assert list(loss.values) == [1.0] * 5 + [3.0] * 15
