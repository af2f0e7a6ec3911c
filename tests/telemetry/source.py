"""What a trainer's source says about its classes, read by AST; and the recorded answers for the pinned commit."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TABLE = Path(__file__).parents[2] / "orchestrator" / "telemetry" / "signatures.json"
ENTRIES = (
    "train_network",
    "sdxl_train_network",
    "sd3_train_network",
    "flux_train_network",
    "lumina_train_network",
    "hunyuan_image_train_network",
    "anima_train_network",
)
BASE = "train_network"


def recorded() -> dict[str, dict[str, list[str]]]:
    """Entry -> method -> parameters without self, as recorded."""
    table: dict[str, dict[str, list[str]]] = json.loads(TABLE.read_text())["entries"]
    return table


def classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


def parameters(function: ast.FunctionDef) -> list[str]:
    return [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)][1:]


def methods(kind: ast.ClassDef) -> dict[str, list[str]]:
    return {node.name: parameters(node) for node in kind.body if isinstance(node, ast.FunctionDef)}


def signatures(folder: Path, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Entry -> method -> parameters as the source has them; methods not overridden are the base class's."""
    base = methods(classes(folder / f"{BASE}.py")["NetworkTrainer"])
    found = {}
    for entry in ENTRIES:
        own = [kind for kind in classes(folder / f"{entry}.py").values() if kind.name.endswith("NetworkTrainer")]
        assert len(own) == 1, entry
        if entry != BASE:
            assert [ast.unparse(one) for one in own[0].bases] == ["train_network.NetworkTrainer"]
        together = base | methods(own[0])
        found[entry] = {name: together[name] for name in names}
    return found


STRATEGY_FILES = tuple(f"strategy_{one}" for one in ("sd", "sdxl", "sd3", "flux", "lumina", "hunyuan_image", "anima"))


def recorded_strategies() -> dict[str, dict[str, list[str]]]:
    """File below `library/` -> method of its text strategies -> parameters without a default, as recorded."""
    table: dict[str, dict[str, list[str]]] = json.loads(TABLE.read_text())["strategies"]
    return table


def strategies(folder: Path, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """The same as the source has it; methods that a file's own classes lack are left out."""
    found = {}
    for file in STRATEGY_FILES:
        kinds = classes(folder / "library" / f"{file}.py").values()
        text = [kind for kind in kinds if kind.name.endswith(("TokenizeStrategy", "TextEncodingStrategy"))]
        assert len(text) == 2, file
        own = [node for kind in text for node in kind.body if isinstance(node, ast.FunctionDef)]
        found[file] = {
            node.name: parameters(node)[: len(node.args.args) - 1 - len(node.args.defaults)]
            for node in own
            if node.name in names
        }
    return found
