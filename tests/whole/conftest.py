"""Small recipes over drawn pictures, for tests of the whole way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLOURS = ("red", "green", "blue", "white", "black", "orange", "purple", "grey")


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that draws `count` captioned pictures into a new folder."""
    return drawing_in(tmp_path)


def drawing_in(home: Path) -> Callable[..., Path]:
    """As `draw`, in any folder."""

    def make(
        name: str = "images", count: int = 14, size: int = 64, caption: str = "zxq, man, {colour} background"
    ) -> Path:
        folder = home / name
        folder.mkdir(parents=True)
        for index in range(count):
            colour = COLOURS[index % len(COLOURS)]
            picture = Image.new("RGB", (size, size), colour)
            picture.paste("yellow", (index + 4, 10, index + 24, 40))
            picture.save(folder / f"{index:02d}.png")
            os.utime(folder / f"{index:02d}.png", (1e9, 1e9))  # not written to just now: what is seen of it may be kept
            (folder / f"{index:02d}.txt").write_text(caption.format(colour=colour), encoding="utf-8")
        return folder

    return make


@pytest.fixture
def sd15_recipe(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """A recipe for sd-scripts whose base model has a plausible header."""
    draw()
    header = b'{"weight":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}'
    (tmp_path / "base.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    recipe = tmp_path / "alice.yaml"
    recipe.write_text(
        "recipe_version: 1\nextends: sd15-character\nname: alice\n"
        "subject:\n  kind: character\n  trigger: zxq\n  class_tokens: man\n"
        "base_model:\n  family: sd15\n  pretrained_model_name_or_path: base.safetensors\n"
        "concepts:\n  - image_dir: images\n"
        "train:\n  target_steps: 1500\n",
        encoding="utf-8",
    )
    return recipe


@pytest.fixture
def pocket_recipe(tmp_path: Path) -> Path:
    """A recipe for the embedded trainer, a dozen steps long."""
    return write_pocket_recipe(tmp_path)


def write_pocket_recipe(home: Path) -> Path:
    """As `pocket_recipe`, in any folder."""
    drawing_in(home)("pocket-images")
    recipe = home / "tiny.yaml"
    recipe.write_text(
        "recipe_version: 1\nname: tiny\n"
        "subject:\n  kind: object\n  trigger: zxq\n  class_tokens: man\n"
        "base_model:\n  family: pocket\n"
        "concepts:\n  - image_dir: pocket-images\n"
        "network:\n  network_dim: 4\n  network_alpha: 4\n"
        "train:\n  target_steps: 12\n  train_batch_size: 4\n  unet_lr: 1e-3\n  text_encoder_lr: 0\n  optimizer_type: AdamW\n"
        "sample:\n  prompts: [zxq]\n",
        encoding="utf-8",
    )
    return recipe
