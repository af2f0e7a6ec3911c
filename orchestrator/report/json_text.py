"""JSON for programs, on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import json_parts, to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_json(content: Mapping[str, Any]) -> None:
    """Write one object; NaN and infinities as text."""
    for part in json_parts(to_plain(content)):
        sys.stdout.write(part)
