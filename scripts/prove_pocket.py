"""Measure whether the quickstart's subject is learnt: three seeds, held-out pictures, fixed noise, fixed sample seeds.

    python scripts/prove_pocket.py [--out FOLDER] [--set unet_lr=1e-3 ...]

For each seed the trainer runs as users run it. Two figures are taken from every run:

- gain: the loss of the base on trophies that were never trained on, minus that of the final LoRA, at fixed noise and
  timesteps. It counts when it is more than three times the jitter, the root mean square of the second differences of
  the successive checkpoints' held-out losses, divided by sqrt(6).
- nearness: of ten samples with fixed seeds and held-out captions, how many are nearer to held-out trophies with the
  same caption than the base's own samples with the same seeds and captions (mean over those trophies of the mean
  absolute difference of the 16 x 16 colour layouts). Two other readings are printed beside it and demand nothing: the
  same count against all held-out trophies, whatever their background (there a grey blur is near to everything), and
  against the nearest one of all of them.

Exits with 1 when the gain of any seed does not count or fewer than eight of ten samples are nearer.
"""

from __future__ import annotations

import argparse
import ast
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from draw_trophies import held_out_trophies, trophies_captioned  # noqa: E402

from orchestrator.backends.pocket.trainer.lora import apply_file  # noqa: E402
from orchestrator.backends.pocket.trainer.model import PocketModel, load_model  # noqa: E402
from orchestrator.backends.pocket.trainer.sampling import draw_sample  # noqa: E402

TIMESTEPS = (100, 300, 500, 700, 900)
NUM_HELD_OUT = 24
NUM_SAMPLES = 10
NUM_CAPTIONED = 8
JITTERS_NEEDED = 3.0
NEARER_NEEDED = 8
SCALE = 3.0
SETTINGS: dict[str, object] = {
    "pretrained_model_name_or_path": "pocket",
    "network_module": "networks.lora",
    "network_dim": 16,
    "network_alpha": 16.0,
    "learning_rate": 1e-3,
    "unet_lr": 2e-3,
    "text_encoder_lr": 1e-3,
    "optimizer_type": "AdamW",
    "lr_scheduler": "cosine",
    "lr_warmup_steps": 10,
    "max_train_epochs": 6,
    "mixed_precision": "no",
    "save_every_n_steps": 25,
    "cache_latents": True,
    "max_data_loader_n_workers": 0,
    "log_with": "tensorboard",
}
DATASET = """[general]
caption_extension = ".txt"

[[datasets]]
resolution = 64
batch_size = 4

[[datasets.subsets]]
image_dir = "{images}"
num_repeats = 10
class_tokens = "glxtrophy"
"""


def write_toml(path: Path, values: dict[str, object]) -> None:
    """A flat TOML file."""
    lines = [f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for k, v in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def train(folder: Path, settings: dict[str, object], seed: int) -> float:
    """Run the trainer in a process of its own; returns its wall time in seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text(DATASET.format(images=ROOT / "recipes/quickstart/images"), encoding="utf-8")
    paths = {"dataset_config": "dataset.toml", "output_dir": "model", "output_name": "lora", "logging_dir": "logs"}
    write_toml(folder / "train.toml", settings | paths | {"seed": seed})
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", "--num_machines", "1",
              "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process",
              os.environ.get("OMP_NUM_THREADS", "2"),
              str(ROOT / "orchestrator/backends/pocket/trainer/train_network.py"), "--config_file", "train.toml"]  # fmt: skip
    started = time.perf_counter()
    with (folder / "console.log").open("w", encoding="utf-8") as log:
        subprocess.run(launch, cwd=folder, stdout=log, stderr=subprocess.STDOUT, check=True)
    return time.perf_counter() - started


@torch.no_grad()
def held_out_loss(model: PocketModel, pictures: list[tuple[Image.Image, str]]) -> float:
    """Mean noise-prediction error over the pictures at fixed timesteps with fixed noise."""
    torch.manual_seed(123)
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture, _ in pictures])).permute(0, 3, 1, 2)
    latents = model.encode(pixels.float() / 127.5 - 1) * model.vae.config.scaling_factor
    states = model.embed([caption for _, caption in pictures])
    total = 0.0
    for timestep in TIMESTEPS:
        noise = torch.randn_like(latents)
        steps = torch.full((len(pictures),), timestep)
        noisy = model.noise_scheduler.add_noise(latents, noise, steps)
        total += float((model.unet(noisy, steps, states).sample - noise).square().mean())
    return total / len(TIMESTEPS)


def jitter(losses: list[float]) -> float:
    """Scatter of a smooth series, from its second differences: 0 for a straight line."""
    second = np.diff(np.asarray(losses), n=2)
    return float(np.sqrt(np.mean(second**2)) / math.sqrt(6))


def layout(picture: Image.Image) -> np.ndarray:
    """16 x 16 mean colours, (16, 16, 3) in 0..1."""
    return np.asarray(picture.resize((16, 16), Image.Resampling.BOX), dtype=np.float64) / 255


def samples(model: PocketModel, captions: list[str]) -> list[Image.Image]:
    """One sample per caption, with the seeds 1, 2, 3 and so on."""
    return [
        draw_sample(model, caption, sample_steps=20, scale=SCALE, seed=number + 1)
        for number, caption in enumerate(captions)
    ]


def distances(picture: Image.Image, others: list[Image.Image]) -> np.ndarray:
    """Colour-layout distances of a sample to held-out pictures, (len(others),)."""
    return np.array([np.abs(layout(picture) - layout(other)).mean() for other in others])


@dataclass(frozen=True, slots=True)
class Nearer:
    """How many samples are nearer to held-out trophies than the base's own."""

    same_caption: int
    """Mean over the trophies with the sample's caption: what is demanded."""
    all_trophies: int
    """Mean over all held-out trophies."""
    nearest: int
    """The nearest one of all held-out trophies."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What no training saw, and what the base makes of it."""

    pictures: list[tuple[Image.Image, str]]
    captioned: dict[str, list[Image.Image]]
    base_loss: float
    base_samples: list[Image.Image]

    @property
    def captions(self) -> list[str]:
        """The captions of the samples."""
        return [caption for _, caption in self.pictures[:NUM_SAMPLES]]

    def count_nearer(self, drawn: list[Image.Image]) -> Nearer:
        """Count the samples that are nearer than the base's own, in each of the three readings."""
        everything = [picture for picture, _ in self.pictures]
        same = whole = nearest = 0
        for caption, ours, base in zip(self.captions, drawn, self.base_samples, strict=True):
            alike = self.captioned[caption]
            same += bool(distances(ours, alike).mean() < distances(base, alike).mean())
            to_all, base_to_all = distances(ours, everything), distances(base, everything)
            whole += bool(to_all.mean() < base_to_all.mean())
            nearest += bool(to_all.min() < base_to_all.min())
        return Nearer(same, whole, nearest)


def look_at_base() -> HeldOut:
    """Draw the held-out trophies and measure the shipped base."""
    pictures = held_out_trophies(NUM_HELD_OUT)
    captions = [caption for _, caption in pictures[:NUM_SAMPLES]]
    base = load_model("pocket")
    return HeldOut(
        pictures, trophies_captioned(captions, NUM_CAPTIONED), held_out_loss(base, pictures), samples(base, captions)
    )


def with_lora(path: Path) -> PocketModel:
    """The shipped base with a LoRA put in."""
    model = load_model("pocket")
    apply_file(model, str(path))
    model.unet.eval()
    model.text_encoder.eval()
    return model


def save_grid(path: Path, rows: list[list[Image.Image]]) -> None:
    """Rows of 64 px pictures, each enlarged twice."""
    grid = Image.new("RGB", (130 * max(map(len, rows)), 130 * len(rows)))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            grid.paste(picture.resize((128, 128), Image.Resampling.NEAREST), (130 * x, 130 * y))
    grid.save(path)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run learnt."""

    losses: list[float]
    """Held-out loss: the base, the checkpoints in order, the final file."""
    nearer: Nearer
    drawn: list[Image.Image]

    @property
    def gain(self) -> float:
        """Loss of the base minus that of the final file."""
        return self.losses[0] - self.losses[-1]

    @property
    def is_learnt(self) -> bool:
        """Whether both demands hold."""
        return self.gain > JITTERS_NEEDED * jitter(self.losses) and self.nearer.same_caption >= NEARER_NEEDED


def measure(folder: Path, held_out: HeldOut) -> Figures:
    """Figures of the run in a folder."""
    losses = [held_out.base_loss]
    losses += [
        held_out_loss(with_lora(path), held_out.pictures) for path in sorted((folder / "model").glob("lora-step*"))
    ]
    model = with_lora(folder / "model" / "lora.safetensors")
    losses.append(held_out_loss(model, held_out.pictures))
    drawn = samples(model, held_out.captions)
    return Figures(losses, held_out.count_nearer(drawn), drawn)


def main() -> None:
    """Train three seeds, measure, print; exit 1 when a demand is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="values are Python literals")
    args = parser.parse_args()
    logging.getLogger("pocket").setLevel(logging.ERROR)
    settings = dict(SETTINGS)
    for item in args.set:
        key, _, value = item.partition("=")
        settings[key] = ast.literal_eval(value)
    out = args.out or Path(tempfile.mkdtemp(prefix="prove-pocket-"))
    held_out = look_at_base()
    rows = [[picture for picture, _ in held_out.pictures[:NUM_SAMPLES]], held_out.base_samples]
    results = []
    for seed in args.seeds:
        seconds = train(out / f"seed-{seed}", settings, seed)
        found = measure(out / f"seed-{seed}", held_out)
        noise = jitter(found.losses)
        print(
            f"seed {seed} ({seconds:.1f} s): held-out loss {found.losses[0]:.5f} -> {found.losses[-1]:.5f} "
            f"({100 * found.gain / found.losses[0]:.1f} % better), jitter {noise:.6f}, gain / jitter "
            f"{found.gain / noise:.1f}, nearer {found.nearer.same_caption} of {NUM_SAMPLES} (to all: "
            f"{found.nearer.all_trophies}, to the nearest of all: {found.nearer.nearest})"
        )
        print("  " + " ".join(f"{loss:.5f}" for loss in found.losses))
        results.append(found.is_learnt)
        rows.append(found.drawn)
    save_grid(out / "samples.png", rows)
    print(f"rows: held-out, base, then one per seed: {out / 'samples.png'}")
    print(f"{sum(results)} of {len(results)} seeds hold")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
