"""Find JPEG files whose data is damaged but decodes: every reader, the trainer's too, shows them without a word.

The file is handed to the decoder byte by byte at its end. Sound data is used up exactly when the last row is done (measured: nothing left over, and at
most 7 bytes wanted beyond it, which is the decoder's bit buffer). Damage makes the decoder lose its place among the codes of varying length, so that
it is done early, or still wants more: both are seen from outside. One damaged file in some regains its place to the byte and passes
(docs/log.md); progressive files and files with restart marks are judged by their marks alone.
"""

from __future__ import annotations

import re
from typing import Final

MOST_WANTED: Final = 8
"""Bytes beyond the data that the decoder may look ahead: its bit buffer has 64 bits."""
MOST_LEFT: Final = 2
"""Bytes that may be left over, besides padding."""
_PADDING: Final = frozenset((0x00, 0xFF))
_SLOW: Final = 128
"""From so many bytes before the end on they come one at a time."""
_TAIL: Final = 4096
_FILLER: Final = b"\0"
_MOST_FILLER: Final = 64
"""Then the file counts as cut."""
_END_OF_DATA: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A mark inside compressed data: 0xFF that is neither stuffed nor a restart."""
_BASELINE: Final = (0xC0, 0xC1)
_END = 0xD9


class JpegStream:
    """A file of JPEG bytes, handed out by Pillow's wishes up to the end of the data and then in small pieces."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        start, self._end, self.bad_mark = _data_end(raw)
        self._pieces_from = max(start, self._end - _TAIL)
        """Not before: whoever reads the header wants what he asked for."""
        self._wanting = 0

    @property
    def has_end(self) -> bool:
        """Whether the data is followed by the mark that ends it."""
        return bool(self._end)

    @property
    def is_damaged(self) -> bool:
        """Tell after decoding whether the data did not fit the picture."""
        if self.bad_mark:
            return True
        if not self._end:
            return False
        rest = self._raw[self._at : self._end]
        return self._wanting > MOST_WANTED or (len(rest) > MOST_LEFT and not set(rest) <= _PADDING)

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, none at the end."""
        if count < 0:
            count = len(self._raw)
        if not self._end:
            return self._take(count)
        if self._at < self._pieces_from:
            return self._take(min(count, self._pieces_from - self._at))
        if self._at < self._end:
            return self._take(min(count, self._at_most()))
        if self._at > self._end:
            return self._take(count)  # behind the picture: somebody reads what follows
        if self._wanting >= _MOST_FILLER:
            return b""
        self._wanting += 1
        return _FILLER

    def _at_most(self) -> int:
        left = self._end - self._at
        return left // 2 if left > _SLOW else 1

    def _take(self, count: int) -> bytes:
        piece = self._raw[self._at : self._at + count]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as files do."""
        self._at = max(0, offset + (0, self._at, len(self._raw))[whence])
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at


def _data_end(raw: bytes) -> tuple[int, int, bool]:
    """Return where the data of a baseline file with one scan begins and ends (0: not that kind, or cut), and whether a mark inside is none.

    Walks the segments: ITU-T T.81, B.1.1.
    """
    at, parts, is_baseline, has_restarts = 2, 0, False, False
    while at + 10 <= len(raw) and raw[at] == 0xFF:
        mark = raw[at + 1]
        if mark == 0xFF:
            at += 1
            continue
        length = int.from_bytes(raw[at + 2 : at + 4], "big")
        if 0xC0 <= mark <= 0xCF and mark not in {0xC4, 0xC8, 0xCC}:
            is_baseline, parts = mark in _BASELINE, raw[at + 9]
        elif mark == 0xDD:
            has_restarts = raw[at + 4 : at + 6] != b"\0\0"
        elif mark == 0xDA:
            break
        at += 2 + length
    else:
        return 0, 0, False
    start = at + 2 + length
    found = _END_OF_DATA.search(raw, start)
    if found is None or not is_baseline or raw[at + 4] != parts:
        return 0, 0, False
    if raw[found.end() - 1] != _END:
        # Between the data and the end nothing else can stand in such a file, but a number of lines (DNL).
        return 0, 0, raw[found.end() - 1] != 0xDC
    return start, 0 if has_restarts else found.start(), False
