"""The FLUX.1 and SD 3.5 bases of the rig: files of random weights, as narrow as `rig_sitecustomize.py` makes the trainer's own classes.

Run with the trainer's interpreter and SD_SMALL_UNET=1; the classes come from its checkout.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from rig_base import make_tokenizer
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5EncoderModel,
    T5TokenizerFast,
)

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = 2
"""Of FLUX double ones and single ones. SD 3.5 is 64 wide for each. The trainer counts them in the file."""


def make_t5_tokenizer(out: Path) -> None:
    """A T5 tokenizer in the trainer's cache: every character that a caption may hold is a token."""
    letters = [chr(code) for code in range(0x20, 0x7F)] + ["▁"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -5.0) for letter in letters)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0, **special).save_pretrained(
        out / "tokcache" / "google_t5-v1_1-xxl"
    )


def write_flux_base(out: Path, checkout: Path) -> None:
    """Write `flux1-dev`, `clip_l`, `t5xxl` and `ae`, each as one safetensors file, and both tokenizers."""
    _begin(out, checkout)
    from library import flux_models

    spec = flux_models.configs["dev"]
    flux = flux_models.Flux(replace(spec.params, depth=BLOCKS, depth_single_blocks=BLOCKS))
    save_file(flux.state_dict(), out / "flux1-dev.safetensors")
    save_file(flux_models.AutoEncoder(spec.ae_params).state_dict(), out / "ae.safetensors")
    save_file(CLIPTextModel(_clip_config(768, 12)).state_dict(), out / "clip_l.safetensors")
    _write_t5(out)


def write_sd3_base(out: Path, checkout: Path) -> None:
    """Write `sd3.5_large` with its autoencoder at full width, `clip_l`, `clip_g` and `t5xxl`, and the three tokenizers."""
    _begin(out, checkout)
    from library import sd3_models

    make_tokenizer([], out, "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k")
    side = 64  # of the table of places, in patches; the trainer counts everything of the transformer in the file
    params = sd3_models.SD3Params(
        patch_size=2, depth=BLOCKS, num_patches=side * side, pos_embed_max_size=side, adm_in_channels=768 + 1280,
        qk_norm="rms", x_block_self_attn_layers=[], context_embedder_in_features=4096,
        context_embedder_out_features=64 * BLOCKS, model_type="5-large",
    )  # fmt: skip
    parts = {
        "model.diffusion_model": sd3_models.create_sd3_mmdit(params),
        "first_stage_model": sd3_models.SDVAE(),
    }
    state = {f"{prefix}.{name}": value for prefix, part in parts.items() for name, value in part.state_dict().items()}
    state["model.diffusion_model.pos_embed"] = torch.randn(1, side * side, 64 * BLOCKS) * 0.02
    save_file(state, out / "sd3.5_large.safetensors")
    save_file(CLIPTextModelWithProjection(_clip_config(768, 12)).state_dict(), out / "clip_l.safetensors")
    save_file(CLIPTextModelWithProjection(_clip_config(1280, 20)).state_dict(), out / "clip_g.safetensors")
    _write_t5(out)


def _begin(out: Path, checkout: Path) -> None:
    if os.environ.get("SD_SMALL_UNET") != "1":
        raise SystemExit("SD_SMALL_UNET=1 is not set: the base would have 12 billion numbers")
    sys.path.insert(0, str(checkout))
    torch.manual_seed(0)
    make_tokenizer([], out)
    make_t5_tokenizer(out)


def _clip_config(width: int, heads: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408, hidden_size=width, intermediate_size=64, num_hidden_layers=2, num_attention_heads=heads,
        projection_dim=width,
    )  # fmt: skip


def _write_t5(out: Path) -> None:
    from library import flux_utils

    t5 = T5EncoderModel(flux_utils.T5Config())
    # the same numbers as `shared`, which cannot be saved twice
    own = {name: value for name, value in t5.state_dict().items() if not name.startswith("encoder.embed_tokens")}
    save_file(own, out / "t5xxl.safetensors")
