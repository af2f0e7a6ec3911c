"""Sample pictures during training: sd-scripts' prompt lines, flags and file names."""

from __future__ import annotations

import importlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from orchestrator.backends.pocket.trainer.logs import logger

if TYPE_CHECKING:
    import argparse

    from orchestrator.backends.pocket.trainer.model import PocketModel

_FLAGS: tuple[tuple[str, str, Any], ...] = (
    (r"w (\d+)", "width", int),
    (r"h (\d+)", "height", int),
    (r"d (\d+)", "seed", int),
    (r"s (\d+)", "sample_steps", lambda text: max(1, min(1000, int(text)))),
    (r"l ([\d\.]+)", "scale", float),
    (r"n (.+)", "negative_prompt", str),
    (r"ss (.+)", "sample_sampler", str),
)
_CLASSES = {
    "ddim": ("ddim", "DDIMScheduler"),
    "pndm": ("pndm", "PNDMScheduler"),
    "euler": ("euler_discrete", "EulerDiscreteScheduler"),
    "euler_a": ("euler_ancestral_discrete", "EulerAncestralDiscreteScheduler"),
    "heun": ("heun_discrete", "HeunDiscreteScheduler"),
    "dpmsolver++": ("dpmsolver_multistep", "DPMSolverMultistepScheduler"),
}


def parse_prompt(line: str) -> dict[str, Any]:
    """`a red ball --w 64 --h 64 --s 20 --l 5 --d 1 --n text` as a dict; unknown flags are dropped."""
    first, *flags = line.split(" --")
    values: dict[str, Any] = {"prompt": first}
    for flag in flags:
        for pattern, name, convert in _FLAGS:
            match = re.match(pattern, flag, re.IGNORECASE)
            if match:
                values[name] = convert(match.group(1))
                break
    return values


def read_prompts(path: Path) -> list[dict[str, Any]]:
    """One prompt per line; a line that starts with `#` is a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [parse_prompt(line.strip()) for line in lines if line.strip() and not line.startswith("#")]


def make_sampler(model: PocketModel, name: str) -> Any:
    """The diffusers scheduler of a sampler name."""
    module, class_name = _CLASSES.get(name.removeprefix("k_"), _CLASSES["ddim"])
    scheduler_class = getattr(importlib.import_module(f"diffusers.schedulers.scheduling_{module}"), class_name)
    # Only pndm knows the second setting: without it the first steps need at least four timesteps.
    more = {"skip_prk_steps": True} if name == "pndm" else {}
    return scheduler_class.from_config(model.scheduler_config | more)


@torch.no_grad()
def draw_sample(
    model: PocketModel,
    prompt: str,
    *,
    negative_prompt: str | None = None,
    width: int = 64,
    height: int = 64,
    sample_steps: int = 30,
    scale: float = 7.5,
    seed: int | None = None,
    sampler: str = "ddim",
) -> Image.Image:
    """One picture with classifier-free guidance; sets torch's global seed."""
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)
    scheduler = make_sampler(model, sampler)
    scheduler.set_timesteps(sample_steps)
    divisor = model.pixels_per_latent
    latents = torch.randn((1, 4, height // divisor, width // divisor)) * scheduler.init_noise_sigma
    is_guided = scale > 1
    states = model.embed([negative_prompt or "", prompt] if is_guided else [prompt])
    for timestep in scheduler.timesteps:
        both = scheduler.scale_model_input(torch.cat([latents] * 2) if is_guided else latents, timestep)
        noise = model.unet(both, timestep, states, return_dict=False)[0]
        if is_guided:
            without, with_text = noise.chunk(2)
            noise = without + scale * (with_text - without)
        latents = scheduler.step(noise, timestep, latents, return_dict=False)[0]
    pixels = model.decode(latents)[0].permute(1, 2, 0)
    return Image.fromarray((pixels * 255).round().to(torch.uint8).numpy())


def _is_due(args: argparse.Namespace, step: int, epoch: int | None) -> bool:
    """Epoch sampling wins over step sampling; steps are not sampled at an epoch's end."""
    if step == 0:
        return bool(args.sample_at_first)
    if args.sample_every_n_epochs is not None:
        return epoch is not None and args.sample_every_n_epochs > 0 and epoch % args.sample_every_n_epochs == 0
    every = args.sample_every_n_steps
    return every is not None and every > 0 and epoch is None and step % every == 0


def draw_samples(args: argparse.Namespace, model: PocketModel, step: int, epoch: int | None) -> bool:
    """Write `sample/<name>_e000001_00_<time>_<seed>.png` for every prompt, if samples are due; returns whether.

    `epoch` is given at an epoch's end and before the first step (0), None within an epoch.
    """
    if not _is_due(args, step, epoch):
        return False
    logger.info("")
    logger.info("generating sample images at step / サンプル画像生成 ステップ: %d", step)
    path = Path(args.sample_prompts)
    if not path.is_file():
        logger.error("No prompt file / プロンプトファイルがありません: %s", path)
        return True
    folder = Path(args.output_dir) / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    state = torch.get_rng_state()
    was_training = model.unet.training
    model.unet.eval()
    model.text_encoder.eval()
    for index, values in enumerate(read_prompts(path)):
        when = f"e{epoch:06d}" if epoch is not None else f"{step:06d}"
        _draw_one(args, model, values, folder, place=f"{when}_{index:02d}")
    model.unet.train(was_training)
    model.text_encoder.train(was_training)
    torch.set_rng_state(state)
    return True


def _draw_one(
    args: argparse.Namespace, model: PocketModel, values: dict[str, Any], folder: Path, *, place: str
) -> None:
    """Draw and save one prompt; `place` is the epoch or step and the prompt's number."""
    height, width = values.get("height", 512), values.get("width", 512)
    height, width = max(64, height - height % 8), max(64, width - width % 8)
    steps, scale, seed = values.get("sample_steps", 30), values.get("scale", 7.5), values.get("seed")
    sampler, negative = values.get("sample_sampler", args.sample_sampler), values.get("negative_prompt")
    shown = {"prompt": values["prompt"], "negative_prompt": negative, "height": height, "width": width,
             "sample_steps": steps, "scale": scale, "sample_sampler": sampler}  # fmt: skip
    if seed is not None:
        shown["seed"] = seed
    for name, value in shown.items():
        logger.info("%s: %s", name, value)
    image = draw_sample(
        model, values["prompt"], negative_prompt=negative, width=width, height=height, sample_steps=steps,
        scale=scale, seed=seed, sampler=sampler,
    )  # fmt: skip
    prefix = f"{args.output_name}_" if args.output_name else ""
    suffix = "" if seed is None else f"_{seed}"
    image.save(folder / f"{prefix}{place}_{time.strftime('%Y%m%d%H%M%S')}{suffix}.png")
