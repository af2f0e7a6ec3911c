"""Bucket arithmetic; the expected values were computed with sd-scripts' own functions."""

from __future__ import annotations

import pytest

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.buckets import BucketManager, bucket_sizes, place_in, place_without_upscale


def test_sizes_of_a_square_resolution() -> None:
    assert bucket_sizes((64, 64), 32, 128, 16) == [
        (32, 96), (32, 112), (32, 128), (48, 80), (64, 64), (80, 48), (96, 32), (112, 32), (128, 32),
    ]  # fmt: skip


def test_the_default_upper_limit_cuts_the_long_buckets() -> None:
    assert (832, 1216) not in bucket_sizes((1024, 1024), 256, 1024, 64)
    assert (832, 1216) in bucket_sizes((1024, 1024), 256, 2048, 64)


def test_a_picture_goes_to_the_nearest_aspect_ratio_and_covers_the_bucket() -> None:
    placement = place_in(bucket_sizes((64, 64), 32, 128, 16), 200, 110)
    assert placement.bucket == (80, 48)
    assert placement.resized == (87, 48)


def test_without_upscale_a_small_picture_keeps_its_size() -> None:
    assert place_without_upscale((64, 64), 16, 50, 70).bucket == (48, 64)
    assert place_without_upscale((64, 64), 16, 640, 640).bucket == (64, 64)


def test_without_upscale_a_tiny_picture_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="smaller than bucket_reso_steps"):
        place_without_upscale((64, 64), 16, 8, 40)


def test_batches_are_rounded_up_in_every_bucket() -> None:
    buckets = BucketManager([(48, 80), (64, 64), (80, 48)], [["c"] * 4, ["a"] * 5, ["b"] * 3])
    assert len(buckets.batches(4)) == 2 + 1 + 1
