"""A recipe as YAML text that this tool reads back unchanged."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from orchestrator.core.home_path import at_home
from orchestrator.core.provenance import Source
from orchestrator.core.scalars import NumberOutOfRangeError, plain_value, word_bool
from orchestrator.recipe.keys import PATH_KEYS, TRAINER_PATH_KEYS, keys_by_path
from orchestrator.recipe.overrides import key_path

if TYPE_CHECKING:
    from orchestrator.core.source import KeyPath
    from orchestrator.recipe.load import LoadedRecipe

_SMALL = 1e-3
_MODEL_FILES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


def dump_resolved(loaded: LoadedRecipe) -> str:
    """Return the recipe with `extends` and `--set` applied, keys in the order of the models.

    Paths stay as written; those that came from a file in another folder, or from the command line, are made absolute.
    """
    return to_yaml(_ordered(loaded, dict(loaded.data), ""))


def to_yaml(data: Any) -> str:
    """Return plain data as YAML text of ours: `parse_document` gives equal data back."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=False
    )
    return text


def scalar_text(value: str | float | bool | None) -> str:
    """Return one value as it is written in a recipe, on one line."""
    style = '"' if isinstance(value, str) and "\n" in value else None
    text: str = yaml.dump(
        [value], Dumper=_Dumper, allow_unicode=True, width=10**6, default_flow_style=True, default_style=style
    )
    return text.strip()[1:-1]


class _Dumper(yaml.SafeDumper):
    """Writes by the rules of our reader: what it would take for a number or a truth value gets quotes, 1e-05 gets none."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return the tag that our reader gives to an unquoted scalar."""
        if kind is yaml.ScalarNode and implicit[0]:
            try:
                return _TAGS[type(plain_value(value))]
            except NumberOutOfRangeError:
                return _TAGS[float]
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


_TAGS = {
    kind: f"tag:yaml.org,2002:{name}"
    for kind, name in {str: "str", int: "int", float: "float", bool: "bool", type(None): "null"}.items()
}


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TAGS[str], value, style="'" if word_bool(value) is not None else None)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TAGS[float], number_text(value))


def number_text(value: float) -> str:
    """Return a number with all its digits, small ones as people write them: `1e-4`, `1.5e-5`."""
    if value == 0 or abs(value) >= _SMALL:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{int(exponent) + len(text) - 1}"


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def _ordered(loaded: LoadedRecipe, value: Any, at: str) -> Any:
    if isinstance(value, list):
        return [_ordered(loaded, item, f"{at}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        order = {path: index for index, path in enumerate(keys_by_path())}
        prefix = _general(f"{at}." if at else "")
        keys = sorted(value, key=lambda key: order.get(f"{prefix}{key}", len(order)))
        return {
            key: _ordered(loaded, value[key], f"{at}.{key}" if at else key) for key in keys if value[key] is not None
        }
    if isinstance(value, str) and names_file(key_path(at)):
        return _path(value, _written_in(loaded, at), loaded.base_dir)
    return value


def _general(path: str) -> str:
    """Return the dotted path with every list index as 0."""
    head, *tail = path.split("[")
    return head + "".join(f"[0{part[part.index(']') :]}" for part in tail)


def _path(value: str, written_in: Path, base_dir: Path) -> str:
    if written_in.absolute() == base_dir.absolute() or not is_relative_file(value, written_in):
        return value
    return os.path.normpath((written_in / value).absolute())


def _written_in(loaded: LoadedRecipe, at: str) -> Path:
    return loaded.base_dirs.get(at) or loaded.base_dirs[at.partition("[")[0]]  # items of a list have none of their own


def trainer_arg(loaded: LoadedRecipe, name: str) -> Any:
    """Return an option of `trainer_args`, files absolute: the trainer's own working directory is the run folder."""
    at, value = f"trainer_args.{name}", loaded.recipe.trainer_args[name]
    if name not in TRAINER_PATH_KEYS or at not in loaded.base_dirs:
        return value
    written_in = loaded.base_dirs[at]
    return [_absolute(item, written_in) for item in value] if isinstance(value, list) else _absolute(value, written_in)


def _absolute(value: Any, written_in: Path) -> Any:
    is_file = isinstance(value, str) and (value.startswith("~") or is_relative_file(value, written_in))
    return str((written_in / at_home(value)).absolute()) if is_file else value


def names_file(path: KeyPath) -> bool:
    """Whether the value at `path` of a recipe names a file or folder, relative to the file it stands in."""
    names = [part for part in path if isinstance(part, str)]
    if names and names[0] == "trainer_args":
        return len(names) == 2 and names[1] in TRAINER_PATH_KEYS
    return bool(names) and names[-1] in PATH_KEYS and path[-1] == names[-1]


def is_relative_file(value: str, written_in: Path) -> bool:
    """Return whether a value names a file or folder relative to `written_in`; `owner/name` of Hugging Face does not."""
    if value.startswith("~") or Path(value).is_absolute():
        return False
    if value.startswith(("./", "../", ".\\", "..\\")) or value.endswith(_MODEL_FILES):
        return True
    return os.path.lexists(written_in / value)


def overridden(loaded: LoadedRecipe) -> dict[str, Any]:
    """Return what the command line wrote, by dotted key; single values and lists, not the sections around them."""
    found: dict[str, Any] = {}
    for key, origin in loaded.origins.items():
        if origin.source is not Source.COMMAND_LINE or any(key.startswith((f"{kept}.", f"{kept}[")) for kept in found):
            continue
        value: Any = loaded.data
        for part in key_path(key):
            value = value[part]
        if not isinstance(value, dict):
            found[key] = value
    return found
