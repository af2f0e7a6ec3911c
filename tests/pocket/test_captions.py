"""What happens to a caption before it is read by the text encoder."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.blueprint import Subset
from orchestrator.backends.pocket.trainer.captions import process_caption, read_caption, tag_frequency

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Subset(
    image_dir="x", num_repeats=1, class_tokens=None, is_reg=False, caption_extension=".txt", caption_separator=",",
    caption_prefix=None, caption_suffix=None, shuffle_caption=False, keep_tokens=0, keep_tokens_separator="",
    caption_dropout_rate=0.0, caption_dropout_every_n_epochs=0, caption_tag_dropout_rate=0.0, flip_aug=False,
)  # fmt: skip


def test_only_the_first_line_counts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first, line\nsecond\n", encoding="utf-8")
    assert read_caption(tmp_path / "a.png", "txt") == "first, line"
    assert read_caption(tmp_path / "a.png", ".caption") is None


def test_an_empty_or_foreign_caption_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="empty"):
        read_caption(tmp_path / "a.png", ".txt")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_caption(tmp_path / "a.png", ".txt")


def test_keep_tokens_stay_in_front() -> None:
    random.seed(1)
    subset = replace(PLAIN, shuffle_caption=True, keep_tokens=1)
    texts = {process_caption(subset, "trigger, a, b, c", 1) for _ in range(30)}
    assert all(text.startswith("trigger, ") for text in texts)
    assert len(texts) > 3


def test_the_separator_marks_both_fixed_parts() -> None:
    subset = replace(PLAIN, shuffle_caption=True, keep_tokens_separator="|||")
    text = process_caption(subset, "trigger ||| a, b ||| end", 1)
    assert text.startswith("trigger, ")
    assert text.endswith(", end")


def test_dropout_empties_the_caption() -> None:
    assert process_caption(replace(PLAIN, caption_dropout_rate=1.0), "a, b", 1) == ""
    every_second = replace(PLAIN, caption_dropout_every_n_epochs=2)
    assert [process_caption(every_second, "a", epoch) for epoch in (1, 2, 3, 4)] == ["a", "", "a", ""]
    assert process_caption(replace(PLAIN, caption_tag_dropout_rate=1.0, keep_tokens=1), "a, b, c", 1) == "a"


def test_prefix_and_suffix_are_joined_with_a_space() -> None:
    assert process_caption(replace(PLAIN, caption_prefix="p", caption_suffix="s"), "a, b", 1) == "p a, b s"


def test_tags_are_counted_in_lower_case() -> None:
    assert tag_frequency(["Glx, a cup", "glx,  ,A cup"]) == {"glx": 2, "a cup": 2}
