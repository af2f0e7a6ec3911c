"""The network's size before it is made, against what the trainer's own `create_network` made of the same layers."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.backends.network_size import network_size
from tests.backends.plans import make_plan

if TYPE_CHECKING:
    from orchestrator.plan.network_size import NetworkSize

HEADERS = Path(__file__).with_name("base_headers")
COUNTS: dict[str, dict[str, int]] = json.loads((HEADERS / "counts.json").read_text())


def write_base(path: Path, name: str) -> Path:
    """Write a safetensors file that has the header of a real base model and no numbers."""
    shapes = json.loads(gzip.decompress((HEADERS / f"{name}.json.gz").read_bytes()))
    table = {key: {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]} for key, shape in shapes.items()}
    header = json.dumps(table).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def size_with(tmp_path: Path, header: str, family: str, **values: Any) -> NetworkSize:
    base = write_base(tmp_path / "base.safetensors", header)
    if family == "flux":
        values["clip_l"] = str(write_base(tmp_path / "clip_l.safetensors", "clip_l"))
    if family == "sd3":
        values |= {"clip_l": None, "clip_g": None}
    given = {"pretrained_model_name_or_path": str(base), "network_dim": 16, "network_train_unet_only": False}
    return network_size(make_plan(family, **{**given, **values}))


CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("sd15", "sd15", "sd15", {}),
    ("sd15-conv8", "sd15", "sd15", {"network_args": ["conv_dim=8", "conv_alpha=1"]}),
    ("sd2", "sd2", "sd2", {}),
    ("sd2-conv8", "sd2", "sd2", {"network_args": ["conv_dim=8"]}),
    ("sdxl", "sdxl", "sdxl", {}),
    ("sdxl-conv8", "sdxl", "sdxl", {"network_args": ["conv_dim=8"]}),
    ("flux", "flux", "flux", {}),
    ("flux-single", "flux", "flux", {"network_args": ["train_blocks=single"]}),
    ("sd3", "sd3", "sd3", {}),
    ("sd35_medium", "sd35_medium", "sd3", {}),
]


@pytest.mark.parametrize(("counted", "header", "family", "values"), CASES, ids=[case[0] for case in CASES])
def test_the_trainers_own_numbers_come_out(
    tmp_path: Path, counted: str, header: str, family: str, values: dict[str, Any]
) -> None:
    size = size_with(tmp_path, header, family, **values)
    assert size.is_counted
    assert (len(size.tensors), size.values) == (COUNTS[counted]["tensors"], COUNTS[counted]["values"])


@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux", "sd3"])
def test_without_a_text_encoder_only_the_unet_counts(tmp_path: Path, family: str) -> None:
    size = size_with(tmp_path, family, family, network_train_unet_only=True)
    assert size.values == COUNTS[family]["unet_values"]


def test_the_layers_of_a_diffusers_folder_are_counted_too(tmp_path: Path) -> None:
    write_base(tmp_path / "base" / "unet" / "diffusion_pytorch_model.safetensors", "sd15_unet")
    write_base(tmp_path / "base" / "text_encoder" / "model.safetensors", "clip_l")
    for args, counted in (([], "sd15"), (["conv_dim=8"], "sd15-conv8")):
        plan = make_plan("sd15", pretrained_model_name_or_path=str(tmp_path / "base"), network_args=args)
        size = network_size(plan)
        assert (len(size.tensors), size.values) == (COUNTS[counted]["tensors"], COUNTS[counted]["values"])


@pytest.mark.parametrize("family", ["sd15", "sd2", "sdxl", "flux"])
def test_an_unread_base_is_taken_for_the_usual_one_and_that_is_said(family: str) -> None:
    plan = make_plan(family, pretrained_model_name_or_path="somebody/model", network_train_unet_only=False)
    size = network_size(plan)
    assert size.values == COUNTS[family]["values"]
    assert not size.is_counted
    assert (size.low, size.high) == (0.9, 1.1)
    assert "could not be read" in size.because.en


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ({"network_module": "lycoris.kohya", "network_args": ["algo=loha"]}, 0.0, 5.2),
        ({"network_module": "lycoris.kohya", "network_args": ["algo=full"]}, 0.0, math.inf),
        ({"network_module": "networks.oft"}, 0.0, math.inf),
        ({"network_args": ["block_dims=2,4,32"]}, 0.0, 2.0),
    ],
)
def test_what_cannot_be_counted_is_a_range(tmp_path: Path, values: dict[str, Any], low: float, high: float) -> None:
    size = size_with(tmp_path, "sd15", "sd15", **values)
    assert not size.is_counted
    assert (size.low, size.high) == (low, high)


def test_an_sd3_without_a_header_has_no_size() -> None:
    assert math.isinf(network_size(make_plan("sd3", pretrained_model_name_or_path="somebody/model")).high)


def test_a_part_with_a_rate_of_zero_is_in_the_file_and_not_trained(tmp_path: Path) -> None:
    size = size_with(tmp_path, "sd15", "sd15", text_encoder_lr=[0.0])
    assert size.values == COUNTS["sd15"]["values"]
    assert sum(t.values for t in size.tensors if t.is_trained) == COUNTS["sd15"]["unet_values"]


def test_lora_fa_trains_the_upper_halves_alone(tmp_path: Path) -> None:
    size = size_with(tmp_path, "sd15", "sd15", network_module="networks.lora_fa")
    assert {t.name.rpartition(".lora_")[2] for t in size.tensors if t.is_trained} == {"up.weight"}


@pytest.mark.parametrize("damage", ["absent", "cut", "no dict", "negative"])
def test_a_damaged_base_is_an_unread_one(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "base.safetensors"
    table = b"[1]" if damage == "no dict" else b'{"a":{"dtype":"F16","shape":[-1,1e99],"data_offsets":[0,0]}}'
    if damage != "absent":
        path.write_bytes(len(table).to_bytes(8, "little") + table[: 1 if damage == "cut" else None])
    size = network_size(make_plan("sd15", pretrained_model_name_or_path=str(path)))
    assert not size.is_counted


@pytest.mark.parametrize(
    ("family", "values", "unused"),
    [
        ("sd15", {"clip_skip": 1}, 0),
        ("sd15", {"clip_skip": 2}, 12),
        ("sd15", {"clip_skip": 3}, 24),
        ("sdxl", {}, 12),
        ("sd2", {}, 0),
    ],
)
def test_layers_that_no_gradient_reaches_have_no_state(
    tmp_path: Path, family: str, values: dict[str, Any], unused: int
) -> None:
    size = size_with(tmp_path, family, family, **values)
    still = [t.name for t in size.tensors if t.shape and not t.is_trained]
    assert len(still) == unused
    assert len(size.tensors) == COUNTS[family]["tensors"]
    assert all(name.startswith(("lora_te_", "lora_te1_")) for name in still)
