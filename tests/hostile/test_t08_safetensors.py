"""Safetensors headers that claim what is not so: named in words before the launch, whatever the option, in little time and memory."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.safetensors_header import TensorFileError, read_header
from orchestrator.prepared import prepare
from tests.hostile.files import FLOAT, tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[..., Path]

REAL = Path(__file__).parents[1] / "logs" / "untouched" / "model" / "lora.safetensors"
B: dict[str, Any] = {**FLOAT, "data_offsets": [8, 16]}
FILES: dict[str, tuple[bytes, str]] = {
    "good": (tensors(), ""),
    "header length 2^63": (tensors(length=1 << 63), "cut off or no safetensors file"),
    "header of 200 MB": (tensors(length=200_000_000), "cut off or no safetensors file"),
    "header past the end": (tensors(length=5000), "cut off or no safetensors file"),
    "short body": (tensors(data=b"\0" * 7), "cut off"),
    "trailing body": (tensors(data=b"\0" * 9), "bytes left over"),
    "overlap": (tensors({"a": FLOAT, "b": {**B, "data_offsets": [4, 12]}}, b"\0" * 12), "overlaps"),
    "hole": (tensors({"a": FLOAT, "b": {**B, "data_offsets": [12, 20]}}, b"\0" * 20), "gap"),
    "negative offset": (tensors({"a": {**FLOAT, "data_offsets": [-8, 0]}}), "no sizes"),
    "shape mismatch": (tensors({"a": {**FLOAT, "shape": [3]}}), "its shape needs 12"),
    "shape overflow": (tensors({"a": {**FLOAT, "shape": [1 << 40, 1 << 40]}}), "impossible shape"),
    "bad JSON": (tensors(b"{nope"), "not JSON"),
    "not a dict": (tensors([1, 2]), "no JSON object"),
    "duplicate key": (tensors(b'{"a": {}, "a": {}}'), "stands twice"),
    "non-string metadata": (tensors({"__metadata__": {"x": 1}, "a": FLOAT}), "no text"),
    "100,000 deep": (tensors(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "nested too deeply"),
    "unknown dtype": (tensors({"a": {**FLOAT, "dtype": "Q4"}}), "which this tool does not know"),
    "bad UTF-8": (tensors(b'{"\xff\xfe": 1}'), "not UTF-8"),
    "zero tensors": (tensors({}, b""), "holds no tensors"),
    "empty": (b"", "empty file"),
    "7 bytes": (b"\x01" * 7, "only 7 bytes"),
}
OPTIONS = {
    "pretrained_model_name_or_path": "sd15", "vae": "sd15", "network_weights": "sd15", "clip_l": "flux", "t5xxl": "flux", "ae": "flux",
    "clip_g": "sd3",
}  # fmt: skip
CUTS, FLIPS = 200, 200
RELIABILITY = {
    "T08": f"{len(FILES)} headers, each verdict fixed, and before a launch as each of {len(OPTIONS)} options",
    "C01": f"{len(FILES)} files against a table of verdicts",
    "C02": f"a good LoRA cut at {CUTS} random places",
    "C03": f"{FLIPS} flipped bits of a header: none is taken for what it was",
    "C08": "5 GB header claimed, 200 MB header, 100,000 levels of JSON",
}


@pytest.mark.parametrize("name", FILES)
def test_the_verdict(tmp_path: Path, name: str) -> None:
    content, reason = FILES[name]
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    if not reason:
        assert list(read_header(path).tensors) == ["a"]
        return
    with pytest.raises(TensorFileError, match=reason) as caught:
        read_header(path)
    assert caught.value.text.zh != caught.value.text.en


@pytest.mark.parametrize("option", OPTIONS)
def test_each_is_refused_before_the_launch(recipe: Write, tmp_path: Path, option: str) -> None:
    model, family = tmp_path / "model.safetensors", OPTIONS[option]
    asked: dict[str, Any] = {"base_model": {"family": family}}
    if option == "network_weights":
        asked["network"] = {option: model.name}
    else:
        asked["base_model"][option] = model.name
    path, told = recipe(**asked), {}
    for name, (content, _) in FILES.items():
        model.write_bytes(content)
        told[name] = [
            p.what.en for p in prepare(path).problems if p.code == "model-file" and p.what.en.startswith(f"`{option}`")
        ]
    assert [name for name, found in told.items() if not found] == ["good"]


def test_a_cut_network_is_always_refused(tmp_path: Path) -> None:
    whole, chance, path = REAL.read_bytes(), random.Random(8), tmp_path / "cut.safetensors"
    for _ in range(CUTS):
        path.write_bytes(whole[: chance.randrange(len(whole))])
        with pytest.raises(TensorFileError):
            read_header(path)


def test_a_flipped_bit_in_the_header_is_refused_or_only_renames(tmp_path: Path) -> None:
    """A flip inside a name or a metadata value leaves a well-formed header; what it describes is then no longer the same."""
    whole, chance, path = REAL.read_bytes(), random.Random(9), tmp_path / "flipped.safetensors"
    good = read_header(REAL)
    end = 8 + struct.unpack("<Q", whole[:8])[0]
    refused = 0
    for _ in range(FLIPS):
        spoilt = bytearray(whole)
        spoilt[chance.randrange(end)] ^= 1 << chance.randrange(8)
        path.write_bytes(spoilt)
        try:
            assert read_header(path) != good
        except TensorFileError:
            refused += 1
    assert refused > FLIPS / 3


@pytest.mark.parametrize("claimed", [5_000_000_000, 200_000_000])
def test_a_huge_header_costs_nothing(tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", claimed))
        file.truncate(claimed + 100)
    assert_cheap(path)


def test_a_deep_header_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    path.write_bytes(FILES["100,000 deep"][0])
    assert_cheap(path)


def assert_cheap(path: Path) -> None:
    tracemalloc.start()
    begin = time.process_time()
    try:
        with pytest.raises(TensorFileError):
            read_header(path)
        assert time.process_time() - begin < 1
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
