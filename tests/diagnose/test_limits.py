"""What several rules hold a run against stands in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import orchestrator.diagnose

ROOM = Path(orchestrator.diagnose.__file__).parent


@pytest.mark.parametrize(
    ("value", "home"),
    [("loss/validation/epoch_average", "measured"), (1.6, "course")],
)
def test_a_limit_of_several_rules_is_written_once(value: object, home: str) -> None:
    written = {
        path.stem
        for path in ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == value
    }
    assert written == {home}
