"""Ten kills of real runs; `make chaos` does fifty and keeps its result (docs/reliability.md)."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from chaos.kill import as_record, wreck

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

KILLS = 5
SEEDS = (20261129, 20261130)
"""Two tests, so that a core that has nothing left to do takes one of them."""
RELIABILITY = {
    "A04": f"{KILLS * len(SEEDS)} kills at random moments, while states and network files are written: no wrong pick, steps exact",
}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    tally = wreck(tmp_path, KILLS, random.Random(seed))
    assert sum(tally.kills.values()) == KILLS
    assert tally.is_clean, json.dumps(as_record(tally, seed), indent=2)
