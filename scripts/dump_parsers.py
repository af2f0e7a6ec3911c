"""Record the option parsers of sd-scripts' LoRA entries: `<trainer python> dump_parsers.py CHECKOUT OUT.json`.

One record per option, in the parser's order. Every entry runs in a process of its own, so that nothing one import
registers can leak into another. Values JSON cannot hold are written as `{"repr": ...}`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ENTRIES = (
    "train_network",
    "sdxl_train_network",
    "sd3_train_network",
    "flux_train_network",
    "lumina_train_network",
    "hunyuan_image_train_network",
    "anima_train_network",
)
KINDS = {
    "_StoreAction": "store",
    "_StoreTrueAction": "store_true",
    "_StoreFalseAction": "store_false",
    "_StoreConstAction": "store_const",
    "_AppendAction": "append",
    "_AppendConstAction": "append_const",
    "_CountAction": "count",
    "_HelpAction": "help",
    "_VersionAction": "version",
    "BooleanOptionalAction": "boolean_optional",
    "_ExtendAction": "extend",
}
"""argparse's classes by its own names for them; the trainer's own classes keep theirs."""


def plain(value: object) -> object:
    """The value as JSON can hold it."""
    if value is argparse.SUPPRESS:
        return {"repr": "SUPPRESS"}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else {"repr": repr(value)}  # noqa: PLR0124  NaN
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {"repr": repr(value)}


def type_of(action: argparse.Action) -> str | None:
    """None: argparse's own default (text for store, nothing for flags)."""
    if action.type is None:
        return None
    name = getattr(action.type, "__name__", repr(action.type))
    module = getattr(action.type, "__module__", "")
    return name if module in {"builtins", ""} else f"{module}.{name}"


def option(parser: argparse.ArgumentParser, action: argparse.Action, groups: dict[int, int]) -> dict[str, Any]:
    """One option, everything argparse knows about it."""
    is_hidden = action.help is argparse.SUPPRESS
    return {
        "dest": action.dest,
        "option_strings": list(action.option_strings),
        "type": type_of(action),
        "default": plain(action.default if action.dest == "help" else parser.get_default(action.dest)),
        "action_default": plain(action.default),
        "choices": None if action.choices is None else [plain(choice) for choice in action.choices],
        "nargs": plain(action.nargs),
        "action": KINDS.get(type(action).__name__, type(action).__name__),
        "const": plain(action.const),
        "required": action.required,
        "metavar": plain(action.metavar),
        "exclusive_group": groups.get(id(action)),
        "hidden": is_hidden,
        "help": None if is_hidden else action.help,
    }


def one(entry: str) -> dict[str, Any]:
    """The parser of one entry; the working directory is the checkout."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  what the trainer's scripts see
    parser: argparse.ArgumentParser = importlib.import_module(entry).setup_parser()
    exclusive = enumerate(parser._mutually_exclusive_groups)  # noqa: SLF001  argparse has no other way to ask
    groups = {id(action): number for number, group in exclusive for action in group._group_actions}  # noqa: SLF001
    return {
        "entry": entry,
        "allow_abbrev": parser.allow_abbrev,
        "fromfile_prefix_chars": parser.fromfile_prefix_chars,
        "defaults_set_apart": {key: plain(value) for key, value in parser._defaults.items()},  # noqa: SLF001
        "options": [option(parser, action, groups) for action in parser._actions],  # noqa: SLF001
    }


def dump(checkout: Path, out: Path) -> None:
    """Write `out`; prints how many options each entry has."""
    if not (checkout / "train_network.py").is_file():
        raise SystemExit(f"{checkout} is no sd-scripts checkout: it has no train_network.py")
    asked = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    entries = {}
    for entry in ENTRIES:
        part = out.with_suffix(f".{entry}.part")
        command = [sys.executable, str(Path(__file__).resolve()), "--one", entry, str(part)]
        subprocess.run(command, check=True, cwd=checkout, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        entries[entry] = json.loads(part.read_text(encoding="utf-8"))
        part.unlink()
        print(f"{entry}: {len(entries[entry]['options'])} options")
    record = {"commit": commit, "python": sys.version.split()[0], "entries": entries}
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        text = json.dumps(one(sys.argv[2]), ensure_ascii=False, allow_nan=False)
        Path(sys.argv[3]).write_text(text, encoding="utf-8")
    else:
        dump(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
