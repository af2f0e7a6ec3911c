"""A problem that does not say what to do leaves the user alone with it."""

from __future__ import annotations

import ast
from pathlib import Path

import orchestrator


def _problems() -> list[tuple[str, ast.Call]]:
    """Return every `Problem(...)` in the code, with its place."""
    found = []
    for path in sorted(Path(orchestrator.__file__).parent.rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        found += [(f"{path.name}:{c.lineno}", c) for c in calls if ast.unparse(c.func).rpartition(".")[2] == "Problem"]
    return found


def _fix(call: ast.Call) -> ast.expr | None:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    return call.args[3] if len(call.args) > 3 else named.get("fix")


def test_every_problem_says_what_to_do() -> None:
    calls = _problems()
    assert len(calls) > 60
    whole = [(place, call) for place, call in calls if not any(isinstance(a, ast.Starred) for a in call.args)]
    assert [place for place, call in whole if _fix(call) is None] == []
    nothing = [place for place, call in calls if isinstance(_fix(call), ast.Constant)]
    assert nothing == []  # `fix=None` written out
