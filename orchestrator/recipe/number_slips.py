"""What a number that was written as text may have meant: with a unit, another keyboard's signs, a comment glued on."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-"})
_AROUND = " \t\u3000\u00a0,;，；。、'\"“”‘’「」"
_COUNTED = re.compile(r"(\S*\d) +[A-Za-z]+|(\d+(?:\.\d+)?)(?:px|x|steps?|epochs?|%)")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_POWER = re.compile(r"(?:(\d+(?:\.\d+)?) ?[x*×·] ?)?10 ?\^ ?(-?\d+)")
_SIDES = re.compile(r"[\[(【]? ?(\d+) ?(?:px)? ?([x*×,，]) ?(\d+) ?(?:px)? ?[\])】]?")
_LEAST_SIDE = 64
"""Smaller numbers behind a comma are the last digits of one number."""


def meant_numbers(text: str) -> Iterator[str]:
    """Yield what `1_000`, `1,5`, `1,000`, `1000 steps`, `1e－4`, `10^-4` or `1e-4 // slow` may have meant, likeliest first."""
    plain = unicodedata.normalize("NFKC", text).translate(_MINUS)
    plain = re.split(r"#|//", plain)[0].strip(_AROUND)
    counted = _COUNTED.fullmatch(plain)
    power = _POWER.fullmatch(plain)
    candidates = [plain]
    if counted is not None and plain.endswith("%"):
        candidates.append(f"{float(counted[2]) / 100:g}")
    elif counted is not None:
        candidates.append(counted[1] or counted[2])
    elif power is not None:
        candidates.append(f"{power[1] or 1}e{power[2]}")
    joined = re.sub(r"(?<=\d)[_ ](?=[\de])", "", plain)
    candidates.append(joined)
    if _GROUPED.fullmatch(joined):
        candidates += [joined.replace(",", ".", 1), joined.replace(",", "")]
    elif joined.count(",") == 1:
        candidates.append(joined.replace(",", "."))
    yield from (candidate for candidate in dict.fromkeys(candidates) if candidate != text)


def meant_sides(text: str) -> str | None:
    """Return `[1024, 768]` for `1024x768`, `1024，768`, `(1024, 768)`; None where no two sides are meant."""
    sides = _SIDES.fullmatch(unicodedata.normalize("NFC", text))
    if sides is None or (sides[2] in ",，" and (int(sides[1]) < _LEAST_SIDE or int(sides[3]) < _LEAST_SIDE)):
        return None
    return f"[{int(sides[1])}, {int(sides[3])}]"
