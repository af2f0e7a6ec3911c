"""How numbers are written: 1e-4 as people write it, never `0.0001000000`; sizes and times with their units."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.core.text import Language

NOTHING = "–"


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


def count(value: int) -> str:
    """Return a whole number with its thousands apart: `12,800`."""
    return f"{value:,}"


def size(size_bytes: int) -> str:
    """Return a file size: `37.9 MiB`."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"


def duration(seconds: float, language: Language) -> str:
    """Return a time span with its two largest units: `4 min 12 s`, `4 分 12 秒`."""
    if not math.isfinite(seconds):
        return NOTHING
    words = ("小时", "分", "秒") if language == "zh" else ("h", "min", "s")
    if seconds < 10:
        return f"{seconds:.1f} {words[2]}"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} {words[0]} {minutes:02d} {words[1]}"
    return f"{minutes} {words[1]} {rest:02d} {words[2]}" if minutes else f"{rest} {words[2]}"


def plain_value(value: Any) -> str:
    """Return a setting the way a recipe writes it: `true`, `1e-4`, `[0.9, 0.99]`."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return exact_number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(plain_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain_value(item)}" for key, item in value.items()) or NOTHING
    return str(value)
