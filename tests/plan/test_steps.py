"""The length, against what the trainer counted, and against a plain simulation of it."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import InputError
from orchestrator.plan.steps import (
    BucketRules,
    CountedSubset,
    Pace,
    bucket_chooser,
    bucket_resolutions,
    count_epoch,
    predict_steps,
)

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded_epochs.json").read_text("utf-8"))


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def _read(row: dict[str, Any]) -> tuple[list[CountedSubset], BucketRules, Pace]:
    names = ("enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale")
    rules = BucketRules(tuple(row["resolution"]), **{n: row[n] for n in names})
    subsets = [
        CountedSubset(tuple(_size(t) for t in s["sizes"].split()), s["num_repeats"], s["is_reg"])
        for s in row["subsets"]
    ]
    return subsets, rules, Pace(row["batch_size"])


@pytest.mark.parametrize("row", [r for r in RECORDED if "error" not in r["trainer"]])
def test_counts_an_epoch_as_the_trainer_did(row: dict[str, Any]) -> None:
    epoch = count_epoch(*_read(row))
    buckets = " ".join(f"{w}x{h}:{n}" for w, h, n in epoch.buckets)
    assert {
        "batches": epoch.batches, "train": epoch.train_samples, "reg": epoch.reg_samples, "buckets": buckets,
    } == row["trainer"]  # fmt: skip


@pytest.mark.parametrize("row", [r for r in RECORDED if "error" in r["trainer"]])
def test_refuses_what_the_trainer_refused(row: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        count_epoch(*_read(row))


def simulate(subsets: list[CountedSubset], bucket_of: Any, pace: Pace) -> int:
    """Steps of one epoch by handing out pictures one by one: an oracle without any division but the batches'."""
    train_samples = sum(len(s.sizes) * s.num_repeats for s in subsets if not s.is_reg)
    pictures: list[list[Any]] = [[size, s.num_repeats] for s in subsets if not s.is_reg for size in s.sizes]
    reg: list[list[Any]] = [[size, s.num_repeats] for s in subsets if s.is_reg for size in s.sizes]
    handed_out, first = 0, True
    while reg and handed_out < train_samples:
        for picture in reg:
            if first:
                pictures.append(picture)
                handed_out += picture[1]
            else:
                picture[1] += 1
                handed_out += 1
            if handed_out >= train_samples:
                break
        first = False
    waiting: dict[tuple[int, int], int] = {}
    batches = 0
    for size, repeats in pictures:
        for _ in range(repeats):
            bucket = bucket_of(size)
            waiting[bucket] = waiting.get(bucket, 0) + 1
            if waiting[bucket] == pace.batch_size:
                batches += 1
                waiting[bucket] = 0
    batches += sum(1 for left in waiting.values() if left)
    per_process = -(-batches // pace.num_processes)
    return -(-per_process // pace.gradient_accumulation_steps)


@pytest.mark.parametrize("seed", range(200))
def test_predicts_what_a_simulation_counts(seed: int) -> None:
    draw = random.Random(seed)
    rules = BucketRules((512, 512), min_bucket_reso=256, max_bucket_reso=1024, enable_bucket=draw.random() < 0.9)
    subsets = [
        CountedSubset(
            tuple((draw.randint(200, 1500), draw.randint(200, 1500)) for _ in range(draw.randint(1, 9))),
            draw.randint(1, 9),
            is_reg=index > 0 and draw.random() < 0.4,
        )
        for index in range(draw.randint(1, 4))
    ]
    pace = Pace(draw.randint(1, 5), draw.randint(1, 4), draw.randint(1, 4))
    epochs = draw.randint(1, 30)
    steps = predict_steps(subsets, rules, pace, epochs)
    assert steps.steps_per_epoch == simulate(subsets, bucket_chooser(rules), pace)
    assert steps.total_steps == epochs * steps.steps_per_epoch


def test_examples_from_real_runs() -> None:
    rules = BucketRules((64, 64), enable_bucket=False)
    six = CountedSubset(((64, 64),) * 6, 3)
    assert predict_steps([six], rules, Pace(2), 2).total_steps == 18
    assert predict_steps([six], rules, Pace(4), 1).total_steps == 5
    reg = CountedSubset(((64, 64),) * 2, 1, is_reg=True)
    assert predict_steps([six, reg], rules, Pace(2), 1).total_steps == 18
    nine = CountedSubset(((64, 64),) * 9, 2)
    assert predict_steps([nine], rules, Pace(2), 4).total_steps == 36


def test_every_shape_is_rounded_up_by_itself() -> None:
    rules = BucketRules((512, 512))
    square, wide = (512, 512), (1024, 256)
    assert count_epoch([CountedSubset((square,) * 4, 1)], rules, Pace(4)).batches == 1
    assert count_epoch([CountedSubset((square, square, square, wide), 1)], rules, Pace(4)).batches == 2


def test_accumulation_steps_on_the_last_batch_of_an_epoch() -> None:
    subset = CountedSubset(((64, 64),) * 3, 1)
    assert count_epoch([subset], BucketRules((64, 64), enable_bucket=False), Pace(1, 2)).steps == 2


def test_sdxl_shapes_need_a_large_limit() -> None:
    small = bucket_resolutions(BucketRules((1024, 1024), min_bucket_reso=512, max_bucket_reso=1024))
    large = bucket_resolutions(BucketRules((1024, 1024), min_bucket_reso=512, max_bucket_reso=2048))
    assert (832, 1216) not in small
    assert (832, 1216) in large


def test_one_bucket_without_bucketing() -> None:
    choose = bucket_chooser(BucketRules((512, 768), enable_bucket=False))
    assert {choose((100, 2000)), choose((2000, 100))} == {(512, 768)}


@pytest.mark.parametrize(
    "rules",
    [
        BucketRules((512, 512), min_bucket_reso=768),
        BucketRules((1024, 1024), max_bucket_reso=768),
        BucketRules((512, 512), min_bucket_reso=32, bucket_reso_steps=64),
        BucketRules((512, 512), min_bucket_reso=768, bucket_no_upscale=True),
    ],
)
def test_limits_the_trainer_dies_of(rules: BucketRules) -> None:
    with pytest.raises(InputError):
        bucket_chooser(rules)


def test_thin_picture_without_upscaling_is_refused_with_its_size() -> None:
    choose = bucket_chooser(BucketRules((512, 512), bucket_no_upscale=True))
    with pytest.raises(InputError, match="40x500"):
        choose((40, 500))


def test_sum_is_told_line_by_line() -> None:
    subsets = [CountedSubset(((512, 512),) * 20, 10), CountedSubset(((512, 512),) * 3, 1, is_reg=True)]
    steps = predict_steps(subsets, BucketRules((512, 512)), Pace(2, 2), 8)
    told = " | ".join(line.en for line in steps.lines)
    assert "20 x 10 (pictures x repeats) = 200 samples" in told
    assert "+ 200 samples of regularisation pictures = 400" in told
    assert "512x512: 400/2 -> 200 = 200 batches" in told
    assert f"{steps.steps_per_epoch} steps x 8 epochs = {steps.total_steps} steps" in told
    assert steps.total_steps == 800
    assert steps.exposures_per_image == pytest.approx(80)
    assert all(line.zh for line in steps.lines)


def test_steps_per_epoch_is_the_same_by_both_of_the_trainers_formulas() -> None:
    """It rounds up once for the length and twice for the epochs; both must agree or it would stop in mid-epoch."""
    for batches in range(1, 400):
        for processes in range(1, 9):
            for accumulated in range(1, 9):
                once = math.ceil(batches / processes / accumulated)
                assert once == math.ceil(math.ceil(batches / processes) / accumulated)
