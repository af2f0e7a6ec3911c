"""The frozen base: load a pocket base folder, encode pictures and captions, decode latents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.utils import logging as diffusers_logging
from transformers.models.clip.modeling_clip import CLIPTextModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.utils import logging as transformers_logging

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

SHIPPED_BASE = Path(__file__).resolve().parents[1] / "base"
PARTS = ("vae", "unet", "text_encoder", "tokenizer", "scheduler")
WEIGHTS = {"vae": "diffusion_pytorch_model", "unet": "diffusion_pytorch_model", "text_encoder": "model"}


def base_folder(name: str) -> Path:
    """The folder of a base: the word `pocket` is the shipped one.

    Raises:
        ConfigurationError: not a complete pocket base.
    """
    folder = SHIPPED_BASE if name == "pocket" else Path(name)
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    missing += [
        f"{part}/{stem}.safetensors"
        for part, stem in WEIGHTS.items()
        if part not in missing and not (folder / part / f"{stem}.safetensors").is_file()
    ]
    if missing:
        raise ConfigurationError(
            f"`pretrained_model_name_or_path` {name!r} is not a pocket base: {folder} lacks {', '.join(missing)}. "
            "Write `pocket` for the shipped base; checkpoints of other families are trained with sd-scripts."
        )
    return folder


@dataclass
class PocketModel:
    """All parts of a base, in float32 on the CPU, without gradients."""

    folder: Path
    vae: AutoencoderKL
    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    noise_scheduler: DDPMScheduler
    scheduler_config: dict[str, Any]

    @property
    def pixels_per_latent(self) -> int:
        """How many pixels one latent stands for, along a side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """`encode` with the base's own autoencoder."""
        return encode(self.vae, images)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents to pictures (batch, 3, height, width) in 0..1."""
        pixels: torch.Tensor = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return (pixels / 2 + 0.5).clamp(0, 1)

    def embed(self, captions: Sequence[str]) -> torch.Tensor:
        """Captions to text states (batch, tokens, width); what is longer than the model's limit is cut."""
        ids = self.tokenizer(
            list(captions), padding="max_length", truncation=True, max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        ).input_ids  # fmt: skip
        states: torch.Tensor = self.text_encoder(ids)[0]
        return states


@torch.no_grad()
def encode(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """Pictures (batch, 3, height, width) in -1..1 to a sample of their latents (batch, 4, height/4, width/4), not scaled."""
    latents: torch.Tensor = vae.encode(images).latent_dist.sample()
    return latents


def load_model(name: str) -> PocketModel:
    """Load a base by folder or by the word `pocket`.

    Raises:
        ConfigurationError: not a complete pocket base.
    """
    folder = base_folder(name)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # long captions are cut silently, as in sd-scripts
    scheduler_config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    model = PocketModel(
        folder=folder,
        vae=AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        noise_scheduler=DDPMScheduler.from_config(scheduler_config),
        scheduler_config={k: v for k, v in scheduler_config.items() if not k.startswith("_")},
    )
    for part in (model.vae, model.unet, model.text_encoder):
        part.requires_grad_(False)  # noqa: FBT003  torch's own signature
        part.eval()
    return model
