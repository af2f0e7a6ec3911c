"""Problems as one text, for tests that look at everything a user would be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.problem_text import render_problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.finding import Problem
    from orchestrator.core.text import Language


def render_problems(problems: Iterable[Problem], language: Language = "en") -> str:
    """Return all problems as they are printed, with an empty line between them."""
    return "\n\n".join("\n".join(render_problem(problem, language)) for problem in problems)


def one_line(problem: Problem) -> str:
    """Return `file:line:column: what`."""
    what = render_problem(problem)[0].partition(": ")[2]
    return what if problem.where is None else f"{problem.where}: {what}"
