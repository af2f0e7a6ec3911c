"""Pages of zeros in a network file: lost ones are told, honest ones are not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.core.lost_pages import FEWEST_NUMBERS, PAGE_BYTES, lost_pages_problem
from orchestrator.core.safetensors_header import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REAL = Path(__file__).parents[1] / "logs" / "untouched" / "model" / "lora.safetensors"
MODULES, WIDTH, RANK = 6, 320, 16
CUTS = 100
RELIABILITY = {
    "C05": f"a real network whose pages are zero from one of {CUTS} pages on, and one with a hole of each of {CUTS}: told; seven kinds of honest zeros: not"
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
    found = lost_pages_problem(path, read_header(path))
    return "" if found is None else found.en


def saved(path: Path, network: Mapping[str, np.ndarray]) -> Path:
    save_file(dict(network), path)
    return path


def zeroed(data: bytes, start: int, end: int | None = None) -> bytes:
    """Return the file as it reads where what lies between was never written."""
    end = len(data) if end is None else min(end, len(data))
    return data[:start] + bytes(end - start) + data[end:]


def test_a_tail_of_lost_pages_is_told_wherever_it_begins(tmp_path: Path) -> None:
    data, path, header = REAL.read_bytes(), tmp_path / "x.safetensors", read_header(REAL)
    first = min(t.start for t in header.tensors.values()) // PAGE_BYTES + 1
    assert problem(REAL) == ""
    for start in np.linspace(first, (len(data) - 1) // PAGE_BYTES, CUTS, dtype=int):
        path.write_bytes(zeroed(data, int(start) * PAGE_BYTES))
        assert lost_pages_problem(path, header) is not None, start


def test_a_hole_of_one_lost_page_is_told(tmp_path: Path) -> None:
    data, path, header = REAL.read_bytes(), tmp_path / "x.safetensors", read_header(REAL)
    first = min(t.start for t in header.tensors.values()) // PAGE_BYTES + 1
    for page in np.linspace(first, len(data) // PAGE_BYTES - 1, CUTS, dtype=int):
        path.write_bytes(zeroed(data, int(page) * PAGE_BYTES, (int(page) + 1) * PAGE_BYTES))
        assert lost_pages_problem(path, header) is not None, page


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_last_pages_of_an_untrained_network_are_told_too(tmp_path: Path, dtype: type[np.floating]) -> None:
    network = tensors(dtype)
    no_ups(network)
    path = saved(tmp_path / "x.safetensors", network)
    assert problem(path) == ""
    last = max((t for n, t in read_header(path).tensors.items() if ".lora_down." in n), key=lambda t: t.start)
    lost_from = (last.end - 2 * FEWEST_NUMBERS * np.dtype(dtype).itemsize) // PAGE_BYTES * PAGE_BYTES
    path.write_bytes(zeroed(path.read_bytes(), lost_from))
    assert problem(path).startswith("1 of its tensors hold whole pages of zeros")


def test_a_file_of_which_only_the_header_was_written_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.safetensors", tensors())
    start = min(t.start for t in read_header(path).tensors.values())
    path.write_bytes(zeroed(path.read_bytes(), start))
    assert problem(path).startswith(f"{MODULES} of its tensors")  # each `lora_down`; a `lora_up` may be untrained


def ups(network: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [values for name, values in network.items() if ".lora_up." in name]


def no_ups(network: dict[str, np.ndarray]) -> None:
    for up in ups(network):
        up[:] = 0


def no_last_up(network: dict[str, np.ndarray]) -> None:
    network[f"lora_unet_{MODULES - 1}.lora_up.weight"] = np.zeros((WIDTH, RANK), np.float16)


def underflow(network: dict[str, np.ndarray]) -> None:
    """Nearly all numbers are too small for the type."""
    chance = np.random.default_rng(4)
    for up in ups(network):
        up[chance.random((WIDTH, RANK)) < 0.9995] = 0


def half_underflow(network: dict[str, np.ndarray]) -> None:
    chance = np.random.default_rng(4)
    for up in ups(network):
        up[chance.random((WIDTH, RANK)) < 0.5] = 0


def zeros_without_a_page(network: dict[str, np.ndarray]) -> None:
    network[f"lora_unet_{MODULES - 1}.lora_up.weight"][-FEWEST_NUMBERS // RANK + 1 :, :] = 0


def fused(network: dict[str, np.ndarray]) -> None:
    """Query, key and value in one matrix, as converters write them, of which one was not trained."""
    for untrained in range(3):
        blocks = [np.full((WIDTH, RANK), number != untrained, np.float16) for number in range(3)]
        network[f"lora_unet_7_{untrained}.lora_up.weight"] = np.vstack(blocks)


def another_kind(network: dict[str, np.ndarray]) -> None:
    network["lora_unet_9.oft_blocks"] = np.zeros((64, 64), np.float16)
    network["lora_unet_9.diff"] = np.vstack([np.ones((64, 64)), np.zeros((128, 64))]).astype(np.float16)


@pytest.mark.parametrize(
    "change",
    [no_ups, no_last_up, underflow, half_underflow, zeros_without_a_page, fused, another_kind],
    ids=lambda f: f.__name__,
)
def test_honest_zeros_are_not_told(tmp_path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    network = tensors()
    change(network)
    assert problem(saved(tmp_path / "x.safetensors", network)) == ""
