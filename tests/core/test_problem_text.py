"""A problem as text: what, where with a caret, why, fix; nothing that steers a terminal or gives a secret away."""

from __future__ import annotations

from orchestrator.core.finding import Location, Problem
from orchestrator.core.problem_text import column_width, render_problem
from orchestrator.core.text import Text
from tests.shown import one_line, render_problems

WHAT = Text("unknown key `netwrok_dim`", "未知的键 `netwrok_dim`")
WHY = Text("it would do nothing", "它不起作用")
FIX = Text("write `network_dim`", "写 `network_dim`")


def at(source: str, column: int, length: int, line: int = 5) -> Problem:
    return Problem("unknown-key", WHAT, WHY, FIX, Location("recipe.yaml", line, column, source, length))


def test_like_a_good_compiler() -> None:
    assert render_problem(at("  netwrok_dim: 32", 3, 11)) == [
        "error[unknown-key]: unknown key `netwrok_dim`",
        " --> recipe.yaml:5:3",
        "5 |   netwrok_dim: 32",
        "  |   ^^^^^^^^^^^",
        "  = why: it would do nothing",
        "  = fix: write `network_dim`",
    ]


def test_in_chinese_and_with_a_longer_line_number() -> None:
    assert render_problem(at("  netwrok_dim: 32", 3, 11, line=120), "zh") == [
        "错误[unknown-key]: 未知的键 `netwrok_dim`",
        "   --> recipe.yaml:120:3",
        "120 |   netwrok_dim: 32",
        "    |   ^^^^^^^^^^^",
        "    = 原因: 它不起作用",
        "    = 修改: 写 `network_dim`",
    ]


def test_the_caret_stands_under_wide_characters() -> None:
    lines = render_problem(at("name: 初音 x", 7, 2))
    assert lines[2:4] == ["5 | name: 初音 x", "  |       ^^^^"]
    after = render_problem(at("初音: bad", 5, 3))
    assert after[3] == "  |       ^^^"
    assert column_width("e\u0301初") == 3


def test_tabs_and_control_characters_are_shown_harmlessly() -> None:
    lines = render_problem(at("\ta: \x1b[31mred", 2, 1))
    assert lines[2] == "5 |     a: \ufffd[31mred"
    assert lines[3] == "  |     ^"
    assert "\x1b" not in one_line(Problem("x", Text("bad \x1b]0;title\x07", "坏 \x1b"), where=None))


def test_a_long_line_is_cut_around_the_caret() -> None:
    lines = render_problem(at("a" * 500 + "BAD" + "b" * 500, 501, 3))
    assert len(lines[2]) < 130
    start = lines[3].index("^")
    assert lines[2][start : start + 3] == "BAD"


def test_secrets_are_masked_in_the_line_and_in_the_words() -> None:
    token = "hf_" + "a" * 20
    problem = Problem("x", Text(f"it is {token}", f"它是 {token}"), where=Location("f", 5, 32, f"  key: {token} x", 1))
    text = render_problems([problem]) + render_problems([problem], "zh")
    assert token not in text
    assert lines_up(render_problem(problem))


def lines_up(lines: list[str]) -> bool:
    return lines[2][lines[3].index("^")] == "x"


def test_without_a_place_there_is_no_arrow() -> None:
    assert render_problem(Problem("x", WHAT)) == ["error[x]: unknown key `netwrok_dim`"]
    assert render_problems([Problem("x", WHAT), Problem("y", WHAT)]).count("\n\n") == 1
