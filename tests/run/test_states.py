"""Saved states: damaged ones are told and never picked, old ones go, the newest two stay."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import zipfile
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.run.saved.states import (
    Damaged,
    State,
    find_epoch_states,
    newest_whole_state,
    prune_states,
    states_to_prune,
)
from orchestrator.run.saved.whole_state import STATE_FILES, SUMS, seal_state, state_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "cut": lambda data: data[: len(data) * 2 // 3],
    "bit-flipped": lambda data: bytes((data[0] ^ 0x40, *data[1:])),
}
CASES = [(name, damage) for name in STATE_FILES for damage in DAMAGES]
HISTORIES = 10_000 if os.environ.get("LORA_CHAOS") else 1_000
RELIABILITY = {
    "C04": f"{len(CASES)} damaged states",
    "C05": "a state whose network ends in a page of zeros: not gone on from, sealed or not",
    "B11": f"{HISTORIES:,} histories of saving, crashing and pruning",
}
"""What is tried here, by the number of the acceptance list."""


def write_state(folder: Path, epoch: int = 1, numbers: tuple[float, ...] = (0.5, -0.25, 0.0), name: str = "w") -> Path:
    """A small state with the trainer's five files; the pickles are archives as `torch.save` writes them."""
    folder.mkdir(parents=True)
    (folder / "train_state.json").write_text(json.dumps({"current_epoch": epoch, "current_step": epoch * 9}), "utf-8")
    header = json.dumps(
        {name: {"dtype": "F32", "shape": [len(numbers)], "data_offsets": [0, 4 * len(numbers)]}}
    ).encode()
    data = struct.pack("<Q", len(header)) + header + struct.pack(f"<{len(numbers)}f", *numbers)
    (folder / "model.safetensors").write_bytes(data)
    for pickle in ("optimizer.bin", "scheduler.bin", "random_states_0.pkl"):
        with zipfile.ZipFile(folder / pickle, "w") as archive:
            archive.writestr(f"{pickle}/data.pkl", b"cos\nsystem\n(S'touch opened'\ntR.")  # runs when it is unpickled
            archive.writestr(f"{pickle}/data/0", bytes(range(100)))
    return folder


def state_in(run: Path, attempt: int, epoch: int, name: str = "x") -> Path:
    return write_state(run / "attempts" / f"{attempt:03d}" / "output" / f"{name}-{epoch:06d}-state", epoch)


def spoil(state: Path) -> None:
    path = state / "optimizer.bin"
    path.write_bytes(path.read_bytes()[:40])


def why(folder: Path) -> str:
    problem = state_problem(folder)
    assert problem is not None
    assert problem.zh
    return problem.en


def test_a_whole_state_has_no_problem_and_nothing_was_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert state_problem(write_state(tmp_path / "x-000001-state")) is None
    assert not (tmp_path / "opened").exists()


def test_the_epoch_is_that_of_the_folder_and_a_date_in_the_name_is_none(tmp_path: Path) -> None:
    assert state_problem(write_state(tmp_path / "alice-251129-state", 8)) is None
    (state,) = find_epoch_states(state_in(tmp_path, 1, 3, "alice-251129").parents[3], "alice-251129")
    (state.path / "train_state.json").write_text('{"current_epoch": 4, "current_step": 36}', "utf-8")
    problem = state_problem(state.path, state.epoch)
    assert problem is not None
    assert problem.en == "`train_state.json` says epoch 4, the folder 3"
    assert seal_state(state.path, state.epoch) == problem
    assert newest_whole_state([state]) == (None, (Damaged(state, problem),))


@pytest.mark.parametrize("is_sealed", [False, True])
@pytest.mark.parametrize(("name", "damage"), CASES)
def test_a_damaged_state_is_told_with_the_file(tmp_path: Path, name: str, damage: str, *, is_sealed: bool) -> None:
    folder = write_state(tmp_path / "x-000001-state")
    if is_sealed:
        assert seal_state(folder) is None
    data = DAMAGES[damage]((folder / name).read_bytes())
    (folder / name).unlink()
    if data is not None:
        (folder / name).write_bytes(data)
    assert f"`{name}`" in why(folder)


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_network_that_ends_in_a_page_of_zeros_is_told(tmp_path: Path, *, is_sealed: bool) -> None:
    folder = write_state(tmp_path / "x-000001-state", numbers=(0.5,) * 4096, name="lora_unet_a.lora_up.weight")
    if is_sealed:
        assert seal_state(folder) is None
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    assert state_problem(folder) is None
    path.write_bytes(whole[: 3 * 4096].ljust(len(whole), b"\0"))
    assert why(folder).startswith(f"`model.safetensors`: its last {len(whole) - 3 * 4096} bytes are zeros")


def test_a_bit_flipped_anywhere_in_a_sealed_state_is_found(tmp_path: Path) -> None:
    folder = write_state(tmp_path / "x-000001-state")
    assert seal_state(folder) is None
    chance = random.Random(5)
    for name in (*STATE_FILES, SUMS):
        whole = (folder / name).read_bytes()
        for place in range(len(whole)):
            data = bytearray(whole)
            data[place] ^= 1 << chance.randrange(8)
            (folder / name).write_bytes(data)
            assert state_problem(folder) is not None, (name, place)
        (folder / name).write_bytes(whole)
    assert state_problem(folder) is None


def test_sums_that_are_cut_off_are_told(tmp_path: Path) -> None:
    folder = write_state(tmp_path / "x-000001-state")
    assert seal_state(folder) is None
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / SUMS).write_text("".join(lines[1:]), encoding="utf-8")
    assert why(folder) == "`SHA256SUMS` is cut off or damaged"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_network_that_is_not_finite_is_told(tmp_path: Path, number: float) -> None:
    folder = write_state(tmp_path / "x-000001-state", numbers=(1.0, number))
    assert why(folder) == "`model.safetensors`: 1 of 1 tensors hold NaN or infinity"


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"current_epoch": 1}', '{"current_epoch": 1, "current_step": "9"}',
     '{"current_epoch": 1, "current_step": 0}', "[" * 10_000, "é".encode("latin-1").decode("latin-1") * 40_000],
)  # fmt: skip
def test_counters_that_the_trainer_cannot_load_are_told(tmp_path: Path, text: str) -> None:
    folder = write_state(tmp_path / "x-000001-state")
    (folder / "train_state.json").write_text(text, encoding="utf-8")
    assert "`train_state.json`" in why(folder)


def test_a_torn_scaler_of_fp16_is_told_too(tmp_path: Path) -> None:
    folder = write_state(tmp_path / "x-000001-state")
    (folder / "scaler.pt").write_bytes(b"PK\x03\x04")
    assert why(folder) == "`scaler.pt` is cut off or damaged"


def test_a_torn_state_is_not_sealed(tmp_path: Path) -> None:
    folder = write_state(tmp_path / "x-000001-state")
    spoil(folder)
    assert seal_state(folder) is not None
    assert not (folder / SUMS).exists()


def test_states_of_all_attempts_are_ordered_by_epoch_then_attempt(tmp_path: Path) -> None:
    for attempt, epoch in ((2, 3), (1, 2), (1, 3), (10, 1)):
        state_in(tmp_path, attempt, epoch)
    found = find_epoch_states(tmp_path, "x")
    assert [(state.epoch, state.attempt) for state in found] == [(3, 2), (3, 1), (2, 1), (1, 10)]


def test_what_is_no_epoch_state_of_this_run_is_left_out(tmp_path: Path) -> None:
    output = state_in(tmp_path, 1, 1).parent
    for name in ("x-step00000003-state", "x-state", "xx-000001-state", "y-000002-state", ".doomed-x-000002-state"):
        (output / name).mkdir()
    (output / "x-000003-state").write_text("a file", encoding="utf-8")
    (output / "x-000004-state").symlink_to(output / "x-000001-state")
    (tmp_path / "attempts" / "notes").mkdir()
    assert [state.epoch for state in find_epoch_states(tmp_path, "x")] == [1]
    assert find_epoch_states(tmp_path / "nothing", "x") == ()


def test_a_name_that_looks_like_a_pattern_is_taken_as_it_is(tmp_path: Path) -> None:
    state_in(tmp_path, 1, 1, name="a.b")
    assert len(find_epoch_states(tmp_path, "a.b")) == 1
    assert find_epoch_states(tmp_path, "aXb") == ()


def test_the_newest_whole_state_is_taken_and_damaged_ones_are_told(tmp_path: Path) -> None:
    for epoch in (1, 2, 3, 4):
        state_in(tmp_path, 1, epoch)
    states = find_epoch_states(tmp_path, "x")
    spoil(states[0].path)
    (states[1].path / "random_states_0.pkl").unlink()
    best, damaged = newest_whole_state(states)
    assert best == states[2]
    assert [(one.state.epoch, one.problem.en) for one in damaged] == [
        (4, "`optimizer.bin` is cut off or damaged"), (3, "`random_states_0.pkl` is missing"),
    ]  # fmt: skip
    spoil(states[2].path)
    spoil(states[3].path)
    assert newest_whole_state(states)[0] is None


def test_old_states_go_and_the_newest_two_whole_ones_stay(tmp_path: Path) -> None:
    for attempt, epoch in ((1, 1), (1, 2), (1, 3), (2, 3), (2, 4), (2, 5)):
        state_in(tmp_path, attempt, epoch)
    for attempt, epoch in ((2, 5), (1, 2)):
        spoil(tmp_path / "attempts" / f"{attempt:03d}" / "output" / f"x-{epoch:06d}-state")
    gone = prune_states(find_epoch_states(tmp_path, "x"))
    assert [(state.epoch, state.attempt) for state in gone] == [(3, 1), (1, 1)]
    left = [(state.epoch, state.attempt) for state in find_epoch_states(tmp_path, "x")]
    assert left == [(5, 2), (4, 2), (3, 2), (2, 1)]
    with pytest.raises(ValueError, match="at least 2"):
        prune_states((), keep=1)


def test_half_a_removal_is_no_state_and_is_finished_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for epoch in (1, 2, 3):
        state_in(tmp_path, 1, epoch)

    def killed(path: Path) -> None:
        (path / "optimizer.bin").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            prune_states(find_epoch_states(tmp_path, "x"))
    assert [state.epoch for state in find_epoch_states(tmp_path, "x")] == [3, 2]
    prune_states(find_epoch_states(tmp_path, "x"))
    assert sorted(p.name for p in (tmp_path / "attempts/001/output").iterdir()) == ["x-000002-state", "x-000003-state"]


Happening = tuple[Literal["whole", "torn", "crash", "prune"], int]
HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(("whole", "whole", "torn", "crash", "prune")), st.integers(2, 4)), max_size=30
)


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(HAPPENINGS)
def test_in_every_history_the_newest_states_are_kept(
    tmp_path_factory: pytest.TempPathFactory, history: list[Happening]
) -> None:
    root = tmp_path_factory.getbasetemp()
    there: dict[State, bool] = {}
    attempt, epoch = 1, 0
    for what, keep in history:
        if what == "prune":
            before = dict(there)
            for state in states_to_prune(list(there), there.__getitem__, keep):
                assert there.pop(state), "a damaged one went"
            _check(before, there, keep)
        elif what == "crash":
            whole = [state.epoch for state, is_whole in there.items() if is_whole]
            attempt, epoch = attempt + 1, max(whole, default=0)
        else:
            epoch += 1
            there[State(root / f"{attempt}-{epoch}", attempt, epoch)] = what == "whole"


def _check(before: dict[State, bool], after: dict[State, bool], keep: int) -> None:
    def order(state: State) -> tuple[int, int]:
        return state.epoch, state.attempt

    whole = sorted((state for state, is_whole in before.items() if is_whole), key=order)
    kept = whole[-keep:]
    assert set(kept) <= set(after)
    assert all(order(state) < order(kept[0]) for state in set(before) - set(after))
    assert {state for state, is_whole in after.items() if is_whole} == set(kept)
