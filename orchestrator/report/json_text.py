"""JSON for programs, on standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_json(content: Mapping[str, Any]) -> None:
    """Write one object; NaN and infinities as text."""
    sys.stdout.write(json.dumps(to_plain(content), ensure_ascii=False, indent=2) + "\n")
