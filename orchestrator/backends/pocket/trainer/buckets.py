"""Aspect-ratio buckets, with sd-scripts' arithmetic: which size a picture is trained at."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError

Size = tuple[int, int]
"""(width, height) in pixels."""


def bucket_sizes(area_size: Size, min_size: int, max_size: int, steps: int) -> list[Size]:
    """All bucket sizes for a resolution, sorted."""
    area = area_size[0] * area_size[1]
    square = int(math.sqrt(area) // steps) * steps
    sizes = {(square, square)}
    for width in range(min_size, max_size + 1, steps):
        height = min(max_size, (area // width) // steps * steps)
        if height >= min_size:
            sizes |= {(width, height), (height, width)}
    return sorted(sizes)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture goes: bucket size, size it is scaled to before the crop, and the aspect error."""

    bucket: Size
    resized: Size
    aspect_error: float


def place_in(sizes: list[Size], width: int, height: int) -> Placement:
    """The bucket for a picture: its own size if there is one, else the nearest aspect ratio."""
    aspect = width / height
    bucket = (width, height)
    if bucket not in sizes:
        bucket = min(sizes, key=lambda size: abs(size[0] / size[1] - aspect))
    scale = bucket[1] / height if aspect > bucket[0] / bucket[1] else bucket[0] / width
    resized = (int(width * scale + 0.5), int(height * scale + 0.5))
    return Placement(bucket, resized, bucket[0] / bucket[1] - aspect)


def place_without_upscale(area_size: Size, steps: int, width: int, height: int) -> Placement:
    """`bucket_no_upscale`: the picture keeps its size, or shrinks to the area, floored to multiples of `steps`.

    Raises:
        ConfigurationError: a side is shorter than one step.
    """
    aspect, area = width / height, area_size[0] * area_size[1]
    resized = (width, height)
    if width * height > area:
        exact_width = math.sqrt(area * aspect)
        by_width = _rounded(exact_width, steps)
        by_height = _rounded(area / exact_width, steps)
        error_w = abs(by_width / _rounded(by_width / aspect, steps) - aspect)
        error_h = abs(_rounded(by_height * aspect, steps) / by_height - aspect)
        if error_w < error_h:
            resized = (by_width, int(by_width / aspect + 0.5))
        else:
            resized = (int(by_height * aspect + 0.5), by_height)
    bucket = (resized[0] - resized[0] % steps, resized[1] - resized[1] % steps)
    if 0 in bucket:
        raise ConfigurationError(
            f"bucket_no_upscale: a picture of {width}x{height} is smaller than bucket_reso_steps {steps}"
        )
    return Placement(bucket, resized, bucket[0] / bucket[1] - aspect)


def _rounded(value: float, steps: int) -> int:
    whole = int(value + 0.5)
    return whole - whole % steps


class BatchIndex(NamedTuple):
    """One batch: pictures `batch_index * bucket_batch_size` and following of a bucket."""

    bucket_index: int
    bucket_batch_size: int
    batch_index: int


@dataclass(slots=True)
class BucketManager:
    """Picture keys by size, each key as often as the picture is repeated; sizes sorted."""

    sizes: list[Size] = field(default_factory=list)
    buckets: list[list[str]] = field(default_factory=list)
    """Keys of the pictures of each size."""

    def batches(self, batch_size: int) -> list[BatchIndex]:
        """Every batch: the last one of each bucket may be smaller, none is dropped."""
        return [
            BatchIndex(bucket, batch_size, number)
            for bucket, keys in enumerate(self.buckets)
            for number in range(math.ceil(len(keys) / batch_size))
        ]
