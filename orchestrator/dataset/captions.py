"""Caption files, read as sd-scripts reads them: UTF-8, first line, stripped; a byte order mark stays."""

from __future__ import annotations

import os

CAPTION_EXTENSIONS = (".txt", ".caption")
"""What people use. sd-scripts itself looks for `.caption` unless told otherwise."""
MOST_BYTES = 1 << 20
_BOM = "\ufeff"
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# Face boxes in file names: sd-scripts looks a second time for the caption without the last four `_` parts.
_FACE_PARTS = 4


def caption_name(stem: str, extension: str, files: set[str]) -> str | None:
    """Return which of `files` sd-scripts takes as the caption of a picture with this stem; None: none."""
    name = stem + extension
    if name in files:
        return name
    if stem.count("_") >= _FACE_PARTS:
        name = stem.rsplit("_", _FACE_PARTS)[0] + extension
        if name in files:
            return name
    return None


def read_caption(path: str) -> tuple[str | None, str]:
    """Return the caption in the file at `path` and what is wrong with it, as in `Picture.caption_problem`."""
    try:
        handle = os.open(path, _OPEN_FLAGS)
    except OSError:
        return None, "caption-unreadable"
    try:
        raw = os.read(handle, MOST_BYTES)
    except OSError:
        return None, "caption-unreadable"
    finally:
        os.close(handle)
    return parse_caption(raw)


def parse_caption(raw: bytes) -> tuple[str | None, str]:
    """Return the caption in the bytes of a caption file and what is wrong with it, as in `Picture.caption_problem`."""
    if not raw:
        return "", "empty-caption"
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None, "caption-not-utf8"
    # The trainer opens in text mode: \n, \r\n and \r end a line, and nothing else does.
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    caption = first.strip()
    if first.startswith(_BOM):
        return caption, "caption-bom"
    if not caption:
        return caption, "blank-caption"
    return caption, "caption-multiline" if rest and not rest.isspace() else ""
