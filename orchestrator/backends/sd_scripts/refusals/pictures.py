"""Resolution, buckets, crops and caches of the pictures."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.backends.sd_scripts.refusals.model import Refusal, drop
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

_NUMBER = re.compile(r"\d+(\.\d+)?")


def _bucket_limits(settings: Settings) -> tuple[int, int, int]:
    """(min, max, steps) after the trainer rounded min down and max up to whole steps."""
    steps = int(settings.dataset_number("bucket_reso_steps")) or 64
    low, high = int(settings.dataset_number("min_bucket_reso")), int(settings.dataset_number("max_bucket_reso"))
    return low // steps * steps, -(-high // steps) * steps, steps


def _min_above(settings: Settings) -> str | None:
    size = settings.resolution
    low = _bucket_limits(settings)[0]
    return f"{low} > {min(size)}" if settings.dataset_value("enable_bucket") and size and low > min(size) else None


def _max_below(settings: Settings) -> str | None:
    size = settings.resolution
    high = _bucket_limits(settings)[1]
    return f"{high} < {max(size)}" if settings.dataset_value("enable_bucket") and size and high < max(size) else None


def _divisor(settings: Settings) -> str | None:
    steps, divisor = settings.dataset_number("bucket_reso_steps"), FAMILIES[settings.family].bucket_divisor
    is_wrong = settings.dataset_value("enable_bucket") and (steps < 1 or steps % divisor)
    return f"{short_number(steps)}; {divisor}, {2 * divisor} ..." if is_wrong else None


def _too_small_to_keep(settings: Settings) -> str | None:
    """A side below one bucket step: the trainer would make a bucket of no height."""
    size = settings.resolution
    if size is None or not (settings.dataset_value("enable_bucket") and settings.dataset_value("bucket_no_upscale")):
        return None
    area, steps = size[0] * size[1], _bucket_limits(settings)[2]
    for subset in settings.training_subsets:
        for width, height in subset.sizes:
            shrink = min(1.0, math.sqrt(area / (width * height))) if width * height else 0.0
            if min(width, height) * shrink < steps:
                return f"{subset.image_dir}: {width}x{height}"
    return None


def _wrong_size(settings: Settings) -> str | None:
    """Without buckets and caches, pictures must have exactly the training size; larger ones may be cropped at random."""
    size = settings.resolution
    if size is None or settings.dataset_value("enable_bucket") or settings.is_caching_latents:
        return None
    for subset in settings.training_subsets:
        if settings.dataset_value("face_crop_aug_range", subset) is not None:
            continue
        can_crop = bool(settings.dataset_value("random_crop", subset))
        for width, height in subset.sizes:
            is_small = width < size[0] or height < size[1]
            if is_small or ((width, height) != size and not can_crop):
                return f"{subset.image_dir}: {width}x{height}, {size[0]}x{size[1]}"
    return None


def _changed_while_cached(settings: Settings) -> str | None:
    if not settings.is_caching_latents:
        return None
    changes = ("color_aug", "random_crop")
    return next((n for s in settings.training_subsets for n in changes if settings.dataset_value(n, s)), None)


def _face_range(settings: Settings) -> str | None:
    for subset in (None, *settings.training_subsets):
        value = settings.dataset_value("face_crop_aug_range", subset)
        if value is None:
            continue
        parts = value.split(",") if isinstance(value, str) else [str(v) for v in value]
        if len(parts) != 2 or not all(_NUMBER.fullmatch(p.strip()) for p in parts) or float(parts[0]) > float(parts[1]):
            return str(value)
    return None


def _no_repeats(settings: Settings) -> str | None:
    return next((s.image_dir for s in settings.training_subsets if s.num_repeats < 1), None)


REFUSALS = (
    Refusal(
        "resolution-missing",
        ("resolution",),
        lambda s: s.resolution is None,
        Text(
            "there is no training resolution of the form 512 or [512, 768]", "没有 512 或 [512, 768] 形式的训练分辨率"
        ),
        "resolution is required",
        Text("write `dataset.resolution`", "请写 `dataset.resolution`"),
    ),
    Refusal(
        "min-bucket-above-resolution",
        ("min_bucket_reso", "resolution"),
        _min_above,
        Text("`min_bucket_reso` is above `resolution`: {0}", "`min_bucket_reso` 大于 `resolution`：{0}"),
        "min_bucket_reso must be equal or less than resolution",
        Text("write a smaller `min_bucket_reso`", "请写更小的 `min_bucket_reso`"),
    ),
    Refusal(
        "max-bucket-below-resolution",
        ("max_bucket_reso", "resolution"),
        _max_below,
        Text("`max_bucket_reso` is below `resolution`: {0}", "`max_bucket_reso` 小于 `resolution`：{0}"),
        "max_bucket_reso must be equal or greater than resolution",
        Text("write a larger `max_bucket_reso`", "请写更大的 `max_bucket_reso`"),
    ),
    Refusal(
        "bucket-steps-not-divisible",
        ("bucket_reso_steps",),
        _divisor,
        Text("`bucket_reso_steps` does not fit this family: {0}", "`bucket_reso_steps` 不适合该系列：{0}"),
        "bucket_reso_steps is 32. it must be divisible by 64.",
        Text("write a multiple of the family's number", "请写该系列数值的倍数"),
    ),
    Refusal(
        "picture-below-one-bucket-step",
        ("bucket_no_upscale",),
        _too_small_to_keep,
        Text("a picture is too small for a bucket without enlarging: {0}", "图片太小，不放大就放不进任何桶：{0}"),
        "ZeroDivisionError: division by zero",
        Text("leave out `bucket_no_upscale`, or take the picture out", "请去掉 `bucket_no_upscale`，或移除该图片"),
    ),
    Refusal(
        "picture-size-without-buckets",
        ("enable_bucket", "resolution"),
        _wrong_size,
        Text(
            "without buckets and cached latents every picture must have the training size: {0}",
            "没有分桶也不缓存潜变量时，每张图片必须是训练尺寸：{0}",
        ),
        "image too large, but cropping and bucketing are disabled / image size is small",
        Text("write `enable_bucket: true`", "请写 `enable_bucket: true`"),
    ),
    Refusal(
        "augmentation-while-caching-latents",
        ("color_aug", "random_crop", "cache_latents"),
        _changed_while_cached,
        Text("`{0}` cannot be combined with cached latents", "`{0}` 不能与潜变量缓存一起使用"),
        "when caching latents, either color_aug or random_crop cannot be used",
        Text("leave out `{0}`, or write `cache_latents: false`", "请去掉 `{0}`，或写 `cache_latents: false`"),
    ),
    Refusal(
        "face-crop-range",
        ("face_crop_aug_range",),
        _face_range,
        Text(
            "`face_crop_aug_range` must be two numbers, the smaller first: {0}",
            "`face_crop_aug_range` 必须是两个数字，小的在前：{0}",
        ),
        "face_crop_aug_range must be two floats",
        Text("write `2.0,4.0`", "请写 `2.0,4.0`"),
    ),
    Refusal(
        "no-pictures",
        (),
        lambda s: not any(subset.sizes for subset in s.training_subsets),
        Text("there is no picture to train on", "没有可训练的图片"),
        "No data found. It would end with exit code 0.",
        Text("name a folder with pictures in `concepts[].image_dir`", "请在 `concepts[].image_dir` 指定有图片的文件夹"),
    ),
    Refusal(
        "repeats-below-one",
        ("num_repeats",),
        _no_repeats,
        Text("`num_repeats` is below 1: {0}", "`num_repeats` 小于 1：{0}"),
        "ignore subset: num_repeats is less than 1",
        Text("write at least 1", "至少写 1"),
    ),
    Refusal(
        "cache-info-with-hold-out",
        ("cache_info",),
        lambda s: bool(s.dataset_value("cache_info")) and s.plan.validation is not None,
        Text("`cache_info` would keep a part of the pictures only, for ever", "`cache_info` 会永久只保留部分图片"),
        "nothing; the data set would shrink",
        drop("cache_info"),
    ),
)
