"""Pictures and captions of one `[[datasets]]` table, in buckets, as ready-made batches."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.buckets import (
    Buckets,
    Placement,
    bucket_sizes,
    place_in,
    place_without_upscale,
)
from orchestrator.backends.pocket.trainer.captions import process_caption, read_caption, tag_frequency
from orchestrator.backends.pocket.trainer.logs import logger

if TYPE_CHECKING:
    from orchestrator.backends.pocket.trainer.blueprint import DatasetPlan, Subset

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


@dataclass(slots=True)
class Batch:
    """What one micro-step trains on."""

    captions: list[str]
    loss_weights: torch.Tensor
    """(batch,)"""
    latents: torch.Tensor | None
    """(batch, 4, height/4, width/4)"""
    images: torch.Tensor | None
    """(batch, 3, height, width) in -1..1, where latents are not cached"""


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


class PictureDataset(torch.utils.data.Dataset[Batch]):
    """A torch dataset whose items are whole batches of one size."""

    def __init__(self, plan: DatasetPlan, *, is_training: bool, prior_loss_weight: float) -> None:
        self.plan = plan
        self.is_training = is_training
        self.prior_loss_weight = prior_loss_weight
        self.epoch = 0
        self.seed = 0
        self.subsets: list[tuple[Subset, int]] = []
        self.pictures: list[Picture] = []
        self.buckets = Buckets()
        self.order: list[tuple[tuple[int, int], int]] = []
        self.tag_frequency: dict[str, dict[str, int]] = {}
        self.bucket_info: dict[str, Any] | None = None
        self.num_train_images = 0
        self.num_reg_images = 0
        self._collect()

    def __len__(self) -> int:
        return len(self.order)

    def _collect(self) -> None:
        logger.info("prepare images.")
        regular: list[Picture] = []
        for subset in self.plan.subsets:
            repeats = subset.num_repeats if self.is_training else 1
            if repeats < 1:
                logger.warning(
                    "ignore subset with image_dir='%s': num_repeats is less than 1 / num_repeats: %s",
                    subset.image_dir, repeats,
                )  # fmt: skip
                continue
            pictures = self._load_subset(subset, repeats)
            if not pictures:
                logger.warning("ignore subset with image_dir='%s': no images found", subset.image_dir)
                continue
            self.subsets.append((subset, len(pictures)))
            if subset.is_reg:
                regular += pictures
                self.num_reg_images += repeats * len(pictures)
            else:
                self.pictures += pictures
                self.num_train_images += repeats * len(pictures)
        split_name = "train" if self.is_training else "validation"
        logger.info("%d %s images with repeats.", self.num_train_images, split_name)
        logger.info("%d reg images with repeats.", self.num_reg_images)
        self._add_regular(regular)

    def _load_subset(self, subset: Subset, repeats: int) -> list[Picture]:
        folder = Path(subset.image_dir)
        if not folder.is_dir():
            logger.warning("not directory: %s", subset.image_dir)
            return []
        paths = list_images(folder)
        if self.plan.validation_split > 0 and not (subset.is_reg and self.is_training):
            seed = self.plan.validation_seed
            if subset.is_reg:
                paths = []
            elif paths:
                paths = split_for(paths, self.plan.validation_split, seed, is_training=self.is_training)
        logger.info("found directory %s contains %d image files", subset.image_dir, len(paths))
        captions, missing = [], []
        for path in tqdm(paths, desc="read caption"):
            caption = read_caption(path, subset.caption_extension)
            if caption is None:
                missing.append(path)
                if subset.class_tokens is None:
                    logger.warning("neither caption file nor class tokens are found. use empty caption for %s", path)
                caption = subset.class_tokens or ""
            captions.append(caption)
        self.tag_frequency[folder.name] = tag_frequency(captions)
        _tell_missing(missing)
        return [Picture(path, subset, caption, repeats) for path, caption in zip(paths, captions, strict=True)]

    def _add_regular(self, regular: list[Picture]) -> None:
        """Regularisation pictures are repeated until there are as many as training pictures."""
        if self.num_train_images < self.num_reg_images:
            logger.warning("some of reg images are not used")
        if not regular:
            logger.warning("no regularization images / 正則化画像が見つかりませんでした")
            return
        used: list[Picture] = []
        count = 0
        while count < self.num_train_images:
            is_first_round = len(used) < len(regular)
            for index, picture in enumerate(regular):
                if is_first_round:
                    used.append(picture)
                    count += picture.num_repeats
                else:
                    used[index] = replace(used[index], num_repeats=used[index].num_repeats + 1)
                    count += 1
                if count >= self.num_train_images:
                    break
        self.pictures += used

    def make_buckets(self) -> None:
        """Read the sizes, choose the buckets and print the table."""
        logger.info("loading image sizes.")
        for picture in tqdm(self.pictures):
            picture.size = read_size(picture.path)
        plan = self.plan
        logger.info("make buckets" if plan.enable_bucket else "prepare dataset")
        sizes = [(plan.width, plan.height)]
        if plan.enable_bucket and plan.bucket_no_upscale:
            logger.warning("min_bucket_reso and max_bucket_reso are ignored if bucket_no_upscale is set")
        elif plan.enable_bucket:
            low, high = plan.min_bucket_reso, plan.max_bucket_reso
            sizes = bucket_sizes((plan.width, plan.height), low, high, plan.bucket_reso_steps)
        contents: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(self.pictures):
            picture.placement = (
                place_without_upscale((plan.width, plan.height), plan.bucket_reso_steps, *picture.size)
                if plan.enable_bucket and plan.bucket_no_upscale
                else place_in(sizes, *picture.size)
            )
            contents.setdefault(picture.placement.bucket, []).extend([index] * picture.num_repeats)
        self.buckets = Buckets(dict(sorted(contents.items())))
        if plan.enable_bucket:
            self._tell_buckets()
        self.order = self.buckets.batches(plan.batch_size)

    def _tell_buckets(self) -> None:
        logger.info("number of images (including repeats) / 各bucketの画像枚数（繰り返し回数を含む）")
        info: dict[str, Any] = {}
        for number, (size, indexes) in enumerate(self.buckets.contents.items()):
            info[str(number)] = {"resolution": list(size), "count": len(indexes)}
            logger.info("bucket %d: resolution %s, count: %d", number, size, len(indexes))
        errors = [abs(p.placement.aspect_error) for p in self.pictures if p.placement is not None]
        mean_error = sum(errors) / len(errors) if errors else 0.0
        self.bucket_info = {"buckets": info, "mean_img_ar_error": mean_error}
        logger.info("mean ar error (without repeats): %s", mean_error)

    def set_epoch(self, epoch: int) -> None:
        """Shuffle for an epoch, counted from 1; the order depends on the seed and the epoch alone."""
        if epoch > self.epoch:
            logger.info("epoch is incremented. current_epoch: %d, epoch: %d", self.epoch, epoch)
        self.epoch = epoch
        rng = random.Random(self.seed + epoch)  # noqa: S311
        rng.shuffle(self.order)
        for indexes in self.buckets.contents.values():
            rng.shuffle(indexes)

    def __getitem__(self, index: int) -> Batch:
        size, number = self.order[index]
        start = number * self.plan.batch_size
        captions, weights, latents, images = [], [], [], []
        for position in self.buckets.contents[size][start : start + self.plan.batch_size]:
            picture = self.pictures[position]
            is_flipped = picture.subset.flip_aug and random.random() < 0.5  # noqa: S311
            if picture.latents is not None:
                latents.append(picture.latents_flipped if is_flipped else picture.latents)
            else:
                pixels = load_pixels(picture)
                images.append(pixels.flip(2) if is_flipped else pixels)
            captions.append(process_caption(picture.subset, picture.caption, self.epoch))
            weights.append(self.prior_loss_weight if picture.subset.is_reg else 1.0)
        return Batch(
            captions=captions,
            loss_weights=torch.tensor(weights),
            latents=torch.stack([one for one in latents if one is not None]) if latents else None,
            images=torch.stack(images) if images else None,
        )


def _tell_missing(missing: list[Path]) -> None:
    if not missing:
        return
    logger.warning(
        "No caption file found for %d images. Training will continue without captions for these images. "
        "If class token exists, it will be used. / %d枚の画像にキャプションファイルが見つかりませんでした。",
        len(missing), len(missing),
    )  # fmt: skip
    for path in missing[:5]:
        logger.warning("%s", path)
    if len(missing) > 5:
        logger.warning("%s... and %d more", missing[5], len(missing) - 5)
