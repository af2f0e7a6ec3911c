r"""Train the small latent-diffusion model that the pocket trainer ships, from pictures this project draws itself.

    python scripts/make_pocket_base.py --out BASE
    python scripts/make_pocket_base.py --out BASE --further --vae-steps 900 --unet-steps 1000 --peak-rate 6e-4 \
        --noisy-share 0.4 --seed 20261122
    python scripts/make_pocket_base.py --out BASE --further --vae-steps 0 --decoder-steps 1500 --unet-steps 0 \
        --pictures 8000 --seed 20261123

About fifty minutes on two CPU cores. The first command learns a byte-level BPE vocabulary from the captions, trains an
autoencoder (64 x 64 pixels <-> 16 x 16 x 4 latents), then U-Net and text encoder together. The second trains both parts
further: the autoencoder with its latents held where they are, the U-Net with more of the noisy timesteps that decide
colours and places. The third sharpens the decoder alone. The result is a directory in the diffusers layout, all weights
in half precision. `orchestrator/backends/pocket/base/README.md` says how the shipped one was made.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from pocket_architecture import (
    MAX_TOKENS,
    SIDE,
    make_tokenizer,
    new_text_encoder,
    new_unet,
    new_vae,
    noise_settings,
)
from pocket_scenes import draw_confetti, draw_scene
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTION_DROPOUT = 0.1
EMA_DECAY = 0.9993
HALF = 5  # pictures of each kind in an autoencoder batch


def say(text: str) -> None:
    """Report progress on stderr, with the time."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def scenes(count: int, seed: int) -> tuple[torch.Tensor, list[str]]:
    """Draw `count` pictures: `(count, 3, 64, 64)` uint8, and their captions."""
    rng = random.Random(seed)
    pictures = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    captions = []
    for index in range(count):
        picture, caption = draw_scene(rng, SIDE)
        pictures[index] = np.asarray(picture)
        captions.append(caption)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), captions


def to_unit(pictures: torch.Tensor) -> torch.Tensor:
    """uint8 pictures as floats in -1..1."""
    return pictures.float() / 127.5 - 1


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Endless shuffled index batches."""
    while True:
        order = torch.randperm(count, generator=generator)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def _rate(step: int, steps: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 100)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def confetti(count: int, seed: int) -> torch.Tensor:
    """`(count, 3, 64, 64)` uint8 pictures of loose shapes in any colour."""
    rng = random.Random(seed)
    pictures = np.stack([np.asarray(draw_confetti(rng, SIDE)) for _ in range(count)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()


def picture_error(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Absolute, squared and edge error of decoded pictures."""
    edge = (torch.diff(x, dim=3) - torch.diff(y, dim=3)).abs().mean()
    edge = edge + (torch.diff(x, dim=2) - torch.diff(y, dim=2)).abs().mean()
    return (x - y).abs().mean() + (x - y).square().mean() + 0.5 * edge


def train_decoder(vae: AutoencoderKL, pictures: torch.Tensor, steps: int, loose: torch.Tensor) -> None:
    """Sharpen the decoder alone: the latents, and so the U-Net, stay as they are."""
    vae.requires_grad_(False)  # noqa: FBT003  torch's own signature
    parameters = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)  # noqa: FBT003  torch's own signature
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0)
    half = torch.Generator().manual_seed(3), torch.Generator().manual_seed(4)
    scene_batches, loose_batches = batches(len(pictures), HALF, half[0]), batches(len(loose), HALF, half[1])
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps, 2e-3)
        x = to_unit(torch.cat([pictures[next(scene_batches)], loose[next(loose_batches)]]))
        with torch.no_grad():
            latents = vae.encode(x).latent_dist.sample()
        y = vae.decode(latents).sample
        loss = picture_error(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            error = (x - y).abs().mean(dim=(1, 2, 3))
            say(f"decoder step {step} scenes {error[:HALF].mean():.4f} loose {error[HALF:].mean():.4f}")


def train_vae(
    vae: AutoencoderKL, pictures: torch.Tensor, steps: int, loose: torch.Tensor, anchor: AutoencoderKL | None
) -> None:
    """Fit the autoencoder: absolute and edge error, with a light pull of the latents towards a unit normal.

    Half of each batch are loose shapes. With an `anchor` the latents of the scenes are held near the ones it gives,
    so that a U-Net trained on those stays of use.
    """
    optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-3, weight_decay=0.0)
    half = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    scene_batches, loose_batches = batches(len(pictures), HALF, half[0]), batches(len(loose), HALF, half[1])
    vae.to(memory_format=torch.channels_last)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps, 2e-3)
        both = torch.cat([pictures[next(scene_batches)], loose[next(loose_batches)]])
        x = to_unit(both).to(memory_format=torch.channels_last)
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample()).sample
        loss = picture_error(x, y) + 1e-4 * posterior.kl().mean() / 1024
        if anchor is not None:
            with torch.no_grad():
                held = anchor.encode(x[:HALF]).latent_dist.mean
            loss = loss + 0.1 * (posterior.mean[:HALF] - held).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            error = (x - y).abs().mean(dim=(1, 2, 3))
            say(
                f"vae step {step} loss {loss.item():.4f} scenes {error[:HALF].mean():.4f} loose {error[HALF:].mean():.4f}"
            )


@torch.no_grad()
def encode_all(vae: AutoencoderKL, pictures: torch.Tensor) -> torch.Tensor:
    """Latent means of all pictures, `(count, 4, 16, 16)`, not yet scaled."""
    chunks = [vae.encode(to_unit(chunk)).latent_dist.mean for chunk in pictures.split(64)]
    return torch.cat(chunks)


def train_unet(
    unet: UNet2DConditionModel, text_encoder: CLIPTextModel, latents: torch.Tensor, ids: torch.Tensor,
    empty: torch.Tensor, *, steps: int, save: Path, every: int, peak: float, noisy_share: float,
) -> None:  # fmt: skip
    """Fit U-Net and text encoder to predict the noise; the saved weights are an exponential average."""
    modules = torch.nn.ModuleDict({"unet": unet, "text": text_encoder})
    average = {name: value.detach().clone() for name, value in modules.state_dict().items()}
    optimizer = torch.optim.AdamW(modules.parameters(), lr=1e-3, weight_decay=1e-3)
    noise_scheduler = DDPMScheduler(**noise_settings())
    source = batches(len(latents), 32, torch.Generator().manual_seed(2))
    unet.to(memory_format=torch.channels_last)
    mean_loss, started = 1.0, time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps, peak)
        pick = next(source)
        tokens = torch.where(torch.rand(len(pick), 1) < CAPTION_DROPOUT, empty, ids[pick])
        x = latents[pick]
        noise, timesteps = torch.randn_like(x), draw_timesteps(len(pick), noisy_share)
        noisy = noise_scheduler.add_noise(x, noise, timesteps)
        loss = functional.mse_loss(unet(noisy, timesteps, text_encoder(tokens)[0]).sample, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimizer.step()
        decay = min(EMA_DECAY, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in modules.state_dict().items():
                if value.is_floating_point():
                    average[name].lerp_(value, 1 - decay)
        mean_loss += 0.01 * (loss.item() - mean_loss)
        if step % 100 == 0:
            say(
                f"unet step {step}/{steps} loss {mean_loss:.4f} {(time.perf_counter() - started) / (step + 1):.3f} s/step"
            )
        if (step + 1) % every == 0 or step == steps - 1:
            save_average(unet, text_encoder, average, save)


def draw_timesteps(count: int, noisy_share: float) -> torch.Tensor:
    """Uniform timesteps; a share of them from the noisy half, where colours and places are decided."""
    noisy = torch.randint(500, 1000, (count,))
    return torch.where(torch.rand(count) < noisy_share, noisy, torch.randint(0, 1000, (count,)))


def save_average(
    unet: UNet2DConditionModel, text_encoder: CLIPTextModel, average: dict[str, torch.Tensor], out: Path
) -> None:
    """Write the averaged U-Net and text encoder in half precision."""
    unet_copy = UNet2DConditionModel.from_config(unet.config)
    unet_copy.load_state_dict({name[5:]: value for name, value in average.items() if name.startswith("unet.")})
    unet_copy.half().save_pretrained(out / "unet")
    text_copy = CLIPTextModel(text_encoder.config)
    text_copy.load_state_dict({name[5:]: value for name, value in average.items() if name.startswith("text.")})
    text_copy.half().save_pretrained(out / "text_encoder")
    say(f"saved to {out}")


def first_stages(args: argparse.Namespace, pictures: torch.Tensor, captions: list[str]) -> AutoencoderKL:
    """Vocabulary, autoencoder and the small files of the folder."""
    out: Path = args.out
    say(f"vocabulary of {len(make_tokenizer(captions, out))} tokens")
    vae = new_vae()
    with torch.no_grad():
        vae.quant_conv.bias[4:] = -6.0  # start with little latent noise, or the first thousand steps fight it
    train_vae(vae, pictures, args.vae_steps, confetti(6000, args.seed), None)
    vae.register_to_config(scaling_factor=round(1 / float(encode_all(vae, pictures[:2000]).std()), 5))
    vae.half().save_pretrained(out / "vae")
    DDIMScheduler(**noise_settings(), set_alpha_to_one=False, steps_offset=1).save_pretrained(out / "scheduler")
    index = {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"],
             "unet": ["diffusers", "UNet2DConditionModel"], "text_encoder": ["transformers", "CLIPTextModel"],
             "tokenizer": ["transformers", "CLIPTokenizer"], "scheduler": ["diffusers", "DDIMScheduler"]}  # fmt: skip
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return vae.float()


def main() -> None:
    """Parse the arguments and run the stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--further", action="store_true", help="train U-Net and text encoder in --out further")
    parser.add_argument("--pictures", type=int, default=20000)
    parser.add_argument("--vae-steps", type=int, default=2000)
    parser.add_argument("--decoder-steps", type=int, default=0, help="with --further: sharpen the decoder alone")
    parser.add_argument("--unet-steps", type=int, default=8000)
    parser.add_argument("--peak-rate", type=float, default=1.5e-3)
    parser.add_argument("--noisy-share", type=float, default=0.0)
    parser.add_argument("--save-every", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261121)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    pictures, captions = scenes(args.pictures, args.seed)
    say(f"{len(pictures)} pictures drawn")
    if args.further:
        vae, anchor = (AutoencoderKL.from_pretrained(args.out / "vae", torch_dtype=torch.float32) for _ in range(2))
        loose = confetti(6000, args.seed)
        if args.vae_steps:
            train_vae(vae, pictures, args.vae_steps, loose, anchor)
        if args.decoder_steps:
            train_decoder(vae, pictures, args.decoder_steps, loose)
        vae.half().save_pretrained(args.out / "vae")
        vae.float()
    else:
        vae = first_stages(args, pictures, captions)
    if not args.unet_steps:
        return
    latents = encode_all(vae, pictures) * vae.config.scaling_factor
    tokenizer = CLIPTokenizer.from_pretrained(args.out / "tokenizer")
    tokenize = {"padding": "max_length", "truncation": True, "max_length": MAX_TOKENS, "return_tensors": "pt"}
    ids, empty = tokenizer(captions, **tokenize).input_ids, tokenizer([""], **tokenize).input_ids
    if args.further:
        unet = UNet2DConditionModel.from_pretrained(args.out / "unet", torch_dtype=torch.float32)
        text_encoder = CLIPTextModel.from_pretrained(args.out / "text_encoder", dtype=torch.float32)
        unet.train()
        text_encoder.train()
    else:
        unet, text_encoder = new_unet(), new_text_encoder(len(tokenizer), tokenizer)
    sizes = [sum(p.numel() for p in module.parameters()) for module in (vae, unet, text_encoder)]
    say(f"parameters: vae {sizes[0]}, unet {sizes[1]}, text encoder {sizes[2]}")
    train_unet(
        unet, text_encoder, latents, ids, empty, steps=args.unet_steps, save=args.out, every=args.save_every,
        peak=args.peak_rate, noisy_share=args.noisy_share,
    )  # fmt: skip


if __name__ == "__main__":
    main()
