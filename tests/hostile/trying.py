"""Looking at a recipe as `lora-run check` does, without a process of its own; and the tool's source, parsed once."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import orchestrator
from orchestrator.core.errors import InputError
from orchestrator.prepared import prepare

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Build
    from orchestrator.core.finding import Problem


def look(path: Path) -> tuple[Build | None, tuple[Problem, ...]]:
    """What would be run, None where the recipe is refused, and why. Anything but a refusal is raised: it would be a traceback."""
    try:
        done = prepare(path)
    except InputError as error:
        return None, error.problems
    return (None if done.is_refused else done.build), done.problems


@functools.cache
def sources() -> tuple[tuple[str, tuple[ast.AST, ...]], ...]:
    """Each module of the tool with its syntax, flat."""
    files = sorted(Path(orchestrator.__file__).parent.rglob("*.py"))
    return tuple((path.name, tuple(ast.walk(ast.parse(path.read_bytes())))) for path in files)
