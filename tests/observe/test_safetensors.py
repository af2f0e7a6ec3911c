from __future__ import annotations

import json
import math
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from orchestrator.core.safetensors_header import MAX_HEADER_BYTES, TensorFileError, read_header
from orchestrator.core.tensor_numbers import decode
from orchestrator.observe.files import read_checkpoint
from orchestrator.observe.tensors import group_of, is_up, scan

REAL = Path(__file__).parents[1] / "logs" / "untouched" / "model" / "lora.safetensors"
RELAXED = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
FLOAT: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def build(header: Any, data: bytes = b"\0" * 8, *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty file"),
    "seven bytes": (b"\x01" * 7, "only 7 bytes"),
    "length 2^63": (build({"a": FLOAT}, length=1 << 63), "cut off or no safetensors file"),
    "length past the end": (build({"a": FLOAT}, length=5000), "cut off or no safetensors file"),
    "short data": (build({"a": FLOAT}, b"\0" * 7), "cut off"),
    "data left over": (build({"a": FLOAT}, b"\0" * 9), "bytes left over"),
    "overlap": (build({"a": FLOAT, "b": {**FLOAT, "data_offsets": [4, 12]}}, b"\0" * 12), "overlaps"),
    "twice the same place": (build({"a": FLOAT, "b": FLOAT}), "overlaps"),
    "gap": (build({"a": FLOAT, "b": {**FLOAT, "data_offsets": [12, 20]}}, b"\0" * 20), "gap"),
    "gap at the start": (build({"a": {**FLOAT, "data_offsets": [4, 12]}}, b"\0" * 12), "gap"),
    "negative offset": (build({"a": {**FLOAT, "data_offsets": [-8, 0]}}), "no sizes"),
    "offsets the wrong way": (build({"a": {**FLOAT, "data_offsets": [8, 0]}}), "its shape needs 8"),
    "three offsets": (build({"a": {**FLOAT, "data_offsets": [0, 8, 16]}}), "no sizes"),
    "shape and bytes differ": (build({"a": {**FLOAT, "shape": [3]}}), "its shape needs 12"),
    "shape overflows": (build({"a": {**FLOAT, "shape": [1 << 40, 1 << 40]}}), "impossible shape"),
    "shape with a fraction": (build({"a": {**FLOAT, "shape": [2.0]}}), "no sizes"),
    "shape with a truth value": (build({"a": {**FLOAT, "shape": [True]}}), "no sizes"),
    "not JSON": (build(b"{nope"), "not JSON"),
    "a list": (build([1, 2]), "no JSON object"),
    "not UTF-8": (build(b'{"\xff\xfe": 1}'), "not UTF-8"),
    "a name twice": (build(b'{"a": {}, "a": {}}'), "stands twice"),
    "metadata not text": (build({"__metadata__": {"x": 1}, "a": FLOAT}), "no text"),
    "metadata a list": (build({"__metadata__": [], "a": FLOAT}), "no text"),
    "nested deeply": (build(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "nested too deeply"),
    "unknown type": (build({"a": {**FLOAT, "dtype": "Q4"}}), "which this tool does not know"),
    "type a number": (build({"a": {**FLOAT, "dtype": 7}}), "which this tool does not know"),
    "no description": (build({"a": 5}), "no description"),
    "no tensors": (build({}, b""), "holds no tensors"),
    "only metadata": (build({"__metadata__": {"a": "b"}}, b""), "holds no tensors"),
    "NaN in the header": (build(b'{"a": NaN}'), "NaN"),
    "a web page": (b"<!DOCTYPE html><html>" * 20, "no safetensors file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    data, reason = HOSTILE[name]
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(TensorFileError, match=reason):
        read_header(path)
    checkpoint = read_checkpoint(path, deep=True)
    assert not checkpoint.is_readable
    assert reason in checkpoint.problem


def test_a_header_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 200_000_000))
        file.truncate(300_000_000)
    begin = time.process_time()
    with pytest.raises(TensorFileError, match="more than this tool reads"):
        read_header(path)
    assert time.process_time() - begin < 0.1
    assert MAX_HEADER_BYTES < 50_000_000


def test_metadata_may_be_null_as_for_the_library(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(build({"__metadata__": None, "a": FLOAT}))
    assert (read_header(path).metadata, list(read_header(path).tensors)) == ({}, ["a"])


def test_a_header_with_a_thumbnail_is_read_and_a_foreign_type_is_not_called_broken(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(build({"__metadata__": {"modelspec.thumbnail": "x" * 17_000_000}, "a": FLOAT}))
    assert len(read_header(path).metadata["modelspec.thumbnail"]) == 17_000_000
    path.write_bytes(build({"a": {**FLOAT, "dtype": "F8_E8M0"}}))
    with pytest.raises(TensorFileError, match="the file may be sound") as caught:
        read_header(path)
    assert caught.value.may_be_sound


def test_a_real_network_is_sound() -> None:
    found = read_checkpoint(REAL, deep=True)
    assert found.is_readable
    assert found.is_final
    assert (found.step, found.epoch, found.key_count, found.up_count) == (400, 5, 612, 204)
    assert (found.nonfinite_count, found.zero_up_count) == (0, 0)
    assert found.metadata["ss_max_train_steps"] == "400"
    assert 1e-6 < found.norms["unet"] < 1e-5
    assert 1e-6 < found.norms["te"] < 1e-5


def test_without_deep_only_the_header_counts() -> None:
    found = read_checkpoint(REAL, deep=False)
    assert (found.is_readable, found.is_scanned, found.key_count, found.norms) == (True, False, 612, {})


@RELAXED
@given(cut=st.integers(0, REAL.stat().st_size - 1))
def test_a_cut_network_is_always_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(REAL.read_bytes()[:cut])
    assert not read_checkpoint(path, deep=True).is_readable


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_]
)
def test_all_types_are_read_as_the_library_writes_them(tmp_path: Path, dtype: Any) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a.lora_up.weight": np.zeros((3, 2), dtype), "b.lora_up.weight": np.array([[0, 1]], dtype)}, path)
    found = scan(path, read_header(path))
    assert (found.up_count, found.zero_up_count, found.nonfinite_count) == (2, 1, 0)


def test_bfloat16_is_the_upper_half_of_a_float() -> None:
    numbers = np.array([1.0, -2.5, np.inf, np.nan], np.float32)
    halves = (numbers.view(np.uint32) >> 16).astype("<u2").view(np.uint8)
    np.testing.assert_array_equal(decode(halves, "BF16"), numbers)


@pytest.mark.parametrize(
    ("dtype", "byte", "value"),
    [
        ("F8_E4M3", 0x00, 0.0),
        ("F8_E4M3", 0x01, 2.0**-9),
        ("F8_E4M3", 0x38, 1.0),
        ("F8_E4M3", 0xB8, -1.0),
        ("F8_E4M3", 0x7E, 448.0),
        ("F8_E4M3", 0x7F, math.nan),
        ("F8_E5M2", 0x3C, 1.0),
        ("F8_E5M2", 0x7B, 57344.0),
        ("F8_E5M2", 0x7C, math.inf),
        ("F8_E5M2", 0xFC, -math.inf),
        ("F8_E5M2", 0x7F, math.nan),
        ("F8_E5M2", 0x01, 2.0**-16),
    ],
)
def test_eight_bit_floats(dtype: str, byte: int, value: float) -> None:
    assert decode(np.array([byte], np.uint8), dtype)[0] == pytest.approx(value, nan_ok=True)


def lora(rank: int = 3, alpha: float = 1.5, seed: int = 0) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    tensors: dict[str, Any] = {}
    for name, out, into in (("lora_unet_a", 7, 5), ("lora_unet_b", 4, 6), ("lora_te1_c", 5, 5)):
        tensors[f"{name}.lora_up.weight"] = draw.normal(size=(out, rank)).astype(np.float32)
        tensors[f"{name}.lora_down.weight"] = draw.normal(size=(rank, into)).astype(np.float32)
        tensors[f"{name}.alpha"] = np.array(alpha, np.float32)
    tensors["lora_unet_conv.lora_up.weight"] = draw.normal(size=(4, rank, 1, 1)).astype(np.float32)
    tensors["lora_unet_conv.lora_down.weight"] = draw.normal(size=(rank, 2, 3, 3)).astype(np.float32)
    tensors["lora_unet_conv.alpha"] = np.array(alpha, np.float32)
    return tensors


def test_the_norm_is_that_of_the_whole_product(tmp_path: Path) -> None:
    tensors = lora()
    path = tmp_path / "x.safetensors"
    save_file(tensors, path)
    products: dict[str, list[Any]] = {"unet": [], "te": []}
    for name in ("lora_unet_a", "lora_unet_b", "lora_te1_c", "lora_unet_conv"):
        up, down = tensors[f"{name}.lora_up.weight"], tensors[f"{name}.lora_down.weight"]
        product = 0.5 * up.reshape(len(up), -1) @ down.reshape(len(down), -1)
        products["te" if "_te" in name else "unet"].append(product.ravel())
    wanted = {
        group: float(np.sqrt(np.mean(np.concatenate(parts).astype(float) ** 2))) for group, parts in products.items()
    }
    assert scan(path, read_header(path)).norms == pytest.approx(wanted, rel=1e-5)


def test_one_nan_is_found_and_its_group_has_no_norm(tmp_path: Path) -> None:
    tensors = lora()
    tensors["lora_unet_a.lora_up.weight"][6, 2] = np.nan
    path = tmp_path / "x.safetensors"
    save_file(tensors, path)
    found = read_checkpoint(path, deep=True)
    assert found.nonfinite_count == 1
    assert set(found.norms) == {"te"}


def test_modules_that_never_moved_are_counted(tmp_path: Path) -> None:
    tensors = lora()
    for name in ("lora_unet_a", "lora_te1_c"):
        tensors[f"{name}.lora_up.weight"][:] = 0
    path = tmp_path / "x.safetensors"
    save_file(tensors, path)
    found = read_checkpoint(path, deep=True)
    assert (found.up_count, found.zero_up_count) == (4, 2)
    assert found.norms["te"] == 0.0


@pytest.mark.parametrize(
    "name",
    [
        "lora_unet_x.lora_up.weight",
        "transformer.x.lora_B.weight",
        "base_model.model.x.lora_B.default.weight",
        "unet.x.to_q.lora.up.weight",
        "lora_unet_x.hada_w2_a",
        "lora_unet_x.lokr_w2",
    ],
)
def test_what_starts_at_zero_is_known_in_every_spelling(name: str) -> None:
    assert is_up(name)
    assert not is_up(
        name.replace("up", "down").replace("lora_B", "lora_A").replace("w2_a", "w1_a").replace("lokr_w2", "lokr_w1")
    )


def test_text_encoders_are_told_from_the_rest() -> None:
    te = ["lora_te_text_model.x", "lora_te1_x", "lora_te3_x", "text_encoder.x", "text_encoder_2.x"]
    unet = ["lora_unet_x", "unet.x", "transformer.x", "diffusion_model.x"]
    assert {group_of(n) for n in te} == {"te"}
    assert {group_of(n) for n in unet} == {"unet"}
