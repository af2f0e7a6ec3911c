"""Numbers as people write them, in messages, tables and pages alike: `1e-4`, never `1e-04` or `0.0001000000`; counts read back."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_WHOLE = re.compile(r"[0-9]{1,15}")


def whole_number(text: str | None) -> int | None:
    """Return a count that somebody else wrote; None where it is none, or of more digits than any count has."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


def short_number(value: float, digits: int = 4) -> str:
    """Return at most `digits` digits: `1600`, `0.0831`, `1e-4`, `2.5e-5`, `NaN`, `-Inf`."""
    if isinstance(value, int) or 9_999.5 <= abs(value) < 99_999.5:
        return str(round(value))
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 9_999.5:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def exact_number(value: float) -> str:
    """Return a setting with all its digits, small ones as `1e-4`, `1.5e-5`."""
    if not math.isfinite(value) or value == 0 or 1e-3 <= abs(value) < 1e16:
        return f"{value:g}" if value == 0 or not math.isfinite(value) else repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{int(exponent) + len(text) - 1}"


def size(size_bytes: int) -> str:
    """Return a file size: `37.9 MiB`."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"
