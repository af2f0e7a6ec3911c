"""What is recorded, and that the training does not feel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from orchestrator.telemetry.pictures import Pictures, caption_hash
from orchestrator.telemetry.probe import mean_squares
from orchestrator.telemetry.recorder import BLOCK_STEPS
from tests.telemetry import toy
from tests.telemetry.runs import read, train, trainer_class

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.telemetry.hooks import Hooks


@pytest.fixture(autouse=True)
def unwrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrapping changes classes; each test begins with the toy's own."""
    monkeypatch.setattr(toy.Accelerator, "clip_grad_norm_", toy.Accelerator.clip_grad_norm_)
    monkeypatch.setattr(toy.Dataset, "__getitem__", toy.Dataset.__getitem__)


@pytest.mark.parametrize("mode", ["log", "probe"])
@pytest.mark.parametrize("is_cached", [True, False])
def test_a_recorded_run_is_the_plain_run(tmp_path: Path, mode: str, is_cached: bool) -> None:
    plain = train(None, is_cached=is_cached)
    recorded = train(tmp_path / "telemetry", mode, is_cached=is_cached)
    assert recorded.losses == plain.losses
    assert torch.equal(recorded.weights, plain.weights)
    assert plain.weights.abs().sum() > 0
    assert recorded.next_random == plain.next_random
    assert recorded.lines[-1]["reason"] == "finished"
    assert not recorded.of("note")


def test_a_line_holds_all_samples_of_an_optimizer_step(tmp_path: Path) -> None:
    run = train(tmp_path, "log", max_grad_norm=15.0)
    steps = run.of("s")
    assert [line["n"] for line in steps] == list(range(1, 17))
    assert [len(line["l"]) for line in steps[:3]] == [4, 3, 3]  # 5 pictures in batches of 2: 2 + 2, 1 + 2, 2 + 1
    for place, line in enumerate(steps):
        micro = run.losses[2 * place : 2 * place + 2]
        split = 1 if place % 3 == 1 else 2
        parts = line["l"][:split], line["l"][split:]
        assert [sum(part) / len(part) for part in parts] == pytest.approx(micro, rel=1e-5)
        assert all(0 <= t < 1000 for t in line["t"])
        assert line["lr"] == [0.1]
        assert line["cl"] == (line["gn"] > 15)
    assert {line["cl"] for line in steps} == {True, False}


def test_pictures_are_declared_before_they_are_named(tmp_path: Path) -> None:
    run = train(tmp_path, "log")
    known: dict[int, dict[str, Any]] = {}
    for line in run.lines:
        if line["k"] == "pic":
            known[line["i"]] = line
        if line["k"] == "s":
            assert set(line["i"]) <= known.keys()
    assert sorted(line["name"] for line in known.values()) == [f"2_thing/{number:03d}.png" for number in range(5)]
    first = next(line for line in known.values() if line["name"].endswith("000.png"))
    assert first == {
        "k": "pic", "i": first["i"], "name": "2_thing/000.png", "caption": caption_hash("red, square, flat, 0"),
        "bucket": [64, 32], "held_out": False,
    }  # fmt: skip
    used = {text for line in run.of("s") for text in line["c"]}
    assert caption_hash("") in used  # dropped
    assert len(used) > 5  # shuffled


def test_the_probe_measures_the_base_first_and_last(tmp_path: Path) -> None:
    run = train(tmp_path)
    probes = run.of("p")
    assert [(line["n"], line["on"], line["when"]) for line in probes] == [
        (0, False, "start"),
        *[(n, True, "train") for n in range(2, 16, 2)],
        (16, True, "end"),
        (16, False, "end"),
    ]
    base, last = probes[0], probes[-1]
    assert (base["l"], base["g"], base["i"]) == (last["l"], last["g"], last["i"])
    assert all(line["l"] != base["l"] for line in probes[1:-1])
    assert all(line["g"] == base["g"] for line in probes)
    assert len(base["l"]) == len(base["i"]) == 7
    assert all(len(row) == 5 for row in base["l"])
    held_out = [line["held_out"] for index in base["i"] for line in run.of("pic") if line["i"] == index]
    assert held_out == [False] * 4 + [True] * 3
    assert run.args.validation_ends == 10 * 4 * 5  # probes, batches of at most two pictures of one set, timesteps
    assert (run.args.min_timestep, run.args.max_timestep) == (None, None)
    first_step = next(place for place, line in enumerate(run.lines) if line["k"] == "s")
    assert run.lines.index(base) < first_step


def test_two_runs_have_the_same_probe_whatever_their_seed(tmp_path: Path) -> None:
    first, second = (train(tmp_path / str(seed), seed=seed) for seed in (3, 4))
    names = [[line["name"] for index in run.of("p")[0]["i"] for line in run.of("pic") if line["i"] == index]
             for run in (first, second)]  # fmt: skip
    assert names[0] == names[1]
    assert first.of("p")[0]["g"] == second.of("p")[0]["g"]


def test_an_asked_interval_is_kept_but_eight_probes_remain(tmp_path: Path) -> None:
    assert len([line for line in train(tmp_path / "a", every=1).of("p") if line["on"]]) == 16
    assert len([line for line in train(tmp_path / "b", every=50).of("p") if line["on"]]) == 8


def test_validation_pictures_that_are_trained_on_are_not_held_out(tmp_path: Path) -> None:
    class Leaky(toy.NetworkTrainer):
        def assert_extra_args(self, args: Any, train_dataset_group: Any, val_dataset_group: Any) -> None:
            pass

    def leak(hooks: Hooks) -> None:
        know = hooks.pictures.know
        hooks.pictures.know = lambda training, held_out: know(training, held_out and training)  # type: ignore[method-assign]

    run = train(tmp_path, kind=Leaky, change=leak)
    assert [line["what"] for line in run.of("note")] == ["held-out"]
    assert len(run.of("p")[0]["i"]) == 4


@pytest.mark.parametrize(
    ("part", "left"), [("in_batch", {"s", "p"}), ("samples", {"p"}), ("rates", {"p"}), ("step_done", set())]
)
def test_an_error_in_the_recording_is_noted_once_and_changes_nothing(tmp_path: Path, part: str, left: set[str]) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("broken in /home/someone/place/file.py")

    def break_it(hooks: Hooks) -> None:
        setattr(hooks.pictures if part == "in_batch" else hooks.recorder, part, fail)

    plain = train(None)
    run = train(tmp_path, change=break_it)
    assert run.losses == plain.losses
    assert torch.equal(run.weights, plain.weights)
    notes = run.of("note")
    assert len(notes) == 1
    assert "ValueError: broken in file.py" in notes[0]["text"]
    assert {line["k"] for line in run.lines} & {"s"} == left & {"s"}
    if part == "in_batch":
        assert all(set(line["i"]) == {-1} for line in run.of("s"))
    assert run.lines[-1]["k"] == "end"


def test_a_probe_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    def break_it(hooks: Hooks) -> None:
        row, calls = hooks.probe._row, iter(range(1000))

        def fail_later(result: Any, timestep: float) -> Any:
            if next(calls) == 33:
                raise RuntimeError("out of memory")
            return row(result, timestep)

        hooks.probe._row = fail_later  # type: ignore[method-assign]

    plain = train(None)
    run = train(tmp_path, change=break_it)
    assert run.losses == plain.losses
    assert run.next_random == plain.next_random
    assert len(run.of("p")) == 1
    assert len(run.of("s")) == 16
    assert [line["what"] for line in run.of("note")] == ["error"]


def test_a_network_that_cannot_be_switched_off_has_no_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(toy.Network, "set_multiplier")
    run = train(tmp_path)
    assert not run.of("p")
    assert len(run.of("s")) == 16
    assert [(line["what"], line["text"]) for line in run.of("note")] == [
        ("probe-off", "the network (Network) cannot be switched off")
    ]


def test_a_trainer_that_ignores_the_asked_timestep_has_no_probe(tmp_path: Path) -> None:
    class Stubborn(toy.NetworkTrainer):
        def get_noise_pred_and_target(self, *arguments: Any, **named: Any) -> Any:
            arguments[0].min_timestep = arguments[0].max_timestep = None
            return super().get_noise_pred_and_target(*arguments, **named)

    kind = Stubborn
    kind.get_noise_pred_and_target.__signature__ = __import__("inspect").signature(  # type: ignore[attr-defined]
        toy.NetworkTrainer.get_noise_pred_and_target
    )
    run = train(tmp_path, kind=kind)
    assert not run.of("p")
    assert len(run.of("s")) == 16
    assert "drew a timestep" in run.of("note")[0]["text"]


def test_a_missing_hook_is_noted_and_nothing_half_is_recorded(tmp_path: Path) -> None:
    class Older:
        def __init__(self) -> None:
            self.losses: list[float] = []
            self.final = torch.zeros(0)

        def process_batch(self, batch: Any) -> None: ...

        def train(self, args: Any) -> None:  # noqa: ARG002
            self.process_batch({})

    run = train(tmp_path, kind=Older)  # type: ignore[arg-type]
    assert run.of("head")[0]["hooks"] == {
        "assert_extra_args": False, "process_batch": False, "get_noise_pred_and_target": False, "sample_images": False,
    }  # fmt: skip
    assert {line["what"] for line in run.of("note")} == {"hook-missing"}
    assert not run.of("s")


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    plain, run = train(None), train(tmp_path / "file")
    assert run.losses == plain.losses
    assert torch.equal(run.weights, plain.weights)


def test_blocks_are_written_while_the_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the trainer failed"):
        train(tmp_path / "a", "log", max_train_steps=60, fails_at=59)
    assert read(tmp_path / "a")[-1]["n"] == 58
    kept: list[int] = []

    def watch(hooks: Hooks) -> None:
        done = hooks.recorder.step_done

        def step_done(number: int, ds: Any) -> None:
            done(number, ds)
            kept.append(len(hooks.recorder._waiting) + len(hooks.recorder._lines))

        hooks.recorder.step_done = step_done  # type: ignore[method-assign]

    train(tmp_path / "b", "log", change=watch, max_train_steps=200)
    assert BLOCK_STEPS - 1 <= max(kept) <= BLOCK_STEPS + 5  # five declared pictures


def test_other_ranks_do_not_probe(tmp_path: Path) -> None:
    from orchestrator.telemetry.hooks import Hooks
    from orchestrator.telemetry.recorder import Guard, Recorder
    from orchestrator.telemetry.settings import Settings

    recorder = Recorder(Settings("probe", tmp_path), 1, 2, "toy")
    kind = trainer_class()
    Hooks(recorder, Guard(recorder), "toy").install(kind)
    kind().train(toy.arguments())
    recorder.close("finished")
    text = (tmp_path / "rank1.jsonl").read_text()
    assert '"rank":1,"world":2' in text
    assert text.count('"k":"s"') == 16
    assert '"k":"p"' not in text


def test_unknown_datasets_leave_pictures_unknown(tmp_path: Path) -> None:
    def forget(hooks: Hooks) -> None:
        hooks.pictures.know = lambda *_: None  # type: ignore[method-assign]

    run = train(tmp_path, change=forget)
    assert all(set(line["i"]) == {-1} for line in run.of("s"))
    assert run.of("note")[0]["what"] == "probe-off"


def test_batches_may_bring_their_own_paths(tmp_path: Path) -> None:
    from orchestrator.telemetry.recorder import Recorder
    from orchestrator.telemetry.settings import Settings

    recorder = Recorder(Settings("log", tmp_path), 0, 1, "toy")
    pictures = Pictures(recorder)
    batch = {"absolute_paths": ["/x/y/z.png"], "captions": ["hello"], "images": torch.zeros(1, 3, 8, 16)}
    assert pictures.in_batch(batch) == ([0], [])
    assert pictures.in_batch({**batch, "captions": ["other"]}) == ([0], [caption_hash("other")])
    recorder.close("finished")
    assert read(tmp_path)[1] == {
        "k": "pic", "i": 0, "name": "y/z.png", "caption": caption_hash("hello"), "bucket": [16, 8], "held_out": False,
    }  # fmt: skip


def test_what_compares_pictures_is_told_as_velocities(tmp_path: Path) -> None:
    def run(name: str, **facts: Any) -> list[dict[str, Any]]:
        kind = type("NetworkTrainer", (toy.Flow,), facts)
        return train(tmp_path / name, kind=kind, entry=name, max_train_steps=1).lines

    plain = run("flux_train_network")
    pictures = run("sd3_train_network", compares_pictures=True)
    compared = []
    for one, other in zip(plain, pictures, strict=True):
        assert one["k"] == other["k"]
        if one["k"] == "s" or (one["k"] == "p" and not one["on"]):  # the first step itself is another one
            compared.append(one["k"])
            assert other["l"] == approximately(one["l"], 1e-3)
            assert other["g"] == approximately(one["g"], 0.1)
    assert set(compared) == {"s", "p"}


def test_below_a_fiftieth_the_error_of_a_velocity_falls() -> None:
    """The velocity is off by 1 everywhere, so the picture by sigma."""
    target = torch.full((3, 1, 2, 2), 2.0)
    sigmas = torch.tensor([0.5, 0.02, 0.01])
    prediction = target + sigmas.reshape(-1, 1, 1, 1)
    loss, square = mean_squares(prediction, target, sigmas * 1000)
    assert loss.tolist() == pytest.approx([1.0, 1.0, 0.25], rel=1e-4)
    assert square.tolist() == [5.0, 5.0, 5.0]
    assert mean_squares(prediction, target)[0].tolist() == pytest.approx([0.25, 4e-4, 1e-4], rel=1e-4)


def approximately(rows: Any, share: float) -> Any:
    if isinstance(rows[0], list):
        return [pytest.approx(row, rel=share) for row in rows]
    return pytest.approx(rows, rel=share)
