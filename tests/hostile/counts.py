"""How much is tried: a share of it at each change, all of it with LORA_FULL=1."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("LORA_FULL") == "1"


def count(full: int, quick: int) -> int:
    """Return `full` where everything is to be tried, else `quick`."""
    return full if IS_FULL else quick
