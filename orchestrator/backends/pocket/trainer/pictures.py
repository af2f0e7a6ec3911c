"""One picture: where it lies, which bucket it goes into, its pixels."""

from __future__ import annotations

import math
import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.logs import logger

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.backends.pocket.trainer.blueprint import Subset
    from orchestrator.backends.pocket.trainer.buckets import Placement

EXTENSIONS = {ext for low in (".png", ".jpg", ".jpeg", ".webp", ".bmp") for ext in (low, low.upper())}


@dataclass(slots=True)
class Picture:
    """One picture of a subset."""

    path: Path
    subset: Subset
    caption: str
    num_repeats: int
    size: tuple[int, int] = (0, 0)
    placement: Placement | None = None
    latents: torch.Tensor | None = None
    """(4, height/4, width/4), not scaled; None: encoded at each use."""
    latents_flipped: torch.Tensor | None = None

    @property
    def absolute_path(self) -> str:
        """Links stay what they are called."""
        return os.path.abspath(self.path)  # noqa: PTH100  resolve() would follow them

    @property
    def bucket_reso(self) -> tuple[int, int] | None:
        """Width and height of its bucket in pixels, once it has one."""
        return None if self.placement is None else self.placement.bucket

    @property
    def is_reg(self) -> bool:
        """Whether it is a regularisation picture."""
        return self.subset.is_reg


def list_images(folder: Path) -> list[Path]:
    """Pictures directly in a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in EXTENSIONS)


def split_for(paths: list[Path], split: float, seed: int | None, *, is_training: bool) -> list[Path]:
    """The training or the validation part; without a seed the two are shuffled differently, as in sd-scripts."""
    shuffled = list(paths)
    if seed is not None:
        logger.info("Using validation seed: %s", seed)
        random.Random(seed).shuffle(shuffled)  # noqa: S311
    else:
        random.shuffle(shuffled)
    if is_training:
        return shuffled[: math.ceil(len(shuffled) * (1 - split))]
    return shuffled[len(shuffled) - round(len(shuffled) * split) :]


def read_size(path: Path) -> tuple[int, int]:
    """Width and height from the header."""
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise ConfigurationError(f"cannot read the picture {path}: {error}") from error


def load_pixels(picture: Picture) -> torch.Tensor:
    """The picture scaled and centre-cropped to its bucket: (3, height, width) in -1..1. Alpha is dropped."""
    assert picture.placement is not None  # noqa: S101  set by `make_buckets`
    with Image.open(picture.path) as opened:
        image = opened.convert("RGB")
    resized, (width, height) = picture.placement.resized, picture.placement.bucket
    if image.size != resized:
        smaller = image.size[0] > resized[0] or image.size[1] > resized[1]
        image = image.resize(resized, Image.Resampling.BOX if smaller else Image.Resampling.LANCZOS)
    left, top = (resized[0] - width) // 2, (resized[1] - height) // 2
    image = image.crop((left, top, left + width, top + height))
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 127.5 - 1
