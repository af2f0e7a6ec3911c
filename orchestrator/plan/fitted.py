"""What of an old recipe does not fit the pictures of the next one: a size they do not fill, one shape for many.

Only what does not fit is changed, for somebody chose the rest. Repeats and epochs are the business of `kept_length.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.plan.families import facts_of, native_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.source import KeyPath
    from orchestrator.plan.model import Plan
    from orchestrator.plan.steps import Size
    from orchestrator.recipe.load import LoadedRecipe

RESOLUTION: Final = ("dataset", "resolution")
ENABLE_BUCKET: Final = ("dataset", "enable_bucket")
CROPPED_ABOVE: Final = 0.2
"""Share of a picture that one shape for all may cut away. 3:4 loses a quarter to a square."""
MOST_CROPPED: Final = 0.1
"""Share of the pictures that may lose more."""
ENLARGED_ABOVE: Final = 1.5
"""Times per side from which it is told, as rule `image-too-small` does."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One thing about the new pictures and the old recipe."""

    told: Text
    path: KeyPath | None = None
    """The key that is changed; None: it is only told."""
    value: int | bool | None = None


def fits_of(loaded: LoadedRecipe, plan: Plan, concept: int) -> tuple[Fit, ...]:
    """Return what has to change in a recipe for the pictures of its subject, with the arithmetic. `plan`: of the recipe as it is."""
    held = plan.validation.sizes if plan.validation is not None else ()
    sizes = [size for size in (*plan.subsets[concept].sizes, *held) if min(size) > 0]
    if not sizes:
        return ()
    width, height = plan.dataset_general["resolution"].value
    fits = _resolution(loaded, plan, (width, height), sizes)
    lowered = next((int(fit.value) for fit in fits if fit.path == RESOLUTION and fit.value is not None), None)
    trained = (width, height) if lowered is None else (lowered, lowered)
    return (*fits, *_buckets(plan, trained, sizes))


def _resolution(loaded: LoadedRecipe, plan: Plan, size: Size, sizes: Sequence[Size]) -> list[Fit]:
    """Lower a resolution that most pictures do not fill, though never below what the base model was made for."""
    side, own = _side(size), median(map(_side, sizes))
    if own >= side:
        return []
    base, family = native_side(loaded.recipe.base_model), loaded.recipe.base_model.family
    step = _bucket_step(plan)
    lower = max(base, int(own) // step * step)
    found = []
    if lower < side and size[0] == size[1]:
        found.append(Fit(
            Text(
                f"`dataset.resolution` {side:.0f} -> {lower}: the new pictures are about {own:.0f} x {own:.0f} pixels (median area) and would be "
                f"enlarged {side / own:.2f} times; {lower} is the largest multiple of {step} that they fill, and no less than the {base} of {family}",
                f"`dataset.resolution` {side:.0f} -> {lower}：新图片约为 {own:.0f} x {own:.0f} 像素（面积的中位数），会被放大 {side / own:.2f} 倍；"
                f"{lower} 是它们能填满的最大的 {step} 的倍数，且不低于 {family} 的 {base}",
            ) if lower <= own else Text(
                f"`dataset.resolution` {side:.0f} -> {lower}: the new pictures are about {own:.0f} x {own:.0f} pixels (median area) and would be "
                f"enlarged {side / own:.2f} times; {family} was made for {base} and should not be trained lower",
                f"`dataset.resolution` {side:.0f} -> {lower}：新图片约为 {own:.0f} x {own:.0f} 像素（面积的中位数），会被放大 {side / own:.2f} 倍；"
                f"{family} 基于 {base} 像素，不宜更低",
            ),
            RESOLUTION,
            lower,
        ))  # fmt: skip
        side = lower
    if side / own > ENLARGED_ABOVE:
        found.append(Fit(Text(
            f"the new pictures are enlarged {side / own:.2f} times ({side:.0f} / {own:.0f}, median): larger originals would hold more to learn",
            f"新图片会被放大 {side / own:.2f} 倍（{side:.0f} / {own:.0f}，中位数）：更大的原图有更多可学的细节",
        )))  # fmt: skip
    return found


def _buckets(plan: Plan, size: Size, sizes: Sequence[Size]) -> list[Fit]:
    """Turn buckets on where one shape for all would cut too much away."""
    if plan.dataset_general["enable_bucket"].value:
        return []
    lost = [_cropped(own, size) for own in sizes]
    hurt = [share for share in lost if share > CROPPED_ABOVE]
    if len(hurt) <= MOST_CROPPED * len(sizes):
        return []
    width, height = size
    return [Fit(
        Text(
            f"`dataset.enable_bucket` false -> true: cropped to {width}x{height}, {len(hurt)} of {len(sizes)} new pictures would lose more than "
            f"{CROPPED_ABOVE:.0%} of themselves, half of these {median(hurt):.0%} and more; in buckets each keeps its shape",
            f"`dataset.enable_bucket` false -> true：裁成 {width}x{height} 时，{len(sizes)} 张新图片中有 {len(hurt)} 张会失去 "
            f"{CROPPED_ABOVE:.0%} 以上，其中一半失去 {median(hurt):.0%} 或更多；分桶后各自保持比例",
        ),
        ENABLE_BUCKET,
        value=True,
    )]  # fmt: skip


def _side(size: Size) -> float:
    """Return the side of the square of that area: buckets keep the area."""
    return math.sqrt(size[0] * size[1])


def _cropped(own: Size, target: Size) -> float:
    """Return the share that is cut away where a picture is enlarged or shrunk to cover the target."""
    aspect = own[0] / own[1] / (target[0] / target[1])
    return 1 - min(aspect, 1 / aspect)


def _bucket_step(plan: Plan) -> int:
    known = plan.dataset_general.get("bucket_reso_steps")
    return int(known.value) if known is not None else facts_of(plan.family).bucket_reso_steps
