"""Starting a trainer's entry script the way python itself would, with its class in our hands before it begins."""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

BASE = "NetworkTrainer"


def take_the_place_of(script: Path, arguments: list[str]) -> None:
    """Make `sys.argv` and `sys.path` what they are when the script is started directly."""
    sys.argv = [str(script), *arguments]
    if not getattr(sys.flags, "safe_path", False):  # else python put no folder of a script on the path
        sys.path[0] = str(script.resolve().parent)


def import_entry(script: Path) -> ModuleType:
    """Import the entry script under its own name; whatever its import raises is raised."""
    with _garbage_left_alone():
        return importlib.import_module(script.stem)


@contextlib.contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """Pause the cyclic collector: what an import makes stays, and looking through it over and over takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def trainer_class(module: ModuleType) -> type[Any] | None:
    """The most derived class of the module that is a `NetworkTrainer`, None where there is none."""
    found = [one for one in vars(module).values() if isinstance(one, type) and BASE in _names(one)]
    return max(found, key=lambda one: len(one.__mro__), default=None)


def _names(kind: type[Any]) -> list[str]:
    return [one.__name__ for one in kind.__mro__]


def main_block(source: str) -> ast.Module | None:
    """The statements under the last `if __name__ == "__main__":` of a script, None where it has none."""
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If) and _asks_for_main(node.test)]
    return ast.Module(body=blocks[-1].body, type_ignores=[]) if blocks else None


def _asks_for_main(test: ast.expr) -> bool:
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = [test.left, *test.comparators]
    return any(isinstance(one, ast.Name) and one.id == "__name__" for one in sides) and any(
        isinstance(one, ast.Constant) and one.value == "__main__" for one in sides
    )


def run_main_block(module: ModuleType, block: ast.Module, script: Path) -> None:
    """Execute the block in the module's namespace; line numbers in tracebacks are the script's."""
    exec(compile(block, str(script), "exec"), vars(module))  # noqa: S102  what python does with the script
