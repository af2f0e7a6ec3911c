"""What came of trying everything: `make fuzz` writes it into docs/fuzz.md."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from tests.hostile.counts import IS_FULL

_PAGE = Path(__file__).parents[2] / "docs" / "fuzz.md"
_HEAD = """\
# Hostile input, tried at length

What `make fuzz` tried and what came of it, each test's newest run. CI tries a part of each (`tests/hostile/`); any surprise fails there and here.

| test | tried | result | date |
|---|---|---|---|
"""


def note(test: str, tried: str, result: str) -> None:
    """Write the outcome of a full run into docs/fuzz.md, in the place of this test's last one."""
    if not IS_FULL:
        return
    found = _PAGE.read_text(encoding="utf-8").splitlines() if _PAGE.is_file() else []
    rows = {line.split(" | ")[0]: line for line in found if re.match(r"\| [A-Z]\d\d", line)}
    today = dt.datetime.now(dt.timezone.utc).date().isoformat()
    rows[f"| {test}"] = f"| {test} | {tried} | {result} | {today} |"
    _PAGE.write_text(_HEAD + "".join(f"{rows[name]}\n" for name in sorted(rows)), encoding="utf-8")
