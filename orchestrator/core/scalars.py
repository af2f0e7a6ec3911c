"""Plain YAML scalars by the core schema of YAML 1.2.

PyYAML reads them by YAML 1.1: `1e-4` as text, `010` as 8, `1:30` as 90, `1_1` as 11, `no` as false, dates as dates.
Here `1e-4` is a number, `010` is 10, and everything else on that list is text.
"""

from __future__ import annotations

import math
import re

PlainValue = str | int | float | bool | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WORD_BOOL = {"yes": True, "on": True, "no": False, "off": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_LARGEST_INT = 2**63 - 1
"""TOML, which carries the values to the trainer, knows no larger one."""
_LONGEST_NUMBER = 400
"""Characters: more than any number between the largest and the smallest float needs."""


class NumberOutOfRangeError(ValueError):
    """A number that neither the trainer nor its files can hold: infinite, not a number, too large or too small."""


def plain_value(text: str) -> PlainValue:
    """Return what the unquoted scalar `text` means.

    Raises NumberOutOfRangeError for numbers beyond 64 bit, infinities, NaN, and fractions that would become 0.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _NOT_FINITE.match(text):
        raise NumberOutOfRangeError(text)
    if text[0] in "+-.0123456789":
        return _number(text)
    return text


def word_bool(text: str) -> bool | None:
    """Return what `yes`, `no`, `on` or `off` (as YAML 1.1 wrote them: lower, Capital, UPPER) means, else None."""
    if text in {text.lower(), text.capitalize(), text.upper()}:
        return _WORD_BOOL.get(text.lower())
    return None


def _number(text: str) -> PlainValue:
    is_float = _FLOAT.match(text) is not None
    base = 10 if _DECIMAL.match(text) else 8 if _OCTAL.match(text) else 16 if _HEXADECIMAL.match(text) else 0
    if not (is_float or base):
        return text
    if len(text) > _LONGEST_NUMBER:
        raise NumberOutOfRangeError(text)
    if base:
        return _in_range(int(text, base), text)
    value = float(text)
    is_lost = value == 0 and re.search(r"[1-9]", re.split("[eE]", text)[0]) is not None
    if not math.isfinite(value) or is_lost:
        raise NumberOutOfRangeError(text)
    return value


def _in_range(value: int, text: str) -> int:
    if abs(value) > _LARGEST_INT:
        raise NumberOutOfRangeError(text)
    return value
