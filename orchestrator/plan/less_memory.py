"""What a run that did not fit into memory is tried with next, one rung at a time: first what changes nothing but the time it takes.

torch's `PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True` is no rung: it is the user's own environment, which is handed on, and what
it does on each system was not measured here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.text import Text, plural
from orchestrator.plan.explain import plan_settings
from orchestrator.plan.families import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.plan.model import Plan

MOST_RUNGS: Final = 4
HAS_FP8_AND_SWAP: Final = frozenset({"flux", "sd3"})
SWAPPED_BLOCKS: Final = 16
"""What sd-scripts' documents advise for a card of 12 GB; every model of these families has more blocks than that."""
_CHANGES_PICTURES: Final = ("color_aug", "random_crop")


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to need less memory."""

    changes: Mapping[str, Any]
    """Recipe key -> its new value."""
    told: Text


def rungs_left(plan: Plan, *, is_host: bool, has_state: bool) -> Iterator[Rung]:
    """Yield what may still be tried, in order.

    `is_host`: the machine's memory ran out, not the card's. `has_state`: steps are saved that another batch size would make
    wrong, as an epoch may then have other steps.
    """
    settings = plan_settings(plan)
    if is_host:
        if settings.get("cache_latents") and not settings.get("cache_latents_to_disk"):
            yield Rung(
                {"train.cache_latents_to_disk": True}, Text("encoded pictures go to disk", "编码后的图片写入磁盘")
            )
        return
    if facts_of(plan.family).has_gradient_checkpointing and not settings.get("gradient_checkpointing"):
        yield Rung(
            {"train.gradient_checkpointing": True},
            Text("gradient_checkpointing, with slower steps", "打开 gradient_checkpointing，每步变慢"),
        )
    if not settings.get("cache_latents") and not any(settings.get(name) for name in _CHANGES_PICTURES):
        yield Rung(
            {"train.cache_latents": True, "train.cache_latents_to_disk": True},
            Text(
                "each picture is encoded once, before training, and kept on disk",
                "每张图片在训练前只编码一次并存到磁盘",
            ),
        )
    batch, accumulation = int(settings["train_batch_size"]), int(settings.get("gradient_accumulation_steps") or 1)
    if batch > 1 and not has_state:
        smaller = batch // 2 if batch % 2 == 0 else 1
        more = accumulation * (batch // smaller)
        yield Rung(
            {"train.train_batch_size": smaller, "train.gradient_accumulation_steps": more},
            Text(
                f"batches of {smaller} with {plural(more, 'forward pass', 'forward passes')} per step, as many pictures as {batch} x {accumulation}",
                f"批大小 {smaller}，每步 {more} 次前向，与 {batch} x {accumulation} 的图片数相同",
            ),
        )
    if plan.family in HAS_FP8_AND_SWAP:
        if not settings.get("fp8_base"):
            yield Rung(
                {"train.fp8_base": True}, Text("the base model in 8 bit (fp8_base)", "基础模型使用 8 位（fp8_base）")
            )
        if not settings.get("blocks_to_swap"):
            yield Rung(
                {"train.blocks_to_swap": SWAPPED_BLOCKS},
                Text(
                    f"{SWAPPED_BLOCKS} blocks wait in main memory (blocks_to_swap)",
                    f"{SWAPPED_BLOCKS} 个块放在主内存中（blocks_to_swap）",
                ),
            )
