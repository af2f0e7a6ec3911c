"""A run that is resumed once, twice and three times is the uninterrupted run: the same steps, rates, losses and names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.run.saved.states import find_epoch_states, newest_whole_state, prune_states
from orchestrator.run.saved.whole_state import STATE_FILES, seal_state, state_problem
from tests.pocket.conftest import ROOT, picture_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    # TensorBoard's reader still uses numpy names that numpy warns about.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

EPOCHS = 5
BATCHES = 3
RESUMES = 3
ACCUMULATIONS = (1, 2)
DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "cut": lambda data: data[: len(data) * 9 // 10],
    "bit-flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
}
CASES = [(name, damage) for name in STATE_FILES for damage in DAMAGES]
RELIABILITY = {
    "A10": f"{RESUMES} resumes in a row, every loss compared",
    "A12": f"{RESUMES} resumes in a row with gradient accumulation {ACCUMULATIONS[-1]}",
    "C04": f"{len(CASES)} damaged states of a real run",
}
"""What is tried here, by the number of the acceptance list."""

TRAIN = f"""pretrained_model_name_or_path = "pocket"
dataset_config = "dataset.toml"
output_dir = "attempts/001/output"
logging_dir = "attempts/001/logs"
log_with = "tensorboard"
output_name = "x"
network_module = "networks.lora"
network_dim = 2
learning_rate = 1e-3
text_encoder_lr = 5e-4
lr_scheduler = "cosine"
seed = 4
max_data_loader_n_workers = 0
cache_latents = true
max_train_epochs = {EPOCHS}
save_every_n_epochs = 1
save_state = true
"""
DATASET = """[general]
caption_extension = ".txt"
shuffle_caption = true
flip_aug = true
[[datasets]]
resolution = 64
batch_size = 2
[[datasets.subsets]]
image_dir = "pictures"
num_repeats = 1
"""
ATTEMPTS = """import json, os, sys, traceback
from orchestrator.backends.pocket.trainer import loop, prepare, train_network as entry
for folder, argv in json.load(sys.stdin):
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"failed: {argv}")
        continue
    os.chdir(folder)
    try:
        parser = entry.setup_parser()
        entry.NetworkTrainer().train(entry.read_config_from_file(parser.parse_args(argv), parser))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)
"""
"""Importing the trainer takes longer than these runs: each is a process of its own, forked from one that has imported it."""


def options_of(attempt: int, steps_per_epoch: int) -> list[str]:
    """What the command line says over the TOML: attempt 2 goes on from the end of epoch 1 of attempt 1, and so on."""
    argv = ["--config_file", "train.toml"]
    if attempt == 1:
        return argv
    epoch = attempt - 1
    return [
        *argv,
        "--output_dir", f"attempts/{attempt:03d}/output",
        "--logging_dir", f"attempts/{attempt:03d}/logs",
        "--resume", f"attempts/{attempt - 1:03d}/output/x-{epoch:06d}-state",
        "--initial_step", str(epoch * steps_per_epoch),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """Run folders by accumulation, each with four attempts; console text of all in `console.txt` beside."""
    folder = tmp_path_factory.mktemp("resumed")
    made: dict[int, Path] = {}
    jobs = []
    for accumulation in ACCUMULATIONS:
        run = made[accumulation] = folder / f"accumulated-{accumulation}"
        picture_folder(run / "pictures", [(64, 64)] * 2 * BATCHES)
        (run / "train.toml").write_text(TRAIN + f"gradient_accumulation_steps = {accumulation}\n", encoding="utf-8")
        (run / "dataset.toml").write_text(DATASET, encoding="utf-8")
        each = -(-BATCHES // accumulation)
        jobs += [(str(run), options_of(attempt, each)) for attempt in range(1, 2 + RESUMES)]
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS], input=json.dumps(jobs), capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1", "COLUMNS": "500"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "console.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    yield made
    shutil.rmtree(folder)


def logged(run: Path, attempt: int, tag: str) -> list[tuple[int, float]]:
    """(step of the attempt, value) of one tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = next((run / "attempts" / f"{attempt:03d}").glob("logs/*/network_train"))
    accumulator: Any = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


@pytest.mark.parametrize("accumulation", ACCUMULATIONS)
def test_steps_losses_and_the_end_of_the_schedule_are_those_of_the_uninterrupted_run(
    runs: dict[int, Path], accumulation: int
) -> None:
    run, each = runs[accumulation], -(-BATCHES // accumulation)
    whole = logged(run, 1, "loss/current")
    assert (len(whole), whole[-1][0]) == (EPOCHS * BATCHES, EPOCHS * each)
    assert logged(run, 1, "lr/unet")[-1][1] == 0.0
    for attempt in range(2, 2 + RESUMES):
        done = attempt - 1
        losses = logged(run, attempt, "loss/current")
        assert losses[-1][0] + done * each == EPOCHS * each  # steps are counted from 0 again in each attempt
        assert [value for _, value in losses] == pytest.approx(
            [value for _, value in whole[done * BATCHES :]], rel=0.01
        )
        assert logged(run, attempt, "lr/unet")[-1] == ((EPOCHS - done) * each, 0.0)
        assert [step for step, _ in logged(run, attempt, "loss/epoch_average")] == list(range(done + 1, EPOCHS + 1))


def test_epochs_in_names_and_states_go_on_counting(runs: dict[int, Path]) -> None:
    for accumulation, run in runs.items():
        for attempt in range(1, 2 + RESUMES):
            output = run / "attempts" / f"{attempt:03d}" / "output"
            left = range(attempt, EPOCHS)
            names = {f"x-{epoch:06d}" for epoch in left} | {"x"}
            assert {path.name for path in output.iterdir()} == {
                word for name in names for word in (f"{name}.safetensors", f"{name}-state")
            }
            each = -(-BATCHES // accumulation)
            for epoch in left:
                said = json.loads((output / f"x-{epoch:06d}-state" / "train_state.json").read_text(encoding="utf-8"))
                assert said == {"current_epoch": epoch, "current_step": (epoch - attempt + 1) * each}


def test_the_trainer_says_that_it_does_not_take_the_step_of_the_state(runs: dict[int, Path]) -> None:
    text = (runs[1].parent / "console.txt").read_text(encoding="utf-8")
    assert text.count("steps from the state is ignored because initial_step is specified") == len(runs) * RESUMES


def test_states_of_a_real_run_are_whole_and_the_newest_is_found(runs: dict[int, Path], tmp_path: Path) -> None:
    shutil.copytree(runs[1] / "attempts", tmp_path / "attempts")
    states = find_epoch_states(tmp_path, "x")
    assert [(state.epoch, state.attempt) for state in states] == [
        (4, 4), (4, 3), (4, 2), (4, 1), (3, 3), (3, 2), (3, 1), (2, 2), (2, 1), (1, 1),
    ]  # fmt: skip
    assert newest_whole_state(states) == (states[0], ())
    assert prune_states(states) == states[2:]
    assert find_epoch_states(tmp_path, "x") == states[:2]


@pytest.mark.parametrize(("name", "damage"), CASES)
def test_a_real_state_that_is_damaged_is_never_gone_on_from(
    runs: dict[int, Path], tmp_path: Path, name: str, damage: str
) -> None:
    for epoch in (2, 3):
        folder = tmp_path / "attempts" / "001" / "output" / f"x-{epoch:06d}-state"
        shutil.copytree(runs[1] / "attempts" / "001" / "output" / folder.name, folder)
        assert seal_state(folder) is None
    path = folder / name
    data = DAMAGES[damage](path.read_bytes())
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    problem = state_problem(folder)
    assert problem is not None
    assert f"`{name}`" in problem.en
    best, damaged = newest_whole_state(find_epoch_states(tmp_path, "x"))
    assert best is not None
    assert (best.epoch, [one.problem for one in damaged]) == (2, [problem])
