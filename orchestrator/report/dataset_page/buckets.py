"""The sheet by bucket: which shape each picture is trained in, what that cuts off, and its caption as the trainer reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import InputError
from orchestrator.core.text import Text, plural, same
from orchestrator.diagnose.facts import resolution_side
from orchestrator.plan.prepare import bucket_limits, bucket_rules
from orchestrator.plan.steps import BucketRules, bucket_chooser
from orchestrator.report.dataset_page.gallery import fair
from orchestrator.report.dataset_page.model import Group, Sheet, captioned_shot, sides

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.dataset.model import Dataset, Picture
    from orchestrator.diagnose.rule import Case
    from orchestrator.plan.steps import Size
    from orchestrator.report.dataset_page.gallery import Gallery
    from orchestrator.report.dataset_page.model import Shot

MOST: Final = 800
ASSUMED_SIDE: Final = 1024
"""Pixels, where nobody says: what every family but the two oldest was made for."""
STEP: Final = 64
CUT_ABOVE: Final = 0.10
"""Share of a picture cut off from which on it is said of that picture."""
ENLARGED_ABOVE: Final = 1.5
"""Times per side, as in rule `image-too-small`."""
NO_BUCKET: Final = Text("in no bucket", "无法分桶")
UNREADABLE: Final = Text("the trainer cannot use these files", "训练器无法使用这些文件")


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture gets into its bucket: scaled until it covers it, the rest cut off."""

    scale: float
    """Times per side; above 1 it is enlarged."""
    cut: float
    """Share of the picture that is cut off."""


def fit(size: Size, bucket: Size) -> Fit:
    """Return how a picture of (width, height) pixels gets into a bucket."""
    scale = max(bucket[0] / size[0], bucket[1] / size[1])
    return Fit(scale, max(0.0, 1 - bucket[0] * bucket[1] / (size[0] * size[1] * scale * scale)))


def rules_of(case: Case) -> tuple[BucketRules, Text]:
    """Return the rules by which the trainer will sort the pictures, and where they come from."""
    if case.plan is not None:
        return bucket_rules(case.plan), Text("as the recipe plans it", "按配方的计划")
    side = resolution_side(case)
    told = round(side or ASSUMED_SIDE)
    low, high = bucket_limits((told, told), STEP)
    rules = BucketRules((told, told), min_bucket_reso=low, max_bucket_reso=high, bucket_reso_steps=STEP)
    if side is None:
        return rules, Text(
            f"for {told} x {told} pixels, which is assumed: `--resolution` says another",
            f"按 {told} x {told} 像素（假定值，可用 `--resolution` 指定）",
        )
    return rules, Text(f"for {told} x {told} pixels", f"按 {told} x {told} 像素")


def bucket_sheet(case: Case, dataset: Dataset, gallery: Gallery) -> Sheet:
    """Return all pictures by bucket, the fullest bucket first; what cannot be read comes last."""
    rules, source = rules_of(case)
    by_bucket = _by_bucket(dataset, bucket_chooser(rules))
    order = sorted(by_bucket, key=lambda bucket: (bucket is None, -len(by_bucket[bucket]), bucket or (0, 0)))
    shares = fair([len(by_bucket[bucket]) for bucket in order], MOST)
    groups = tuple(_group(bucket, by_bucket[bucket], most, gallery) for bucket, most in zip(order, shares, strict=True))
    buckets = sum(1 for bucket in order if bucket is not None)
    note = Text(
        f"{plural(buckets, 'bucket', 'buckets')}, {source.en}. Each picture is scaled until it covers its bucket and what stands out "
        "is cut off; a batch holds pictures of one bucket only. Under each picture stands its caption as the trainer reads it.",
        f"{buckets} 个分桶，{source.zh}。每张图片缩放到盖满所在分桶，超出部分会被裁掉；同一批次只含一个分桶的图片。图片下方是训练器读到的标注。",
    )
    return Sheet(groups, note)


def _by_bucket(dataset: Dataset, choose: Callable[[Size], Size]) -> dict[Size | None, list[Picture]]:
    found: dict[Size | None, list[Picture]] = {}
    for folder in dataset.folders:
        for picture in () if folder.is_held_out else folder.pictures:
            found.setdefault(_bucket(picture, choose), []).append(picture)
    return found


def _bucket(picture: Picture, choose: Callable[[Size], Size]) -> Size | None:
    """Return its bucket, None where the trainer would have none."""
    size = picture.size_seen_by_sd_scripts
    if min(size) < 1 or picture.problem:
        return None
    try:
        return choose(size)
    except InputError:  # thinner than a step: told by the plan
        return None


def _group(bucket: Size | None, pictures: list[Picture], most: int, gallery: Gallery) -> Group:
    taken = set(gallery.take([picture.path for picture in pictures], most))
    shots = tuple(_shot(picture, bucket) for picture in pictures if picture.path in taken)
    more = len(pictures) - len(shots)
    if bucket is None:
        return Group(NO_BUCKET, UNREADABLE, shots, more)
    fits = [fit(picture.size_seen_by_sd_scripts, bucket) for picture in pictures]
    cut = max(one.cut for one in fits)
    enlarged = sum(1 for one in fits if one.scale > ENLARGED_ABOVE)
    en = [f"up to {_percent(cut)} cut off"] if cut >= 0.005 else ["nothing is cut off"]
    zh = [f"最多裁掉 {_percent(cut)}"] if cut >= 0.005 else ["无裁切"]
    if enlarged:
        en.append(f"{plural(enlarged, 'is', 'are')} enlarged by more than half")
        zh.append(f"{enlarged} 张放大一半以上")
    return Group(same(sides(*bucket)), Text(", ".join(en), "，".join(zh)), shots, more)


def _shot(picture: Picture, bucket: Size | None) -> Shot:
    size = sides(picture.width, picture.height)
    en, zh = [size], [size]
    if bucket is not None:
        how = fit(picture.size_seen_by_sd_scripts, bucket)
        if how.cut > CUT_ABOVE:
            en.append(f"{_percent(how.cut)} cut off")
            zh.append(f"裁掉 {_percent(how.cut)}")
        if how.scale > ENLARGED_ABOVE:
            times = math.floor(how.scale * 10) / 10
            en.append(f"enlarged {times:g} times")
            zh.append(f"放大 {times:g} 倍")
    note = Text(", ".join(en), "，".join(zh)) if picture.width else None
    return captioned_shot(picture, note)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
