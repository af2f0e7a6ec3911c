"""Captions: reading the file beside a picture, and what happens to the text at each use."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.backends.pocket.trainer.blueprint import Subset


def read_caption(image: Path, extension: str) -> str | None:
    """First line of the caption file; None when there is no file.

    Raises:
        ConfigurationError: the file is empty or not UTF-8.
    """
    suffix = extension if extension.startswith(".") else "." + extension
    path = image.with_suffix(suffix)
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(f"illegal char in file (not UTF-8): {path}") from None
    if not lines:
        raise ConfigurationError(f"caption file is empty: {path}")
    return lines[0].strip()


def process_caption(subset: Subset, caption: str, epoch: int) -> str:
    """Prefix and suffix, dropout, shuffling; uses the global `random` state, as sd-scripts does. Epochs count from 1."""
    if subset.caption_prefix:
        caption = f"{subset.caption_prefix} {caption}"
    if subset.caption_suffix:
        caption = f"{caption} {subset.caption_suffix}"
    is_dropped = subset.caption_dropout_rate > 0 and random.random() < subset.caption_dropout_rate  # noqa: S311
    every = subset.caption_dropout_every_n_epochs
    if is_dropped or (every > 0 and epoch % every == 0):
        return ""
    if not subset.shuffle_caption and subset.caption_tag_dropout_rate <= 0:
        return caption
    fixed, flexible, tail = _split(subset, caption)
    if subset.shuffle_caption:
        random.shuffle(flexible)
    if subset.caption_tag_dropout_rate > 0:
        flexible = [tag for tag in flexible if random.random() >= subset.caption_tag_dropout_rate]  # noqa: S311
    return ", ".join(fixed + flexible + tail)


def _split(subset: Subset, caption: str) -> tuple[list[str], list[str], list[str]]:
    """Tags that stay in front, tags that move, tags that stay behind."""
    separator = subset.keep_tokens_separator
    if separator and separator in caption:
        parts = caption.split(separator, 2)
        fixed, flexible, *tail = ([t.strip() for t in p.split(subset.caption_separator) if t.strip()] for p in parts)
        return fixed, flexible, tail[0] if tail else []
    tags = [tag.strip() for tag in caption.strip().split(subset.caption_separator)]
    return tags[: subset.keep_tokens], tags[subset.keep_tokens :], []


def tag_frequency(captions: list[str]) -> dict[str, int]:
    """How many captions hold each tag, lower case, repeats not counted."""
    counts: dict[str, int] = {}
    for caption in captions:
        for tag in caption.split(","):
            if name := tag.strip().lower():
                counts[name] = counts.get(name, 0) + 1
    return counts
