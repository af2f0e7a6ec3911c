"""Captions as tags: split as the trainer splits, compared as people mean them, and told apart from sentences."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATOR = ","
"""sd-scripts' default of `caption_separator`."""
BOM = "\ufeff"
Style = Literal["tags", "sentences", "unclear"]

_WEIGHT = re.compile(r"^[(\[{]+(?P<tag>.*?)(?::\s*[+-]?\d+(?:\.\d+)?)?[)\]}]+$")
_QUALIFIER = re.compile(r"\S\s*\([^()]*\)$")
"""`lily (flower)`: parentheses that belong to the tag."""
_FACE = re.compile(r"^[^\w\s]*\w?_+\w?[^\w\s]*$")
"""`^_^`, `o_o`, `>_<`: the underscore is a part of the face."""
_BLANKS = re.compile(r"\s+")
_LOOSE = re.compile(r"[\s\-_]+")
_GREY = re.compile(r"\bgray")
_COLOUR = re.compile(r"\bcolor")
_WIDE = re.compile(r"[，、；]")
_SENTENCE_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "has",
        "have",
        "this",
        "that",
        "there",
        "it",
        "its",
        "he",
        "she",
        "they",
        "his",
        "her",
        "their",
        "who",
        "which",
        "while",
        "wearing",
    ]
)
_SMALL_WORDS = frozenset(["in", "of", "with", "and", "against", "into", "from", "at", "on", "to", "as", "by", "over"])
"""Words of sentences that tags have too (`looking at viewer`): they count in longer pieces only."""
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SENTENCE_END = re.compile(r"[.!?。！？](?:\s|$)")
_TAG_WORDS = 4
"""Words in a tag at most, mostly; longer pieces with function words are parts of a sentence."""
_WORDY = 0.2
"""Share of such words from which on a caption reads as a sentence."""
_SHORTEST_SENTENCE = 5
"""Words."""
_TAG_SIGNS = 8
"""The same for scripts without blanks, in characters."""


def split_tags(caption: str, separator: str = SEPARATOR) -> list[str]:
    """Return the pieces of a caption as sd-scripts splits them: stripped, empty ones stay; a byte order mark is taken off."""
    return [piece.strip() for piece in caption.lstrip(BOM).strip().split(separator)]


@lru_cache(maxsize=50_000)
def normal(tag: str) -> str:
    """Return a tag as it is compared: lower case, blanks for underscores, without weight, brackets and escapes."""
    tag = unicodedata.normalize("NFKC", tag).strip().lower()
    tag = tag.replace("\\(", "(").replace("\\)", ")")
    if (tag[:1] in "([{" and tag[-1:] in ")]}") and (match := _WEIGHT.match(tag)) and not _QUALIFIER.search(tag):
        tag = match["tag"]
    if not _FACE.match(tag):
        tag = tag.replace("_", " ")
    return _BLANKS.sub(" ", tag).strip()


@lru_cache(maxsize=50_000)
def loose(tag: str) -> str:
    """Return what is the same for spellings of one tag: `fullbody`, `full-body`, `full_body`; `gray hair`, `grey hair`."""
    tag = _COLOUR.sub("colour", _GREY.sub("grey", normal(tag)))
    return _LOOSE.sub("", tag) if any(c.isalnum() for c in tag) else tag


def caption_style(caption: str) -> Style:
    """Return whether a caption is a list of tags or written in sentences; `unclear` where it is too short to tell."""
    text = caption.lstrip(BOM).lower()
    if not text.isascii():
        text = _WIDE.sub(SEPARATOR, text)
        if len(_CJK.findall(text)) > len(text) / 2:
            return _style_without_blanks(text)
    pieces = [words for piece in text.split(SEPARATOR) if (words := piece.replace(".", " ").split())]
    total = sum(map(len, pieces))
    if total < 2:
        return "unclear"
    function = sum(map(_function_words, pieces))
    is_long = total > _TAG_WORDS * len(pieces)
    is_wordy = function >= _WORDY * total
    if (is_long and (function >= 2 or is_wordy or _SENTENCE_END.search(text) is not None)) or (
        len(pieces) < 3 and is_wordy and total >= _SHORTEST_SENTENCE
    ):
        return "sentences"
    if len(pieces) >= 3 and not is_long:  # `zxq, a cup on a table, red wall`: phrases, neither the one nor the other
        return "unclear" if is_wordy else "tags"
    return "tags" if len(pieces) == 2 and total <= 2 * _TAG_WORDS and not function else "unclear"


def _style_without_blanks(text: str) -> Style:
    """Return the same for scripts that put no blanks between words."""
    signs = [len(_CJK.findall(piece)) for piece in text.split(SEPARATOR) if piece.strip()]
    if "。" in text or sum(1 for count in signs if count > _TAG_SIGNS) * 2 > len(signs):
        return "sentences"
    return "tags" if len(signs) > 1 else "unclear"


def _function_words(piece: list[str]) -> int:
    """Count the words of a piece that sentences are made of."""
    if len(piece) > _TAG_WORDS:
        return sum(1 for word in piece if word in _SENTENCE_WORDS or word in _SMALL_WORDS)
    return 0 if _SENTENCE_WORDS.isdisjoint(piece) else sum(1 for word in piece if word in _SENTENCE_WORDS)


@dataclass(frozen=True)
class Tagged:
    """One caption as tags."""

    caption: str
    """First line as the trainer reads it."""
    style: Style
    separator: str = SEPARATOR

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """As the trainer splits it, empty pieces included; the same ones of many captions are kept once."""
        return tuple(map(sys.intern, split_tags(self.caption, self.separator)))

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Normalised, empty pieces left out, repeated ones stay."""
        return tuple(filter(None, map(normal, self.pieces)))


def tagged(caption: str, separator: str = SEPARATOR) -> Tagged:
    """Return a caption with its style."""
    return Tagged(caption, caption_style(caption), separator)


def tag_counts(captions: Iterable[Tagged]) -> Counter[str]:
    """Return in how many captions each normalised tag stands."""
    counts: Counter[str] = Counter()
    for one in captions:
        counts.update(set(one.tags))
    return counts


def presumed_trigger(captions: Iterable[Tagged], known: Iterable[str] = ()) -> str | None:
    """Return the tag that most captions begin with, where no recipe names the trigger; `known` tags are none.

    Asked for in three of four captions and at least ten: fewer may begin alike by chance.
    """
    first = Counter(one.tags[0] for one in captions if one.style == "tags" and one.tags)
    total = sum(first.values())
    if total < 10:
        return None
    tag, count = first.most_common(1)[0]
    return tag if count >= 0.75 * total and tag not in set(known) else None
