"""How numbers are written beside their words: sizes and times with their units, settings as a recipe writes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import exact_number

if TYPE_CHECKING:
    from orchestrator.core.text import Language

NOTHING = "–"


def count(value: int) -> str:
    """Return a whole number with its thousands apart: `12,800`."""
    return f"{value:,}"


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
