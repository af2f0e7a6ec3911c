"""A final network made from a saved state: bit for bit what torch and safetensors would have written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from orchestrator.core.safetensors_header import read_header
from orchestrator.run.saved.rescue import NOTE_KEY, CannotRescue, rescue_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELIABILITY = {
    "B04 (rescue)": "a network file made from a state, in 3 precisions, equal to the trainer's own to the last bit"
}
RNG = np.random.default_rng(7)
LAYERS = ("lora_te_text_model_encoder_layers_0_mlp_fc1", "lora_unet_mid_block_attentions_0_proj_in")


def tensors(rank: int = 4) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for layer in LAYERS:
        made[f"{layer}.alpha"] = np.float32(rank)
        made[f"{layer}.lora_down.weight"] = RNG.standard_normal((rank, 32)).astype(np.float32)
        made[f"{layer}.lora_up.weight"] = (1e-4 * RNG.standard_normal((64, rank))).astype(np.float32)
    return {name: np.asarray(value) for name, value in made.items()}


def state_of(folder: Path, content: dict[str, Any], prefix: str = "") -> Path:
    state = folder / "tiny-000003-state"
    state.mkdir(parents=True, exist_ok=True)
    save_file({prefix + name: value for name, value in content.items()}, state / "model.safetensors", {"format": "pt"})
    return state


def rescued(tmp_path: Path, state: Path, **changes: Any) -> Path:
    made = rescue_network(state, tmp_path / "tiny.safetensors", step=30, epoch=3, **changes)
    assert made.size_bytes == made.path.stat().st_size
    return made.path


def test_the_numbers_are_those_of_the_state(tmp_path: Path) -> None:
    content = tensors()
    path = rescued(tmp_path, state_of(tmp_path, content))
    found = load_file(path)
    assert found.keys() == content.keys()
    assert all(np.array_equal(found[name], content[name]) for name in content)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny-000003-state", "tiny.safetensors"]


@pytest.mark.parametrize("prefix", ["", "module."])
def test_names_of_several_processes_lose_their_prefix(tmp_path: Path, prefix: str) -> None:
    assert set(load_file(rescued(tmp_path, state_of(tmp_path, tensors(), prefix)))) == set(tensors())


@pytest.mark.parametrize("precision", [None, "float", "fp16", "bf16"])
def test_each_precision_is_rounded_as_torch_rounds(tmp_path: Path, precision: str | None) -> None:
    torch = pytest.importorskip("torch", reason="the pocket extra is not installed")
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    halves = np.array([1.00390625, 1.01171875, -1.00390625, 2**-130, 0.0, 65504.0, 1e-8, 3.3e4], np.float32)
    content = tensors() | {"lora_unet_x.lora_down.weight": np.tile(halves, (4, 1))}
    state = state_of(tmp_path, content)
    path = rescued(tmp_path, state, save_precision=precision)
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision or "", torch.float32)
    own = {name: torch.tensor(value).to(dtype) for name, value in content.items()}
    save_torch(own, tmp_path / "own.safetensors", {})
    theirs, ours = load_torch(tmp_path / "own.safetensors"), load_torch(path)
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert _data(path) == _data(tmp_path / "own.safetensors")


def _data(path: Path) -> bytes:
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_metadata_and_hashes_are_those_of_a_file_of_the_trainer(tmp_path: Path) -> None:
    rank = 2048  # beyond the bytes that the older hash is taken over
    content, said = (
        tensors(rank),
        {"ss_steps": "20", "ss_tag_frequency": '{"10_glx": {"红": 3}}', "modelspec.title": "tiny"},
    )
    save_file(tensors(rank), tmp_path / "tiny-000002.safetensors", said)
    path = rescued(tmp_path, state_of(tmp_path, content), like=tmp_path / "tiny-000002.safetensors")
    found = dict(read_header(path).metadata)
    assert found["ss_steps"] == "30"
    assert found["ss_epoch"] == "3"
    assert found["ss_tag_frequency"] == said["ss_tag_frequency"]
    assert found["modelspec.title"] == "tiny"
    assert found[NOTE_KEY] == "tiny-000003-state, step 30"
    assert found["sshs_model_hash"] == hashlib.sha256(_data(path)).hexdigest()
    only = {key: value for key, value in found.items() if key.startswith("ss_")}
    save_file(content, tmp_path / "own.safetensors", only)
    own = (tmp_path / "own.safetensors").read_bytes()
    assert len(own) > 0x110000
    assert found["sshs_legacy_hash"] == hashlib.sha256(own[0x100000:0x110000]).hexdigest()[:8]


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    target = tmp_path / "tiny.safetensors"
    target.write_bytes(b"mine")
    with pytest.raises(CannotRescue, match="is there already"):
        rescued(tmp_path, state_of(tmp_path, tensors()))
    assert target.read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_network_is_not_rescued(tmp_path: Path, value: float) -> None:
    content = tensors()
    content[f"{LAYERS[1]}.lora_up.weight"][3, 1] = value
    with pytest.raises(CannotRescue, match="holds NaN or infinity"):
        rescued(tmp_path, state_of(tmp_path, content))
    assert [p.name for p in tmp_path.iterdir()] == ["tiny-000003-state"]


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_numbers_that_would_become_infinite_are_refused(tmp_path: Path, precision: str) -> None:
    content = tensors()
    content[f"{LAYERS[1]}.lora_up.weight"][3, 1] = 3.4e38
    with pytest.raises(CannotRescue, match="too large for"):
        rescued(tmp_path, state_of(tmp_path, content), save_precision=precision)


def test_another_network_than_before_is_not_rescued(tmp_path: Path) -> None:
    save_file(tensors(8), tmp_path / "tiny-000002.safetensors", {})
    with pytest.raises(CannotRescue, match="not those of the files before"):
        rescued(tmp_path, state_of(tmp_path, tensors(4)), like=tmp_path / "tiny-000002.safetensors")


@pytest.mark.parametrize("name", ["lora_unet_a.lora_up.0.weight", "unet.conv.weight"])
def test_names_that_no_file_vouches_for_are_not_rescued(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotRescue, match="no earlier file"):
        rescued(tmp_path, state_of(tmp_path, tensors() | {name: np.zeros((2, 2), np.float32)}))


def test_a_torn_state_is_not_rescued(tmp_path: Path) -> None:
    state = state_of(tmp_path, tensors())
    model = state / "model.safetensors"
    whole = model.read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        model.write_bytes(whole[:length])
        with pytest.raises(CannotRescue):
            rescued(tmp_path, state)
    model.unlink()
    with pytest.raises(CannotRescue, match="No such file"):
        rescued(tmp_path, state)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny-000003-state"]


def test_a_disk_that_is_still_full_leaves_nothing(tmp_path: Path, small_disk: Callable[[str], Path]) -> None:
    folder = small_disk("size=64k")
    state = state_of(tmp_path, tensors(400))
    with pytest.raises(CannotRescue, match="No space left") as caught:
        rescue_network(state, folder / "tiny.safetensors", step=30, epoch=3)
    assert "磁盘空间不足" in caught.value.reason.zh
    assert list(folder.iterdir()) == []


def test_without_an_earlier_file_the_callers_words_are_taken(tmp_path: Path) -> None:
    path = rescued(tmp_path, state_of(tmp_path, tensors()), metadata={"ss_network_dim": "4"})
    found = read_header(path).metadata
    assert (found["ss_network_dim"], found["ss_output_name"], found["ss_steps"]) == ("4", "tiny", "30")
