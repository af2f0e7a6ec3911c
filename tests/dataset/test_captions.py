"""Captions as the trainer reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.dataset.captions import caption_name, parse_caption, read_caption

if TYPE_CHECKING:
    from pathlib import Path

CASES: list[tuple[bytes, str | None, str]] = [
    (b"mychar, red hair\n", "mychar, red hair", ""),
    (b"mychar", "mychar", ""),
    (b"  mychar  \r\n", "mychar", ""),
    (b"mychar\n\n  \n", "mychar", ""),
    (b"mychar\nsecond line", "mychar", "caption-multiline"),
    (b"mychar\rsecond line", "mychar", "caption-multiline"),
    (b"mychar\r\nsecond line\r\n", "mychar", "caption-multiline"),
    ("初音ミク, 笑顔".encode(), "初音ミク, 笑顔", ""),
    ("初音".encode("gbk"), None, "caption-not-utf8"),
    ("\ufeffmychar".encode(), "\ufeffmychar", "caption-bom"),
    (b"", "", "empty-caption"),
    (b"\nmychar", "", "blank-caption"),
    (b"   ", "", "blank-caption"),
]


@pytest.mark.parametrize(("raw", "caption", "problem"), CASES)
def test_caption_and_its_problem(raw: bytes, caption: str | None, problem: str) -> None:
    assert parse_caption(raw) == (caption, problem)


@pytest.mark.parametrize("raw", [raw for raw, caption, _ in CASES if caption is not None and raw])
def test_first_line_is_that_of_text_mode(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "caption.txt"
    path.write_bytes(raw)
    with path.open(encoding="utf-8") as file:
        first = file.readlines()[0].strip()
    assert read_caption(str(path))[0] == first


def test_unreadable_caption(tmp_path: Path) -> None:
    assert read_caption(str(tmp_path)) == (None, "caption-unreadable")


@pytest.mark.parametrize(
    ("stem", "files", "name"),
    [
        ("01", {"01.txt"}, "01.txt"),
        ("01", {"02.txt"}, None),
        ("face_10_20_30_40", {"face.txt"}, "face.txt"),
        ("face_10_20_30_40", {"face.txt", "face_10_20_30_40.txt"}, "face_10_20_30_40.txt"),
        ("face_10_20_30", {"face.txt"}, None),
    ],
)
def test_name_of_the_caption(stem: str, files: set[str], name: str | None) -> None:
    assert caption_name(stem, ".txt", files) == name
