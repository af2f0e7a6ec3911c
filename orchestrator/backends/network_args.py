"""Arguments that the trainer's network modules read from `network_args`, from their source.

A module looks its arguments up one by one (`kwargs.get("conv_dim", None)`) and ignores the rest without a word.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_WHOLE_NUMBERS = ("conv_dim",)
_NUMBERS = ("conv_alpha", "loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio")
_SHARES = ("rank_dropout", "module_dropout")


def wrong_number(pairs: Mapping[str, str]) -> str | None:
    """Return the first `name=value` that has to be a number and is none that fits: whole, finite, a dropout from 0 to below 1."""
    for name, value in pairs.items():
        is_whole = name not in _WHOLE_NUMBERS or re.fullmatch(r"\d+", value) is not None
        number = _number(value)
        if name in (*_WHOLE_NUMBERS, *_NUMBERS, *_SHARES) and (number is None or not is_whole):
            return f"{name}={value}"
        if name in _SHARES and number is not None and not 0 <= number < 1:
            return f"{name}={value}"
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_network_args(checkout: Path) -> dict[str, list[str]]:
    """Return the names that each `networks/*.py` with a `create_network(**kwargs)` looks up, sorted.

    A module of the checkout that cannot be parsed is left out: nothing is known about it.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((checkout / "networks").glob("*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the trainer's invalid escapes are not ours to tell
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, SyntaxError):
                continue
        if any(isinstance(n, ast.FunctionDef) and n.name == "create_network" and n.args.kwarg for n in tree.body):
            found[f"networks.{path.stem}"] = sorted(_looked_up(tree))
    return found


def _looked_up(tree: ast.Module) -> set[str]:
    """Names in `kwargs.get("name")`, `kwargs["name"]` and `"name" in kwargs`, for every mapping called `...kwargs`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            owner, key = node.func.value, node.args[0] if node.args else None
        elif isinstance(node, ast.Subscript):
            owner, key = node.value, node.slice
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            owner, key = node.comparators[0], node.left
        else:
            continue
        is_kwargs = isinstance(owner, ast.Name) and owner.id.endswith("kwargs")
        if is_kwargs and isinstance(key, ast.Constant) and isinstance(key.value, str):
            names.add(key.value)
    return names
