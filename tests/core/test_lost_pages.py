"""Zeros at the end of a network file: lost pages are told, honest zeros are not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.core.lost_pages import FEWEST_NUMBERS, PAGE_BYTES, _last_byte, lost_end_problem
from orchestrator.core.safetensors_header import read_header
from orchestrator.core.tensor_numbers import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REAL = Path(__file__).parents[1] / "logs" / "untouched" / "model" / "lora.safetensors"
MODULES, WIDTH, RANK = 6, 320, 16
CUTS, TOLD = 100, 97
"""The other pages begin where a row does, as honest zeros may."""
KINDS = ("lora_down.weight", "lora_down.0.weight", "lokr_w1", "hada_w1_a", "oft_blocks", "dora_scale")
RELIABILITY = {
    "C05": f"a real network whose last pages are zero, from each of {CUTS} pages on: {TOLD} told, the others begin with a row; seven kinds of honest zeros at 512 positions each: not"
}


def tensors(dtype: type[np.floating] = np.float16) -> dict[str, np.ndarray]:
    """A trained network as the trainer saves it."""
    chance = np.random.default_rng(3)
    made = {}
    for number in range(MODULES):
        name = f"lora_unet_{number}"
        made[f"{name}.alpha"] = np.array(8, dtype)
        made[f"{name}.lora_down.weight"] = chance.uniform(-0.05, 0.05, (RANK, WIDTH)).astype(dtype)
        made[f"{name}.lora_up.weight"] = chance.normal(0, 1e-3, (WIDTH, RANK)).astype(dtype)
    return made


def problem(path: Path) -> str:
    found = lost_end_problem(path, read_header(path))
    return "" if found is None else found.en


def without_end(path: Path, lost_from: int) -> None:
    """Make the file what it reads as where nothing was written from there on."""
    data = path.read_bytes()
    path.write_bytes(data[:lost_from] + bytes(len(data) - lost_from))


def test_lost_pages_at_the_end_are_told_wherever_they_begin(tmp_path: Path) -> None:
    data, path, header = REAL.read_bytes(), tmp_path / "x.safetensors", read_header(REAL)
    first = min(t.start for t in header.tensors.values()) // PAGE_BYTES + 1
    assert problem(REAL) == ""
    told = 0
    for page in np.linspace(first, (len(data) - 1 - 4 * FEWEST_NUMBERS) // PAGE_BYTES, CUTS, dtype=int):
        path.write_bytes(data)
        without_end(path, int(page) * PAGE_BYTES)
        told += lost_end_problem(path, header) is not None
    assert told == TOLD


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_of_any_kind_of_network(tmp_path: Path, kind: str, dtype: type[np.floating]) -> None:
    path = tmp_path / "x.safetensors"
    save_file({f"lora_unet_0.{kind}": np.random.default_rng(1).normal(size=(70, 333)).astype(dtype)}, path)
    assert problem(path) == ""
    without_end(path, 3 * PAGE_BYTES)
    assert (
        problem(path)
        == f"its last {path.stat().st_size - 3 * PAGE_BYTES} bytes are zeros from the beginning of a page on, as after a power cut"
    )


def ups(network: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [values for name, values in network.items() if ".lora_up." in name]


def no_ups(network: dict[str, np.ndarray]) -> None:
    for up in ups(network):
        up[:] = 0


def no_last_up(network: dict[str, np.ndarray]) -> None:
    network[f"lora_unet_{MODULES - 1}.lora_up.weight"] = np.zeros((WIDTH, RANK), np.float16)


def underflow(network: dict[str, np.ndarray]) -> None:
    """Half of the numbers are too small for the type."""
    chance = np.random.default_rng(4)
    for up in ups(network):
        up[chance.random((WIDTH, RANK)) < 0.5] = 0


def few_zeros(network: dict[str, np.ndarray]) -> None:
    network[f"lora_unet_{MODULES - 1}.lora_up.weight"].reshape(-1)[-FEWEST_NUMBERS + 1 :] = 0


def fused(network: dict[str, np.ndarray]) -> None:
    """Query, key and value in one matrix, as converters write them, of which the last was not trained."""
    network["lora_unet_9.lora_up.weight"] = np.vstack([np.ones((2 * WIDTH, RANK)), np.zeros((WIDTH, RANK))]).astype(
        np.float16
    )


def padded_rank(network: dict[str, np.ndarray]) -> None:
    """From weights of a smaller rank: the rows beyond it stay zero in training."""
    network["lora_unet_9.lora_down.weight"] = np.vstack([np.ones((RANK, 2048)), np.zeros((RANK, 2048))]).astype(
        np.float16
    )


def all_zeros(network: dict[str, np.ndarray]) -> None:
    for values in network.values():
        values[...] = 0


@pytest.mark.parametrize(
    "change", [no_ups, no_last_up, underflow, few_zeros, fused, padded_rank, all_zeros], ids=lambda f: f.__name__
)
def test_honest_zeros_are_not_told_wherever_they_lie(
    tmp_path: Path, change: Callable[[dict[str, np.ndarray]], None]
) -> None:
    network = tensors()
    change(network)
    path = tmp_path / "x.safetensors"
    for extra in range(512):  # a header is a multiple of 8 bytes long: every place in a page
        save_file(network, path, {"title": "x" * 8 * extra})
        assert problem(path) == "", extra


def test_zeros_that_begin_in_a_row_but_at_no_page_are_not_told(tmp_path: Path) -> None:
    network = tensors()
    network["lora_unet_9.lora_down.weight"] = np.ones((RANK, 2048), np.float16)
    network["lora_unet_9.lora_down.weight"][-1, 300:] = 0
    path, told = tmp_path / "x.safetensors", 0
    for extra in range(512):
        save_file(network, path, {"title": "x" * 8 * extra})
        told += problem(path) != ""
    assert told <= 3  # of 512 places two or three lie so near the beginning of a page


class Counted(io.BytesIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


@pytest.mark.parametrize("zeros", [0, 5, BLOCK_BYTES, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 5])
@pytest.mark.parametrize("before", [0, 1, 2 * BLOCK_BYTES + 7])
def test_the_end_is_read_once_and_no_further_than_to_the_last_number(zeros: int, before: int) -> None:
    """However many pages of zeros lie before it: a sparse file takes no longer than another."""
    file = Counted(bytes(before) + b"x" + bytes(zeros))
    assert _last_byte(file, before + 1 + zeros) == before
    assert file.read_bytes <= zeros + BLOCK_BYTES
