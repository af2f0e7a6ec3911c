"""Two kills of real sd-scripts; `make chaos-sd-scripts` does fifty and keeps its result (docs/reliability.md)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from chaos.kill import as_record, wreck
from chaos.trainers import sd_scripts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.rig

KILLS = 2
RELIABILITY = {"A04": f"{KILLS} kills of real sd-scripts: no wrong pick, steps exact (by hand, docs/rig.md)"}


def test_nothing_is_lost(rig: Path, tmp_path: Path) -> None:
    tally = wreck(tmp_path, KILLS, random.Random(20261129), sd_scripts(rig, tmp_path))
    assert sum(tally.kills.values()) == KILLS
    assert tally.is_clean, as_record(tally, 0)
