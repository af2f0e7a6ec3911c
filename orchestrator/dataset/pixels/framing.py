"""How much of the person is in the picture: head, upper body, full body. Words of the caption first, faces second (faces.py)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.dataset.pixels.model import Face

Kind = Literal["head", "upper-body", "full-body", "none"]


@dataclass(frozen=True, slots=True)
class Framing:
    """`none`: no person, or nothing says. `confidence` 0 ... 1; 0 means that nothing is known."""

    kind: Kind = "none"
    confidence: float = 0.0
    source: Literal["caption", "face", "both", ""] = ""


KNOWN_FROM: Final = 0.4
"""Confidence from which a framing counts as known: a word, or a face on a photograph; not a face on a drawing, nor two words that
contradict each other."""
HEAD_SHARE: Final = 0.30
"""A face box as high as this share of the picture: head and shoulders. An adult is 7 to 8 heads tall (Loomis, Figure Drawing for All It's
Worth, 1943) and the cascade's box is about three quarters of a head: a head that fills 0.4 of the height leaves room for
two and a half heads, which end at the chest."""
UPPER_SHARE: Final = 0.11
"""Down to 0.15 of the height for the head: six and a half heads at most, which end at the knee. Smaller ones may be full figures."""
_SURE_FACE: Final = 0.6
_MAYBE_FACE: Final = 0.4
_BAND: Final = 0.2
"""Within this share of a limit, and for small faces, where feet may be cut off all the same, only `_MAYBE_FACE` is claimed."""


def framing_from_faces(faces: Sequence[Face]) -> Framing:
    """Say what the largest face says. Never sure: sitting, bent or cropped people have the same faces."""
    if not faces:
        return Framing()
    share = max(face.y1 - face.y0 for face in faces)
    if share >= HEAD_SHARE:
        kind: Kind = "head"
    else:
        kind = "upper-body" if share >= UPPER_SHARE else "full-body"
    is_close = any(abs(share / limit - 1) < _BAND for limit in (HEAD_SHARE, UPPER_SHARE))
    return Framing(kind, _MAYBE_FACE if is_close or kind == "full-body" else _SURE_FACE, "face")


_SURE_WORD: Final = 0.9
_WEAK_WORD: Final = 0.5
_TORN_WORD: Final = 0.3
"""Two kinds are named."""
_WORDS: Final[tuple[tuple[Kind, float, str], ...]] = (
    ("none", _SURE_WORD, r"no humans?|no people|no one|nobody|still life|无人"),
    ("full-body", _SURE_WORD, r"(?:full|whole|entire) ?body|full (?:length|figure)|head to (?:toe|feet)|全身"),
    (
        "upper-body",
        _SURE_WORD,
        r"upper ?body|half (?:body|length)|waist ?up|from (?:the )?waist up|cowboy shot|上半身|半身",
    ),
    (
        "upper-body",
        _SURE_WORD,
        r"(?:chest|knees?|thighs?) up|three quarter (?:length|shot)|medium (?:close ?up|shot)|american shot",
    ),
    (
        "head",
        _SURE_WORD,
        r"head ?shot|face focus|head and shoulders|close ?up of (?:[\w']+ ){0,4}(?:face|head)|特写|头像|大头照",
    ),
    ("head", _WEAK_WORD, r"close ?up (?:shot |photo |picture |view )?of"),
    ("full-body", _WEAK_WORD, r"(?:wide|long|full) shot"),
    ("head", _SURE_WORD, r"close ?up|portraits?(?! (?:mode|orientation|format|on the wall))"),
)
"""Kind, confidence, pattern, in the order of asking; what one has matched is gone for the next: a full-length portrait is no head. Words as
in booru's wiki (tag group: image composition) and in captions of photographs."""
_AFTER: Final = r"(?: (?:shot|portrait|view|picture|photo|photograph|image|framing))*"
_NOT: Final = r"(?<!\bnot )(?<!\bnot a )(?<!\bwithout )(?<!\bwithout a )(?<!\bno )"
_KNOWN: Final = tuple(
    (kind, confidence, re.compile(rf"(?<![a-z]){_NOT}(?:{pattern}){_AFTER}(?![a-z])"))
    for kind, confidence, pattern in _WORDS
)
_WEIGHTS: Final = re.compile(r"[()\[\]{}\\]|:[\d.]+")
"""Brackets, backslashes, and weights as in `(full body:1.2)`."""
_BLANKS: Final = re.compile(r"[_\-\s]+")


def framing_from_tags(tags: Sequence[str]) -> Framing:
    """Say what the words of a caption say; tags and whole sentences alike."""
    named: dict[Kind, float] = {}
    for place in sorted({place for tag in tags for piece in tag.split(",") for place in _said(piece)}):
        kind, confidence, _ = _KNOWN[place]
        named[kind] = max(confidence, named.get(kind, 0.0))
    if not named:
        return Framing()
    best = max(named, key=lambda kind: named[kind])  # the first of equals: the wider view
    return Framing(best, named[best] if len(named) == 1 else _TORN_WORD, "caption")


@lru_cache(maxsize=20_000)
def _said(piece: str) -> tuple[int, ...]:
    """Return which of `_KNOWN` a tag, or what stands between two commas, says: no pattern goes beyond a comma, and the same tags come again and again."""
    text = _BLANKS.sub(" ", _WEIGHTS.sub(" ", piece)).strip().lower()
    found = []
    for place, (_, _, pattern) in enumerate(_KNOWN):
        text, count = pattern.subn("|", text)
        if count:
            found.append(place)
    return tuple(found)


_DRAWN: Final = 0.5
"""Share of a face's confidence that is left on drawings."""


def framing(tags: Sequence[str], faces: Sequence[Face] = (), *, is_drawn: bool = False) -> Framing:
    """Combine both: words win over faces, a face that agrees makes them surer, one alone is better than nothing."""
    said, seen = framing_from_tags(tags), framing_from_faces(faces)
    if is_drawn:
        seen = Framing(seen.kind, seen.confidence * _DRAWN, seen.source)
    if not said.confidence:
        return seen
    if not seen.confidence:
        return said
    if said.kind == seen.kind:
        return Framing(said.kind, 1 - (1 - said.confidence) * (1 - seen.confidence), "both")
    return Framing(said.kind, said.confidence * (1 - seen.confidence / 2), "caption")
