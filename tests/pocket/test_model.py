"""The shipped base and the low-rank pairs beside its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="the pocket extra is not installed")

import torch
from safetensors.torch import save_file

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.lora import apply_file, load_weights, make_network, parameter_groups
from orchestrator.backends.pocket.trainer.model import SHIPPED_BASE, PocketModel, base_folder, load_model

if TYPE_CHECKING:
    from pathlib import Path

SIX_MB = 6_000_000


@pytest.fixture
def model() -> PocketModel:
    """A freshly loaded shipped base."""
    return load_model("pocket")


def output(model: PocketModel) -> torch.Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        states = model.embed(["glxtrophy, a golden trophy"])
        predicted: torch.Tensor = model.unet(torch.randn(1, 4, 16, 16), torch.tensor([500]), states).sample
    return predicted


def test_the_shipped_base_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED_BASE.rglob("*") if path.is_file()) < SIX_MB


@pytest.mark.parametrize("name", ["model.safetensors", "runwayml/stable-diffusion-v1-5"])
def test_another_family_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a pocket base"):
        base_folder(name)


def test_an_incomplete_base_is_refused(tmp_path: Path) -> None:
    for part in ("vae", "unet", "text_encoder", "tokenizer", "scheduler"):
        (tmp_path / part).mkdir()
    with pytest.raises(ConfigurationError, match=r"lacks vae/diffusion_pytorch_model\.safetensors"):
        base_folder(str(tmp_path))


def test_every_word_can_be_written(model: PocketModel) -> None:
    tokenizer = model.tokenizer
    for text in ("glxtrophy", "初音ミク", "naïve ☃ 123", "a red ball on a table"):
        ids = tokenizer(text).input_ids
        assert tokenizer.eos_token_id not in ids[1:-1], text  # the end token stands for unknown ones
    assert len(tokenizer("a red ball on a table").input_ids) == 8  # whole words and both ends


def test_a_long_caption_is_cut(model: PocketModel) -> None:
    assert model.embed(["glx " * 200]).shape == (1, model.tokenizer.model_max_length, 96)


def test_encoding_and_decoding_keep_a_picture(model: PocketModel) -> None:
    picture = torch.full((1, 3, 64, 64), -0.2)
    picture[:, 0, 16:48, 16:48] = 0.8
    latents = model.encode(picture)
    assert latents.shape == (1, 4, 16, 16)
    back = model.decode(latents * model.vae.config.scaling_factor) * 2 - 1
    assert float((back - picture).abs().mean()) < 0.1


def test_fresh_pairs_change_nothing_and_saved_ones_come_back(model: PocketModel, tmp_path: Path) -> None:
    before = output(model)
    network = make_network(model, 4, 2.0, None, with_unet=True, with_text=True)
    assert torch.equal(output(model), before)
    for name, parameter in network.named_parameters():
        if name.endswith("lora_up.weight"):
            torch.nn.init.normal_(parameter, std=0.05)
    changed = output(model)
    assert not torch.allclose(changed, before)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / "lora.safetensors")
    fresh = load_model("pocket")
    apply_file(fresh, str(tmp_path / "lora.safetensors"))
    assert torch.allclose(output(fresh), changed, atol=1e-6)


def test_weights_of_another_rank_are_refused(model: PocketModel, tmp_path: Path) -> None:
    network = make_network(model, 4, 2.0, None, with_unet=True, with_text=False)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / "lora.safetensors")
    other = make_network(load_model("pocket"), 8, 2.0, None, with_unet=True, with_text=False)
    with pytest.raises(ConfigurationError, match="does not fit this network"):
        load_weights(other, str(tmp_path / "lora.safetensors"))


def test_a_rate_of_zero_is_not_trained(model: PocketModel) -> None:
    network = make_network(model, 2, 1.0, None, with_unet=True, with_text=True)
    groups, names = parameter_groups(network, 0.0, None, 1e-3)
    assert names == ["unet"]
    assert groups[0]["lr"] == 1e-3
    assert not any(parameter.requires_grad for parameter in network.pairs("lora_te_"))
    with pytest.raises(ConfigurationError, match="nothing would be trained"):
        parameter_groups(network, 0.0, 0.0, 1e-3)
