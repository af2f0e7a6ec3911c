"""BERT's word pieces, as far as captions need them: numbers to text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_INSIDE = "##"
_SPECIAL = re.compile(r"\[[A-Za-z0-9]+\]")
"""`[PAD]`, `[CLS]`, `[unused17]`: never words."""
_BEFORE = re.compile(r" ([.?!,])")
_APOSTROPHE = re.compile(r" (n't|'(?:m|s|ve|re|d|ll)\b)")


def read_vocabulary(text: str) -> tuple[str, ...]:
    """Return the pieces of a `vocab.txt`, one a line."""
    return tuple(text.removesuffix("\n").split("\n"))


def to_text(numbers: Iterable[int], vocabulary: Sequence[str]) -> str:
    """Return what the pieces say, special ones left out, blanks set as in writing."""
    words: list[str] = []
    for number in numbers:
        piece = vocabulary[number] if 0 <= number < len(vocabulary) else ""
        if not piece or _SPECIAL.fullmatch(piece):
            continue
        if piece.startswith(_INSIDE) and words:
            words[-1] += piece[len(_INSIDE) :]
        else:
            words.append(piece.removeprefix(_INSIDE))
    text = _BEFORE.sub(r"\1", " ".join(words))
    return _APOSTROPHE.sub(r"\1", text.replace(" ' ", "'")).strip()
