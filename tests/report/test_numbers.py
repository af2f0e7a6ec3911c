from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orchestrator
from orchestrator.core.number_text import exact_number, short_number, size
from orchestrator.diagnose.facts import bounds
from orchestrator.report.numbers import duration, plain_value


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-4, "1e-4"), (2.5e-5, "2.5e-5"), (0.08312, "0.08312"), (0.0831234, "0.08312"), (0.0, "0"), (-0.0, "0"), (1600, "1600"), (10000.0, "10000"), (12345.6, "12346"), (9999.7, "10000"),
     (1.0, "1"), (123456.7, "1.235e5"), (math.nan, "NaN"), (math.inf, "Inf"), (-math.inf, "-Inf"), (-3e-7, "-3e-7"), (99999.9, "1e5")],
)  # fmt: skip
def test_short(value: float, text: str) -> None:
    assert short_number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exact_reads_back(value: float) -> None:
    assert float(exact_number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "–"),
        ([0.9, 1e-5], "[0.9, 1e-5]"),
        ({"a": 1}, "a: 1"),
        ("x", "x"),
        (1e-4, "1e-4"),
        (0.001, "0.001"),
    ],
)
def test_plain_value(value: object, text: str) -> None:
    assert plain_value(value) == text


def test_size_and_time() -> None:
    assert [size(n) for n in (0, 1023, 1024, 39_700_000, 7 * 2**30)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "37.9 MiB",
        "7.00 GiB",
    ]
    assert [duration(s, "en") for s in (0.25, 9.99, 42, 252.4, 7384)] == [
        "0.2 s",
        "10.0 s",
        "42 s",
        "4 min 12 s",
        "2 h 03 min",
    ]
    assert duration(7384, "zh") == "2 小时 03 分"
    assert duration(math.nan, "en") == "–"


def test_no_text_for_people_has_a_notation_of_its_own() -> None:
    """`{value:g}` writes 7.1e-05 where the tables write 7.1e-5: texts use `short_number` or `exact_number`."""
    found = []
    for path in Path(orchestrator.__file__).parent.rglob("*.py"):
        if "pocket/trainer" in path.as_posix() or path.name == "number_text.py":
            continue
        calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        texts = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in {"Text", "same"}]
        parts = [p for t in texts for p in ast.walk(t) if isinstance(p, ast.FormattedValue) and p.format_spec]
        found += [f"{path.name}:{p.lineno}" for p in parts if ast.unparse(p.format_spec or p).strip("f'").endswith("g")]
    assert found == []


def test_a_rule_and_a_table_write_the_same_number() -> None:
    assert bounds(7.1e-5, 2.5e-4) == "7.1e-5 - 2.5e-4"
    assert bounds(5, 40) == "5-40"
    assert bounds(800.0, 12_345.0) == "800-12000"
