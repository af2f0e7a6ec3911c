"""Pictures and captions of one `[[datasets]]` table, in buckets, as ready-made batches."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from tqdm.auto import tqdm

from orchestrator.backends.pocket.trainer.buckets import (
    BatchIndex,
    BucketManager,
    bucket_sizes,
    place_in,
    place_without_upscale,
)
from orchestrator.backends.pocket.trainer.captions import process_caption, read_caption, tag_frequency
from orchestrator.backends.pocket.trainer.logs import logger
from orchestrator.backends.pocket.trainer.pictures import Picture, list_images, load_pixels, read_size, split_for

if TYPE_CHECKING:
    from orchestrator.backends.pocket.trainer.blueprint import DatasetPlan, Subset


class Batch(TypedDict):
    """What one micro-step trains on, under sd-scripts' keys."""

    captions: list[str]
    absolute_paths: list[str]
    """Of the pictures; sd-scripts has them in the batches that it caches latents from."""
    loss_weights: torch.Tensor
    """(batch,)"""
    latents: torch.Tensor | None
    """(batch, 4, height/4, width/4)"""
    images: torch.Tensor | None
    """(batch, 3, height, width) in -1..1, where latents are not cached"""
    target_sizes_hw: torch.Tensor
    """int64 (batch, 2): height and width of the bucket in pixels."""


class PictureDataset(torch.utils.data.Dataset[Batch]):
    """A torch dataset whose items are whole batches of one size; its tables have the names of sd-scripts'."""

    def __init__(self, plan: DatasetPlan, *, is_training: bool, prior_loss_weight: float) -> None:
        self.plan = plan
        self.is_training = is_training
        self.prior_loss_weight = prior_loss_weight
        self.epoch = 0
        self.seed = 0
        self.subsets: list[tuple[Subset, int]] = []
        self.image_data: dict[str, Picture] = {}
        self.image_to_subset: dict[str, Subset] = {}
        self.bucket_manager = BucketManager()
        self.buckets_indices: list[BatchIndex] = []
        self.tag_frequency: dict[str, dict[str, int]] = {}
        self.bucket_info: dict[str, Any] | None = None
        self.num_train_images = 0
        self.num_reg_images = 0
        self._collect()

    def __len__(self) -> int:
        return len(self.buckets_indices)

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, regularisation pictures last."""
        return list(self.image_data.values())

    def _register(self, pictures: list[Picture]) -> None:
        """Give pictures their keys; a folder that stands in two subsets has its pictures twice."""
        for picture in pictures:
            key = picture.absolute_path
            while key in self.image_data:
                key += "+"
            self.image_data[key] = picture
            self.image_to_subset[key] = picture.subset

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
                self._register(pictures)
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
        self._register(used)

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
        contents: dict[tuple[int, int], list[str]] = {}
        for key, picture in self.image_data.items():
            picture.placement = (
                place_without_upscale((plan.width, plan.height), plan.bucket_reso_steps, *picture.size)
                if plan.enable_bucket and plan.bucket_no_upscale
                else place_in(sizes, *picture.size)
            )
            contents.setdefault(picture.placement.bucket, []).extend([key] * picture.num_repeats)
        self.bucket_manager = BucketManager(sorted(contents), [keys for _, keys in sorted(contents.items())])
        if plan.enable_bucket:
            self._tell_buckets()
        self.buckets_indices = self.bucket_manager.batches(plan.batch_size)

    def _tell_buckets(self) -> None:
        logger.info("number of images (including repeats) / 各bucketの画像枚数（繰り返し回数を含む）")
        info: dict[str, Any] = {}
        for number, (size, keys) in enumerate(zip(self.bucket_manager.sizes, self.bucket_manager.buckets, strict=True)):
            info[str(number)] = {"resolution": list(size), "count": len(keys)}
            logger.info("bucket %d: resolution %s, count: %d", number, size, len(keys))
        errors = [abs(p.placement.aspect_error) for p in self.pictures if p.placement is not None]
        mean_error = sum(errors) / len(errors) if errors else 0.0
        self.bucket_info = {"buckets": info, "mean_img_ar_error": mean_error}
        logger.info("mean ar error (without repeats): %s", mean_error)

    def set_epoch(self, epoch: int) -> None:
        """Shuffle for an epoch, counted from 1.

        Each shuffle starts from the order of the last one, as in sd-scripts: a resumed run makes up for the epochs before it and
        shows the pictures in the order in which the uninterrupted run would.
        """
        if epoch > self.epoch:
            logger.info("epoch is incremented. current_epoch: %d, epoch: %d", self.epoch, epoch)
        while self.epoch < epoch:
            self.epoch += 1
            rng = random.Random(self.seed + self.epoch)  # noqa: S311
            rng.shuffle(self.buckets_indices)
            for keys in self.bucket_manager.buckets:
                rng.shuffle(keys)

    def __getitem__(self, index: int) -> Batch:
        bucket, count, number = self.buckets_indices[index]
        captions, paths, weights, sizes, latents, images = [], [], [], [], [], []
        for key in self.bucket_manager.buckets[bucket][number * count : (number + 1) * count]:
            picture, subset = self.image_data[key], self.image_to_subset[key]
            is_flipped = subset.flip_aug and random.random() < 0.5  # noqa: S311
            if picture.latents is not None:
                latents.append(picture.latents_flipped if is_flipped else picture.latents)
            else:
                pixels = load_pixels(picture)
                images.append(pixels.flip(2) if is_flipped else pixels)
            captions.append(process_caption(subset, picture.caption, self.epoch))
            paths.append(picture.absolute_path)
            sizes.append((picture.bucket_reso or (0, 0))[::-1])
            weights.append(self.prior_loss_weight if subset.is_reg else 1.0)
        return Batch(
            captions=captions,
            absolute_paths=paths,
            loss_weights=torch.tensor(weights),
            latents=torch.stack([one for one in latents if one is not None]) if latents else None,
            images=torch.stack(images) if images else None,
            target_sizes_hw=torch.tensor(sizes),
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
