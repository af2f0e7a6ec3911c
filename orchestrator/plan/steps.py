"""The length of a run, counted as sd-scripts counts it: aspect buckets, repeats, regularisation pictures, batches, processes.

Every bucket is rounded up to whole batches by itself, so twenty pictures in seven shapes make more steps than twenty in
one. The same sums, in the same floating-point order, as `BucketManager.select_bucket`, `make_bucket_resolutions` and the
registration loop of `DreamBoothDataset`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, plural
from orchestrator.plan.model import StepPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Size = tuple[int, int]
"""(width, height) in pixels."""


@dataclass(frozen=True, slots=True)
class BucketRules:
    """How pictures are grouped by shape."""

    resolution: Size
    enable_bucket: bool = True
    min_bucket_reso: int = 256
    max_bucket_reso: int = 1024
    bucket_reso_steps: int = 64
    bucket_no_upscale: bool = False


@dataclass(frozen=True, slots=True)
class CountedSubset:
    """One folder, as far as the length is concerned."""

    sizes: tuple[Size, ...]
    """Of each picture, in the order of their names."""
    num_repeats: int
    is_reg: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """What turns pictures into steps."""

    batch_size: int = 1
    gradient_accumulation_steps: int = 1
    num_processes: int = 1


@dataclass(frozen=True, slots=True)
class EpochCount:
    """One epoch."""

    buckets: tuple[tuple[int, int, int], ...]
    """(width, height, samples) in the trainer's order; empty ones left out."""
    batches: int
    steps: int
    train_samples: int
    reg_samples: int
    """As the trainer prints it: pictures times repeats, whether they are all used or not."""


def bucket_resolutions(rules: BucketRules) -> tuple[Size, ...]:
    """Return the shapes pictures may be put into, sorted. Raises InputError where the trainer would refuse the limits."""
    low, high, step = _adjusted_limits(rules)
    area = rules.resolution[0] * rules.resolution[1]
    side = int(math.sqrt(area) // step) * step
    shapes = {(side, side)}
    for width in range(low, high + 1, step):
        height = min(high, int((area // width) // step) * step)
        if height >= low:
            shapes.add((width, height))
            shapes.add((height, width))
    return tuple(sorted(shapes))


def bucket_chooser(rules: BucketRules) -> Callable[[Size], Size]:
    """Return the function that puts a picture of (width, height) pixels into its bucket. Raises InputError for bad limits."""
    if not rules.enable_bucket:
        return lambda _size: rules.resolution
    if rules.bucket_no_upscale:
        _adjusted_limits(rules)  # the trainer asserts them even though it does not use them
        return lambda size: _bucket_without_upscaling(size, rules)
    shapes = bucket_resolutions(rules)
    known = frozenset(shapes)
    ratios = [width / height for width, height in shapes]

    def choose(size: Size) -> Size:
        if size in known:
            return size
        ratio = size[0] / size[1]
        errors = [abs(r - ratio) for r in ratios]
        return shapes[errors.index(min(errors))]

    return choose


def count_epoch(subsets: Sequence[CountedSubset], rules: BucketRules, pace: Pace) -> EpochCount:
    """Count one epoch. Raises InputError for bucket limits the trainer refuses."""
    return EpochCounter([s.sizes for s in subsets], rules, pace).count(
        [s.num_repeats for s in subsets], [s.is_reg for s in subsets]
    )


class EpochCounter:
    """Counts epochs of the same pictures with different repeats: pictures are put into buckets once."""

    def __init__(self, sizes: Iterable[Sequence[Size]], rules: BucketRules, pace: Pace) -> None:
        choose = _remembering(bucket_chooser(rules))
        self._buckets = [[choose(size) for size in folder] for folder in sizes]
        self.pace = pace

    def count(self, num_repeats: Sequence[int], is_reg: Sequence[bool]) -> EpochCount:
        """Count one epoch with these repeats, one value per folder."""
        samples: dict[Size, int] = {}
        train = reg = 0
        reg_pictures: list[tuple[Size, int]] = []
        for folder, repeats, as_reg in zip(self._buckets, num_repeats, is_reg, strict=True):
            if as_reg:
                reg += repeats * len(folder)
                reg_pictures.extend((bucket, repeats) for bucket in folder)
                continue
            train += repeats * len(folder)
            for bucket in folder:
                samples[bucket] = samples.get(bucket, 0) + repeats
        for bucket, count in _registered(reg_pictures, train):
            samples[bucket] = samples.get(bucket, 0) + count
        batches = sum(math.ceil(count / self.pace.batch_size) for count in samples.values())
        steps = math.ceil(batches / self.pace.num_processes / self.pace.gradient_accumulation_steps)
        return EpochCount(tuple((w, h, n) for (w, h), n in sorted(samples.items()) if n), batches, steps, train, reg)


def predict_steps(subsets: Sequence[CountedSubset], rules: BucketRules, pace: Pace, max_train_epochs: int) -> StepPlan:
    """Return the length of a run of `max_train_epochs` epochs. Raises InputError for bucket limits the trainer refuses."""
    epoch = count_epoch(subsets, rules, pace)
    total = max_train_epochs * epoch.steps
    pictures = sum(len(s.sizes) for s in subsets if not s.is_reg)
    return StepPlan(
        buckets=epoch.buckets,
        batches_per_epoch=epoch.batches,
        steps_per_epoch=epoch.steps,
        epochs=max_train_epochs,
        total_steps=total,
        train_samples=epoch.train_samples,
        reg_samples=epoch.reg_samples,
        exposures_per_image=max_train_epochs * epoch.train_samples / pictures if pictures else 0.0,
        lines=_sum_in_lines(subsets, epoch, pace, max_train_epochs),
    )


def _adjusted_limits(rules: BucketRules) -> tuple[int, int, int]:
    """Return (least side, longest side, step) in pixels, moved to multiples of the step as the trainer does."""
    step = rules.bucket_reso_steps
    low = rules.min_bucket_reso - rules.min_bucket_reso % step
    high = rules.max_bucket_reso + -rules.max_bucket_reso % step
    problems = []
    if low > min(rules.resolution) or low < 1:
        problems.append(_bad_limit("min_bucket_reso", rules.min_bucket_reso, step, min(rules.resolution), is_low=True))
    if high < max(rules.resolution):
        problems.append(_bad_limit("max_bucket_reso", rules.max_bucket_reso, step, max(rules.resolution), is_low=False))
    if problems:
        raise InputError(problems)
    return low, high, step


def _bad_limit(key: str, value: int, step: int, side: int, *, is_low: bool) -> Problem:
    en, zh = (f"between {step} and", f"在 {step} 与") if is_low else ("at least", "至少")
    end = "之间" if is_low else ""
    return Problem(
        key.replace("_", "-"),
        Text(f"`{key}` {value} does not fit `resolution`", f"`{key}` {value} 与 `resolution` 不合"),
        Text("the trainer stops with an assertion", "训练器会因断言而停止"),
        Text(f"write a value {en} {side}, a multiple of {step}", f"请写{zh} {side} {end}的值，且为 {step} 的倍数"),
    )


def _bucket_without_upscaling(size: Size, rules: BucketRules) -> Size:
    width, height = size
    ratio = width / height
    step = rules.bucket_reso_steps
    area = rules.resolution[0] * rules.resolution[1]
    if width * height > area:
        wide = math.sqrt(area * ratio)
        width_rounded = _round_down(wide, step)
        height_in_width = _round_down(width_rounded / ratio, step)
        height_rounded = _round_down(area / wide, step)
        width_in_height = _round_down(height_rounded * ratio, step)
        if 0 in {height_in_width, height_rounded}:
            raise InputError([_too_thin(size, step)])
        by_width = abs(width_rounded / height_in_width - ratio)
        by_height = abs(width_in_height / height_rounded - ratio)
        if by_width < by_height:
            width, height = width_rounded, int(width_rounded / ratio + 0.5)
        else:
            width, height = int(height_rounded * ratio + 0.5), height_rounded
    bucket = (width - width % step, height - height % step)
    if 0 in bucket:
        raise InputError([_too_thin(size, step)])
    return bucket


def _round_down(value: float, step: int) -> int:
    whole = int(value + 0.5)
    return whole - whole % step


def _too_thin(size: Size, step: int) -> Problem:
    return Problem(
        "picture-below-bucket-step",
        Text(
            f"a picture of {size[0]}x{size[1]} leaves a side below `bucket_reso_steps` {step}",
            f"{size[0]}x{size[1]} 的图片有一边小于 `bucket_reso_steps` {step}",
        ),
        Text("with `bucket_no_upscale` the trainer divides by zero", "启用 `bucket_no_upscale` 时训练器会除以零"),
        Text(
            "enlarge the picture, take it out, or leave `bucket_no_upscale` out",
            "请放大或移除该图片，或去掉 `bucket_no_upscale`",
        ),
    )


def _registered(pictures: Sequence[tuple[Size, int]], train_samples: int) -> list[tuple[Size, int]]:
    """Return (bucket, samples) of the regularisation pictures that are used: about as many samples as the training has.

    First each picture with its own repeats until that number is reached, then one more of each in turn.
    """
    used: list[list[int]] = []
    total = 0
    if not pictures:
        return []
    for _, repeats in pictures:
        if total >= train_samples:
            break
        used.append([repeats])
        total += repeats
    missing = train_samples - total
    if missing > 0:
        each, rest = divmod(missing, len(pictures))
        for index, count in enumerate(used):
            count[0] += each + (index < rest)
    return [(bucket, count[0]) for (bucket, _), count in zip(pictures, used, strict=False)]


def _remembering(choose: Callable[[Size], Size]) -> Callable[[Size], Size]:
    known: dict[Size, Size] = {}

    def remembered(size: Size) -> Size:
        if size not in known:
            known[size] = choose(size)
        return known[size]

    return remembered


def _sum_in_lines(subsets: Sequence[CountedSubset], epoch: EpochCount, pace: Pace, epochs: int) -> tuple[Text, ...]:
    trained = [s for s in subsets if not s.is_reg]
    products = " + ".join(f"{len(s.sizes)} x {s.num_repeats}" for s in trained)
    lines = [
        Text(
            f"{products} (pictures x repeats) = {epoch.train_samples} samples per epoch",
            f"{products}（图片 x 重复）= 每轮 {epoch.train_samples} 个样本",
        )
    ]
    total = sum(n for _, _, n in epoch.buckets)
    if total != epoch.train_samples:
        lines.append(Text(
            f"+ {total - epoch.train_samples} samples of regularisation pictures = {total}",
            f"+ {total - epoch.train_samples} 个正则化样本 = {total}",
        ))  # fmt: skip
    lines.append(_batches_line(epoch, pace.batch_size))
    if pace.num_processes * pace.gradient_accumulation_steps > 1:
        lines.append(Text(
            f"{epoch.batches} batches / {pace.num_processes} processes / {pace.gradient_accumulation_steps} accumulated, "
            f"rounded up = {epoch.steps} steps per epoch",
            f"{epoch.batches} 批 / {pace.num_processes} 进程 / 累积 {pace.gradient_accumulation_steps}，向上取整 = 每轮 {epoch.steps} 步",
        ))  # fmt: skip
    lines.append(Text(
        f"{epoch.steps} steps x {plural(epochs, 'epoch', 'epochs')} = {epochs * epoch.steps} steps",
        f"{epoch.steps} 步 x {epochs} 轮 = {epochs * epoch.steps} 步",
    ))  # fmt: skip
    return tuple(lines)


def _batches_line(epoch: EpochCount, batch_size: int) -> Text:
    shown = 6
    parts = [f"{w}x{h}: {n}/{batch_size} -> {math.ceil(n / batch_size)}" for w, h, n in epoch.buckets[:shown]]
    more = len(epoch.buckets) - shown
    en = "; ".join(parts) + (f"; and {more} more shapes" if more > 0 else "")
    zh = "；".join(parts) + (f"；另有 {more} 种形状" if more > 0 else "")
    return Text(
        f"each shape rounded up to whole batches: {en} = {epoch.batches} batches per epoch",
        f"每种形状向上取整为整批：{zh} = 每轮 {epoch.batches} 批",
    )
