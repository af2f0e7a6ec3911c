from __future__ import annotations

import ast
from pathlib import Path

import pytest

from orchestrator import diagnose
from orchestrator.diagnose.facts import bounds
from orchestrator.plan.concepts import _BROKEN
from orchestrator.report.measured import FILE_PROBLEMS, UNITS, measured

ROOT = Path(diagnose.__file__).parent.parent


def _units() -> set[str]:
    """Return the unit of each piece of evidence in the code; one that is no plain text would escape the table."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Evidence":
                units = [*node.args[4:5], *(word.value for word in node.keywords if word.arg == "unit")]
                found |= {ast.literal_eval(unit) for unit in units}
    return found


def test_every_unit_of_every_rule_has_chinese_words() -> None:
    assert len(_units()) > 5
    assert _units() == set(UNITS)
    assert all(not chinese.isascii() for _, chinese in UNITS.values())


def test_every_file_problem_that_refuses_a_run_has_words() -> None:
    assert set(FILE_PROBLEMS) == set(_BROKEN)


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (1, "steps", "1 step", "1 步"),
        (12, "steps", "12 steps", "12 步"),
        (9.5, "times", "9.5 times", "9.5 次"),
        ("5-40", "files", "5-40 files", "5-40 个文件"),
        ("truncated-file", "", "cut off, its end is missing", "文件不完整，缺少结尾"),
        (None, "steps", "–", "–"),
        (True, "", "true", "true"),
    ],
)
def test_evidence_is_told_in_both_languages(value: float | str | None, unit: str, english: str, chinese: str) -> None:
    assert measured(value, unit, "en") == english
    assert measured(value, unit, "zh") == chinese


def test_bounds_are_in_no_language() -> None:
    assert bounds(5, 40) == "5-40"
    assert bounds(0.25, 2) == "0.25-2"
    assert bounds(7e-5, 2.5e-4) == "7e-5 - 2.5e-4"
