from __future__ import annotations

import ast
from pathlib import Path

import pytest

from orchestrator import diagnose
from orchestrator.dataset.pixels.decode import PROBLEMS
from orchestrator.diagnose.facts import bounds
from orchestrator.plan.concepts import _BROKEN
from orchestrator.report.measured import FILE_PROBLEMS, PLACES, SOURCES, UNITS, measured, source_text

ROOT = Path(diagnose.__file__).parent.parent


def _units() -> set[str]:
    """Return the unit of each piece of evidence in the code; one that is no plain text would escape the table."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Evidence", "Told"}:
                units = [*node.args[4:5], *(word.value for word in node.keywords if word.arg == "unit")]
                # `Told` hands its unit on: told.unit is none of its own.
                found |= {ast.literal_eval(unit) for unit in units if ast.unparse(unit) != "told.unit"}
    return found


def test_every_unit_of_every_rule_has_chinese_words() -> None:
    assert len(_units()) > 5
    assert _units() == set(UNITS) | set(PLACES)
    assert all(not chinese.isascii() for unit, (_, chinese) in UNITS.items() if unit.isalpha())


def test_every_file_problem_that_refuses_a_run_has_words() -> None:
    assert set(FILE_PROBLEMS) == {*_BROKEN, *PROBLEMS}


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (1, "steps", "1 step", "1 步"),
        (12, "steps", "12 steps", "12 步"),
        (3, "step", "step 3", "第 3 步"),
        ("1-3", "step", "step 1-3", "第 1-3 步"),
        (4, "epoch", "epoch 4", "第 4 轮"),
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


@pytest.mark.parametrize(
    ("source", "chinese"),
    [
        ("console", "控制台"),
        ("console: line 12", "控制台第 12 行"),
        ("console: line 12, train_util.py:3", "控制台第 12 行, train_util.py:3"),
        ("console: found directory", "控制台: found directory"),
        ("plan", "计划"),
        ("loss/current", "loss/current"),
        ("alice.txt", "alice.txt"),
    ],
)
def test_where_a_fact_was_measured_is_told_in_both_languages(source: str, chinese: str) -> None:
    assert source_text(source, "en") == source
    assert source_text(source, "zh") == chinese


def test_every_source_of_a_rule_that_is_words_has_chinese_ones() -> None:
    """A recipe key, a tag or a file name has `_`, `/` or `.`; a word has none of them."""
    written: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Evidence":
                sources = [*node.args[3:4], *(word.value for word in node.keywords if word.arg == "source")]
                written |= {s.value for s in sources if isinstance(s, ast.Constant) and isinstance(s.value, str)}
    words = {s.partition(": ")[0] for s in written if s and not {"_", "/", "."} & set(s)}
    assert len(words) > 4
    assert words <= set(SOURCES)
