"""What a run really did, measured apart from the trainer: `PYTHON truth.py JOB.json`, with the trainer's interpreter.

The base is loaded with diffusers, a LoRA file is multiplied into its weights, and the loss is taken on the training
pictures and on fresh pictures of the same kind, at fixed timesteps with fixed noise. Nothing of the trainer, of the
recorder or of `orchestrator` takes part. The job names `base`, `train` and `fresh` (folders of pictures with captions),
`files` (LoRA files in order) and `out`; the answer is written there.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

TIMESTEPS = (100, 300, 500, 700, 900)
NOISE_SEED = 4711


@dataclass(slots=True)
class Base:
    """The parts of a base in float32."""

    vae: Any
    unet: Any
    text: Any
    tokenizer: Any
    noise: Any


def load_base(folder: Path) -> Base:
    """Read a diffusers folder."""
    return Base(
        AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32).eval(),
        UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32).eval(),
        CLIPTextModel.from_pretrained(folder / "text_encoder").float().eval(),
        CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        DDPMScheduler.from_pretrained(folder / "scheduler"),
    )


@dataclass(slots=True)
class Pictures:
    """Scaled latents `(n, 4, h, w)` and token ids `(n, tokens)` of a folder."""

    latents: torch.Tensor
    ids: torch.Tensor


def read_pictures(base: Base, folder: Path) -> Pictures:
    """Encode every PNG of a folder with the caption beside it; latents are the posterior's mean."""
    files = sorted(folder.glob("*.png"))
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    captions = [file.with_suffix(".txt").read_text(encoding="utf-8").strip() for file in files]
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    ids = base.tokenizer(
        captions, padding="max_length", truncation=True, max_length=base.tokenizer.model_max_length, return_tensors="pt"
    ).input_ids
    return Pictures(base.vae.encode(x).latent_dist.mean * base.vae.config.scaling_factor, ids)


def losses(base: Base, pictures: Pictures) -> list[list[float]]:
    """Mean squared error per picture and timestep, `(n, T)`."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    states = base.text(pictures.ids)[0]
    columns = []
    for timestep in TIMESTEPS:
        noise = torch.randn(pictures.latents.shape, generator=generator)
        steps = torch.full((len(noise),), timestep)
        noisy = base.noise.add_noise(pictures.latents, noise, steps)
        error = (base.unet(noisy, steps, states).sample - noise).square().mean(dim=(1, 2, 3))
        columns.append(error.tolist())
    return [list(row) for row in zip(*columns, strict=True)]


def put_in(base: Base, file: Path) -> None:
    """Add a LoRA file to the weights."""
    tensors = load_file(file)
    names = {key.removesuffix(".alpha") for key in tensors if key.endswith(".alpha")}
    for prefix, model in (("lora_unet_", base.unet), ("lora_te_", base.text)):
        for path, module in model.named_modules():
            flat = path.replace(".", "_")
            found = {prefix + flat, f"{prefix}text_model_{flat}"} & names if flat else set()
            for name in found:
                up, down = tensors[f"{name}.lora_up.weight"].float(), tensors[f"{name}.lora_down.weight"].float()
                scale = float(tensors[f"{name}.alpha"]) / down.shape[0]
                module.weight += scale * (up.flatten(1) @ down.flatten(1)).reshape(module.weight.shape)
                names.discard(name)
    if names:
        raise ValueError(f"{file.name}: no layer for {len(names)} modules, e.g. {min(names)}")


def singular(file: Path) -> dict[str, list[float]]:
    """Per module: Frobenius norm of the update and its effective rank (exponential of the entropy of sigma^2)."""
    tensors = load_file(file)
    result = {}
    for name in sorted(key.removesuffix(".alpha") for key in tensors if key.endswith(".alpha")):
        up, down = (tensors[f"{name}.lora_{side}.weight"].float().flatten(1) for side in ("up", "down"))
        scale = float(tensors[f"{name}.alpha"]) / down.shape[0]
        if not (up.isfinite().all() and down.isfinite().all()):
            result[name] = [float("nan"), float("nan")]
            continue
        small = torch.linalg.qr(up.double())[1] @ torch.linalg.qr(down.double().T)[1].T
        sigma = torch.linalg.svdvals(small) * scale
        share = sigma.square() / sigma.square().sum().clamp_min(1e-300)
        rank = float((-(share * share.clamp_min(1e-300).log()).sum()).exp()) if sigma.any() else 0.0
        result[name] = [float(f"{sigma.square().sum().sqrt():.4g}"), round(rank, 2)]
    return result


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Losses of the base and with each file, on training and fresh pictures, and the files' update norms."""
    torch.set_num_threads(1)
    folder = Path(job["base"])
    base = load_base(folder)
    sets = {kind: read_pictures(base, Path(job[kind])) for kind in ("train", "fresh")}

    def both() -> dict[str, float]:
        return {kind: float(np.mean(losses(base, pictures))) for kind, pictures in sets.items()}

    result: dict[str, Any] = {"base": both(), "files": {}, "weights": {}}
    clean = {model: {k: v.clone() for k, v in model.state_dict().items()} for model in (base.unet, base.text)}
    for file in map(Path, job["files"]):
        put_in(base, file)
        result["files"][file.name] = both()
        result["weights"][file.name] = singular(file)
        for model, state in clean.items():  # taking it out by subtraction would leave rounding, or NaN
            model.load_state_dict(state)
    return result


def main() -> None:
    """Measure one job."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with torch.no_grad():
        found = measure(job)
    Path(job["out"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
