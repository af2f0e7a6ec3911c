from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.observe import files
from orchestrator.observe.files import (
    _spread_order,
    place_samples,
    read_checkpoint,
    read_checkpoints,
    read_name,
    read_sample,
)

if TYPE_CHECKING:
    from pathlib import Path


def network(path: Path, **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {"lora_unet_a.lora_up.weight": np.ones((2, 1), np.float32)}, path, {f"ss_{k}": v for k, v in metadata.items()}
    )
    return path


@pytest.mark.parametrize(
    ("stem", "series", "step", "epoch", "is_final"),
    [
        ("初音 ミク", "初音 ミク", None, None, True),
        ("chara-000001", "chara", None, 1, False),
        ("chara-step00000100", "chara", 100, None, False),
        ("chara-v2-000012", "chara-v2", None, 12, False),
        ("at-step00000005", "at", 5, None, False),
        ("epoch-000003", "epoch", None, 3, False),
        ("last", "last", None, None, True),
        ("chara-12", "chara-12", None, None, True),
        ("chara-step12", "chara-step12", None, None, True),
    ],
)
def test_names_say_step_and_epoch(stem: str, series: str, step: int | None, epoch: int | None, is_final: bool) -> None:
    name = read_name(stem)
    assert (name.series, name.step, name.epoch, name.is_final) == (series, step, epoch, is_final)


def test_an_output_name_that_ends_like_an_epoch_is_final_all_the_same(tmp_path: Path) -> None:
    path = network(tmp_path / "doll-000007.safetensors", output_name="doll-000007", steps="90", epoch="3")
    found = read_checkpoint(path, deep=True)
    assert (found.is_final, found.step, found.epoch) == (True, 90, 3)


def test_the_metadata_fills_what_the_name_leaves_open(tmp_path: Path) -> None:
    epoch = read_checkpoint(network(tmp_path / "a-000002.safetensors", steps="18", epoch="2"), deep=False)
    step = read_checkpoint(network(tmp_path / "a-step00000005.safetensors", steps="5", epoch="0"), deep=False)
    bare = read_checkpoint(network(tmp_path / "a.safetensors"), deep=False)
    odd = read_checkpoint(network(tmp_path / "b.safetensors", steps="many", epoch="None"), deep=False)
    assert (epoch.step, epoch.epoch) == (18, 2)
    # The trainer counts the epoch of a step file from 0: it is not used.
    assert (step.step, step.epoch) == (5, None)
    assert (bare.step, bare.epoch, bare.is_final) == (None, None, True)
    assert (odd.step, odd.epoch) == (None, None)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_pickles_are_never_opened(tmp_path: Path, suffix: str) -> None:
    canary = tmp_path / "canary"
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR.")
    found = read_checkpoint(path, deep=True)
    assert not found.is_readable
    assert found.problem.startswith("not opened")
    assert found.size_bytes > 0
    assert not canary.exists()


def test_a_file_that_vanished_is_no_error(tmp_path: Path) -> None:
    found = read_checkpoint(tmp_path / "none.safetensors", deep=True)
    assert (found.is_readable, found.problem) == (False, "cannot be read (No such file or directory)")


def test_checkpoints_come_in_order_of_training(tmp_path: Path) -> None:
    paths = [
        network(tmp_path / "a.safetensors", steps="30", epoch="3"),
        network(tmp_path / "a-000002.safetensors", steps="20", epoch="2"),
        network(tmp_path / "a-000001.safetensors", steps="10", epoch="1"),
        network(tmp_path / "a-step00000015.safetensors", steps="15", epoch="1"),
    ]
    found = read_checkpoints(paths, {p: f"out/{p.name}" for p in paths})
    assert [c.step for c in found] == [10, 15, 20, 30]
    assert [c.is_final for c in found] == [False, False, False, True]
    assert found[0].path == "out/a-000001.safetensors"
    assert all(c.is_scanned for c in found)


def test_files_over_the_whole_run_are_scanned_when_there_are_too_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [network(tmp_path / f"a-{n:06d}.safetensors", steps=f"{n}", epoch=f"{n}") for n in range(1, 6)]
    monkeypatch.setattr(files, "SCAN_BUDGET_BYTES", 2 * paths[0].stat().st_size)
    assert [c.is_scanned for c in read_checkpoints(paths, {})] == [True, False, False, False, True]
    monkeypatch.setattr(files, "SCAN_BUDGET_BYTES", 3 * paths[0].stat().st_size)
    assert [c.is_scanned for c in read_checkpoints(paths, {})] == [True, False, True, False, True]
    monkeypatch.setattr(files, "SCAN_BUDGET_BYTES", 1)
    assert [c.is_scanned for c in read_checkpoints(paths, {})] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("glyph_e000000_00_20261121022245_1.png", (0, 0, 0, 1)),
        ("glyph_e000004_01_20261121022250_2.png", (None, 4, 1, 2)),
        ("my_name_000100_02_20261121022250.png", (100, None, 2, None)),
        ("000100_00_20261121022250_42.png", (100, None, 0, 42)),
        ("初音 ミク_e000001_00_20261121022250_7.webp", (None, 1, 0, 7)),
    ],
)
def test_sample_names(tmp_path: Path, name: str, wanted: tuple[int | None, ...]) -> None:
    sample = read_sample(tmp_path / name, f"sample/{name}")
    assert sample is not None
    assert (sample.step, sample.epoch, sample.prompt_index, sample.seed) == wanted
    assert sample.path == f"sample/{name}"


@pytest.mark.parametrize(
    "name", ["picture.png", "x_e01_00_20261121022250.png", "grid.jpg", "x_000100_00_2026.png", "a.txt"]
)
def test_other_pictures_are_no_samples(tmp_path: Path, name: str) -> None:
    assert read_sample(tmp_path / name, name) is None


def test_samples_by_epoch_get_their_step_and_prompt(tmp_path: Path) -> None:
    names = [
        "x_e000002_01_20261121022250.png",
        "x_e000002_00_20261121022250.png",
        "x_e000000_00_20261121022245.png",
        "x_000005_00_20261121022245.png",
    ]
    samples = [s for name in names if (s := read_sample(tmp_path / name, name)) is not None]
    placed = place_samples(samples, 10, 15, ("a cat",))
    assert [(s.step, s.prompt_index, s.prompt) for s in placed] == [
        (0, 0, "a cat"),
        (5, 0, "a cat"),
        (15, 0, "a cat"),
        (15, 1, ""),
    ]
    assert [s.step for s in place_samples(samples, None, None, ())] == [0, 5, None, None]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 100])
def test_files_are_read_last_first_then_the_middle_of_the_widest_gap(count: int) -> None:
    order = _spread_order(count)
    assert sorted(order) == list(range(count))
    assert order[:3] == [count - 1, 0, (count - 1) // 2][: min(count, 3)]
    for known in range(3, count):
        seen = sorted(order[:known])
        widest = max(b - a for a, b in pairwise(seen))
        low = max(n for n in seen if n < order[known])
        assert min(n for n in seen if n > order[known]) - low == widest


def test_the_order_of_very_many_files_is_found_at_once() -> None:
    before = time.process_time()
    assert len(_spread_order(40_000)) == 40_000
    assert time.process_time() - before < 2.0
