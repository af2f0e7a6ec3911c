"""Model files are looked into before anything is started: there, whole, and of the family that the recipe names."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.backends.model_family import family_of_tensors, read_tensor_table
from orchestrator.backends.model_files import missing_files, not_looked_at
from orchestrator.backends.sd_scripts.compile import compile as compile_plan
from tests.backends.plans import LINE, TRAINER, make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.finding import Problem

UNET = "model.diffusion_model.input_blocks"
KEY = "1.transformer_blocks.0.attn2.to_k.weight"
BASES: dict[str, dict[str, list[int]]] = {
    "sd15": {f"{UNET}.1.{KEY}": [320, 768]},
    "sd2": {f"{UNET}.1.{KEY}": [320, 1024]},
    "sdxl": {f"{UNET}.4.{KEY}": [640, 2048], "conditioner.embedders.1.model.ln_final.bias": [1280]},
    "sd3": {"model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight": [4608, 1536]},
    "flux": {"double_blocks.0.img_attn.qkv.weight": [9216, 3072]},
}


def _write(path: Path, shapes: dict[str, list[int]]) -> Path:
    table, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        table[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(table).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)  # a hole: none of it is read
    return path


def _problems(family: str, path: Path | str) -> dict[str, Problem]:
    plan = make_plan(family, pretrained_model_name_or_path=str(path))
    (place,) = [plan.train["pretrained_model_name_or_path"].where]
    return {p.code: p for p in missing_files(plan) if p.where == place and str(path).rpartition("/")[2] in p.what.en}


@pytest.mark.parametrize("family", BASES)
@pytest.mark.parametrize("looks", BASES)
def test_a_base_of_another_family_is_refused(tmp_path: Path, family: str, looks: str) -> None:
    found = _problems(family, _write(tmp_path / "base.safetensors", BASES[looks]))
    if family == looks:
        assert found == {}
        return
    problem = found["model-of-another-family"]
    assert problem.where is not None
    assert problem.where.line == LINE
    assert problem.fix is not None
    assert f"family: {looks}" in problem.fix.en


def test_flux_with_the_prefix_of_a_whole_checkpoint_is_known(tmp_path: Path) -> None:
    path = _write(tmp_path / "all.safetensors", {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": [1, 1]})
    assert _problems("flux", path) == {}
    assert "model-of-another-family" in _problems("sdxl", path)


def test_a_lora_is_no_base(tmp_path: Path) -> None:
    path = _write(tmp_path / "alice.safetensors", {"lora_unet_down_blocks_0.lora_down.weight": [8, 320]})
    assert "looks like LoRA" in _problems("sd15", path)["model-of-another-family"].what.en


@pytest.mark.parametrize("family", BASES)
def test_a_model_that_shows_nothing_is_not_judged(tmp_path: Path, family: str) -> None:
    assert _problems(family, _write(tmp_path / "base.safetensors", {"a.weight": [1]})) == {}


@pytest.mark.parametrize(
    ("part", "config", "looks"),
    [
        ("unet", {"cross_attention_dim": 768}, "sd15"),
        ("unet", {"cross_attention_dim": 1024}, "sd2"),
        ("unet", {"cross_attention_dim": 2048}, "sdxl"),
        ("transformer", {"_class_name": "FluxTransformer2DModel"}, "flux"),
        ("unet", {"cross_attention_dim": 1280}, None),
        ("unet", {}, None),
    ],
)
def test_folders_tell_by_their_configuration(
    tmp_path: Path, part: str, config: dict[str, Any], looks: str | None
) -> None:
    (tmp_path / part).mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / part / "config.json").write_text(json.dumps(config))
    for family in ("sd15", "sd2", "sdxl", "flux"):
        assert bool(_problems(family, tmp_path)) == (looks not in (None, family))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8 + b"{}",
        (3).to_bytes(8, "little") + b"{}}",
        (2).to_bytes(8, "little") + b"[]",
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
        (2).to_bytes(8, "little") + b"\xff\xfe",
    ],
)
def test_damaged_headers_give_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "base.safetensors"
    path.write_bytes(content)
    assert read_tensor_table(path) is None


@pytest.mark.parametrize("description", [None, 5, {}, {"shape": []}, {"shape": "768"}, {"shape": [320, "768"]}])
def test_strange_descriptions_are_not_judged(description: Any) -> None:
    assert family_of_tensors({f"{UNET}.1.{KEY}": description}) is None


@pytest.mark.parametrize("table", [{}, {"__metadata__": {}}])
def test_a_file_without_tensors_is_not_judged(table: dict[str, Any]) -> None:
    assert family_of_tensors(table) is None


def test_a_type_that_is_not_known_here_is_not_called_broken(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F8_E8M0", "shape": [1], "data_offsets": [0, 1]}}).encode()
    path = tmp_path / "base.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    what = _problems("sdxl", path)["model-file"].what
    assert "it cannot be checked: tensor 'a' has the type 'F8_E8M0', which this tool does not know" in what.en


def test_a_name_at_hugging_face_is_told_as_not_looked_at(tmp_path: Path) -> None:
    (told,) = not_looked_at(make_plan("sdxl", pretrained_model_name_or_path="stabilityai/sdxl-base-1.0"))
    assert "stabilityai/sdxl-base-1.0" in told.en
    assert "not looked at" in told.en
    path = _write(tmp_path / "base.safetensors", BASES["sdxl"])
    assert not_looked_at(make_plan("sdxl", pretrained_model_name_or_path=str(path))) == ()


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"vae": "foo/bar.bin"}, {"pickle-model-file"}),
        ({"vae": "/nowhere/bar.safetensors"}, {"model-file"}),
        ({"base_weights": "/nowhere/x.safetensors"}, {"wrong-option-value"}),
        ({"base_weights": ["/nowhere/x.safetensors"]}, {"model-file"}),
        ({"vae": ["/nowhere/x.safetensors"]}, {"wrong-option-value"}),
    ],
)
def test_one_fault_is_told_once(tmp_path: Path, changes: dict[str, Any], codes: set[str]) -> None:
    base = _write(tmp_path / "base.safetensors", BASES["sd15"])
    plan = make_plan("sd15", None, None, pretrained_model_name_or_path=str(base), **changes)
    told = [p.code for p in (*compile_plan(plan, TRAINER).problems, *missing_files(plan))]
    assert (len(told), set(told)) == (1, codes)
