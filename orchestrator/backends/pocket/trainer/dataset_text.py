"""The `[Dataset i]` block that tells what was really loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.backends.pocket.trainer.blueprint import Subset
    from orchestrator.backends.pocket.trainer.dataset import PictureDataset

# What pocket does not implement is told too, with the value that means "off".
_SUBSET_LINES: tuple[tuple[str, object], ...] = (
    ("num_repeats", ...),
    ("shuffle_caption", ...),
    ("keep_tokens", ...),
    ("caption_dropout_rate", ...),
    ("caption_dropout_every_n_epochs", ...),
    ("caption_tag_dropout_rate", ...),
    ("caption_prefix", ...),
    ("caption_suffix", ...),
    ("color_aug", False),
    ("flip_aug", ...),
    ("face_crop_aug_range", None),
    ("random_crop", False),
    ("token_warmup_min", "1,"),
    ("token_warmup_step", "0,"),
    ("alpha_mask", False),
    ("resize_interpolation", None),
    ("custom_attributes", {}),
    ("is_reg", ...),
    ("class_tokens", ...),
    ("caption_extension", ...),
)


def _subset_block(subset: Subset, count: int, title: str) -> list[str]:
    lines = ["", f"  [Subset {title}]", f'    image_dir: "{subset.image_dir}"', f"    image_count: {count}"]
    for name, off in _SUBSET_LINES:
        lines.append(f"    {name}: {getattr(subset, name) if off is ... else off}")
    return lines


def describe(datasets: list[PictureDataset], title: str) -> str:
    """The `[Dataset i]` block: every effective value."""
    lines: list[str] = []
    for number, dataset in enumerate(datasets):
        plan = dataset.plan
        lines += [
            f"[{title} {number}]",
            f"  batch_size: {plan.batch_size}",
            f"  resolution: {(plan.width, plan.height)}",
            "  resize_interpolation: None",
            f"  enable_bucket: {plan.enable_bucket}",
        ]
        if plan.enable_bucket:
            names = ("min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale")
            lines += [f"  {name}: {getattr(plan, name)}" for name in names]
        for position, (subset, count) in enumerate(dataset.subsets):
            lines += _subset_block(subset, count, f"{position} of {title} {number}")
        lines.append("")
    return "\n".join(lines)
