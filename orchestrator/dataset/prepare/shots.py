"""Which kind of shot a caption speaks of, in tags or in sentences: a framing, or a back or a detail by the words of our list."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.pixels.framing import KNOWN_FROM, framing_from_tags
from orchestrator.dataset.tags import caption_style, normal, split_tags
from orchestrator.dataset.vocabulary import vocabulary, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.dataset.pixels.framing import Kind

SHOTS: Final[Mapping[str, tuple[str, ...]]] = {
    "back": ("from behind", "facing away", "back focus"),
    "detail": ("foot focus", "hand focus", "lower body", "object focus", "cropped legs", "cropped torso"),
    "upper-body": ("bust",),
    "close-up": ("eye focus",),
}
"""Kind -> words as our list writes them, beside those that `framing_from_tags` knows. A full body from behind is a back."""
_FRAMINGS: Final[Mapping[Kind, str]] = {"head": "close-up", "upper-body": "upper-body", "full-body": "full-body"}
_BEFORE_FRAMING: Final = ("back", "detail")
UNNAMED: Final = "unnamed"
"""The kind of captions that say none of it, and of pictures without one."""
RARE_BY: Final = frozenset(("framing", "view", "pose", "expression", "clothing"))
"""Categories whose words make a shot another one: shoes, a back view, an odd pose."""


def kind_of_shot(caption: str | None) -> str:
    """Return the kind of shot that a caption speaks of, `unnamed` where it says none."""
    words = shot_words(caption)
    named = [kind for kind, ones in SHOTS.items() if not words.isdisjoint(ones)]
    if not caption or (named and named[0] in _BEFORE_FRAMING):
        return named[0] if named else UNNAMED
    framing = framing_from_tags([caption])
    if framing.confidence:
        return _FRAMINGS.get(framing.kind, UNNAMED) if framing.confidence >= KNOWN_FROM else UNNAMED
    return named[0] if named else UNNAMED


@lru_cache(maxsize=50_000)
def shot_words(caption: str | None) -> frozenset[str]:
    """Return the words of our list, as it writes them, by which a caption tells one shot from another."""
    if not caption:
        return frozenset()
    if caption_style(caption) == "tags":
        tags = (written(tag) for tag in split_tags(caption) if tag)
        return frozenset(tag for tag in tags if vocabulary().category(tag) in RARE_BY)
    text = f" {_words(caption)} "
    return frozenset(written(word) for word, spelled in _spellings() if f" {spelled} " in text)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[\w'-]+", normal(text)))


@lru_cache(maxsize=1)
def _spellings() -> tuple[tuple[str, str], ...]:
    """Return (word, as it is looked for in a sentence) of every spelling in those categories."""
    return tuple((word, _words(word)) for word, category in vocabulary().categories.items() if category in RARE_BY)
