"""The options of a trainer: read from its source, stored as JSON, loaded, compared, and checked against a value.

`python -m orchestrator.backends.argspec CHECKOUT` writes `sd_scripts/options/<commit>.json` anew.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.backends.network_args import read_network_args
from orchestrator.backends.parser_source import ParserReader, UnreadableParserError
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.record import write_text
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["str", "int", "float", "int_or_float", "path", "flag"]

ENTRIES = (
    "train_network",
    "sdxl_train_network",
    "sd3_train_network",
    "flux_train_network",
    "lumina_train_network",
    "hunyuan_image_train_network",
    "anima_train_network",
)
SHIPPED_FOLDER = Path(__file__).parent / "sd_scripts" / "options"
_KINDS: Mapping[str, Kind] = {
    "str": "str",
    "int": "int",
    "float": "float",
    "int_or_float": "int_or_float",
    "pathlib.Path": "path",
}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LISTS = ("*", "+")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an entry script."""

    name: str
    """Key in the train TOML."""
    kind: Kind
    """Type of the value, of each item where `nargs` is set. `int_or_float`: steps, or a share of the run below 1."""
    default: Any = None
    choices: tuple[Any, ...] | None = None
    nargs: str | None = None
    """`*`: a list."""
    source: str = ""
    """File and line of the trainer that define it."""

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return self.nargs in _LISTS


@dataclass(frozen=True, slots=True)
class Difference:
    """One option that differs between two commits."""

    entry: str
    name: str
    change: Literal["added", "removed", "changed"]
    before: Option | None
    after: Option | None

    @property
    def text(self) -> Text:
        """One line for people."""
        label = f"{self.entry}: {self.name}"
        if self.before is None or self.after is None:
            return Text(f"{label} {self.change}", f"{label} {'新增' if self.change == 'added' else '移除'}")
        names = [
            n for n in ("kind", "default", "choices", "nargs") if getattr(self.before, n) != getattr(self.after, n)
        ]
        parts = ", ".join(f"{n} {getattr(self.before, n)!r} -> {getattr(self.after, n)!r}" for n in names)
        return Text(f"{label} changed: {parts}", f"{label} 变化：{parts}")


def read_options(checkout: Path, entry: str) -> dict[str, Option]:
    """Return the options of one entry script of a checkout, by name, in the parser's order.

    Raises UnreadableParserError where the source is missing or builds its parser in an unknown way.
    """
    return _read_entry(ParserReader(checkout), entry)


def extract_options(checkout: Path) -> dict[str, dict[str, Option]]:
    """Return the options of all LoRA entries of a checkout: entry -> name -> option. Raises UnreadableParserError."""
    reader = ParserReader(checkout)
    return {entry: _read_entry(reader, entry) for entry in ENTRIES if (checkout / f"{entry}.py").is_file()}


def _read_entry(reader: ParserReader, entry: str) -> dict[str, Option]:
    options = (_option(call) for call in reader.read(entry))
    return {option.name: option for option in options}


def _option(call: dict[str, Any]) -> Option:
    place = call["source"]
    action = call.get("action", "store")
    if action == "store_true":
        return Option(call["dest"], "flag", default=call.get("default", False), source=place)
    if action == "store_false":
        return Option(call["dest"], "flag", default=call.get("default", True), source=place)
    kind = _KINDS.get(call.get("type") or "str")
    if action != "store" or kind is None:
        raise UnreadableParserError(place, f"action {action}, type {call.get('type')}")
    choices = call.get("choices")
    return Option(
        call["dest"], kind, call.get("default"), None if choices is None else tuple(choices), call.get("nargs"), place
    )


def options_text(
    commit: str, entries: Mapping[str, Mapping[str, Option]], network_args: Mapping[str, Sequence[str]]
) -> str:
    """Return the JSON file of a commit: each distinct option once, one per line, and its numbers per entry."""
    lines: dict[str, int] = {}
    numbers: dict[str, list[int]] = {}
    for entry, options in entries.items():
        numbers[entry] = []
        for option in options.values():
            record = {k: v for k, v in asdict(option).items() if v is not None}
            line = json.dumps(record, ensure_ascii=False)
            numbers[entry].append(lines.setdefault(line, len(lines)))
    head = json.dumps({"commit": commit, "entries": numbers, "network_args": network_args})[:-1]
    return f'{head},\n"options": [\n' + ",\n".join(lines) + "\n]}\n"


def save_options(checkout: Path, commit: str, folder: Path) -> Path:
    """Read a checkout's options and write them as `folder/<commit>.json`. Return the file."""
    path = folder / f"{commit}.json"
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, options_text(commit, extract_options(checkout), read_network_args(checkout)))
    return path


def load_options(commit: str, entry: str, folder: Path | None = None) -> dict[str, Option]:
    """Return the stored options of an entry, looked for in `folder` first, then among the shipped ones.

    Raises EnvironmentFault when no options are stored for this commit or entry.
    """
    content = _stored(commit, folder)
    if entry not in content["entries"]:
        what = Text(f"sd-scripts commit {commit} has no {entry}.py", f"sd-scripts 提交 {commit} 没有 {entry}.py")
        fix = Text(
            "use the pinned commit: `lora-run vendor install sd-scripts`",
            "请使用固定的提交：`lora-run vendor install sd-scripts`",
        )
        raise EnvironmentFault([Problem("missing-entry-script", what, fix=fix)])
    records = [content["options"][number] for number in content["entries"][entry]]
    return {r["name"]: Option(**{**r, "choices": tuple(r["choices"]) if "choices" in r else None}) for r in records}


def load_network_args(commit: str, folder: Path | None = None) -> dict[str, frozenset[str]]:
    """Return the arguments that each network module of the commit reads: module -> names. Raises EnvironmentFault."""
    return {module: frozenset(names) for module, names in _stored(commit, folder)["network_args"].items()}


def _stored(commit: str, folder: Path | None) -> dict[str, Any]:
    for place in (folder, SHIPPED_FOLDER):
        if place is not None and (place / f"{commit}.json").is_file():
            path = place / f"{commit}.json"
            content = _load_file(path, path.stat().st_mtime_ns)
            # A file of an earlier version of this tool, or half a file, counts as none: it is read again on installation.
            if content.keys() >= {"entries", "network_args", "options"}:
                return content
    what = Text(f"the options of sd-scripts commit {commit} are not known", f"不知道 sd-scripts 提交 {commit} 的选项")
    fix = Text(
        "run `lora-run vendor install sd-scripts` again: it reads them",
        "请重新运行 `lora-run vendor install sd-scripts`，它会读取这些选项",
    )
    raise EnvironmentFault([Problem("unknown-trainer-commit", what, fix=fix)])


@lru_cache(maxsize=16)
def _load_file(path: Path, stamp: int) -> dict[str, Any]:  # noqa: ARG001  a changed file has another stamp
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def shipped_option_names() -> frozenset[str]:
    """Return the names of all options of all entries whose options are shipped."""
    files = sorted(SHIPPED_FOLDER.glob("*.json"))
    return frozenset(o["name"] for path in files for o in _load_file(path, path.stat().st_mtime_ns)["options"])


def differences(
    old: Mapping[str, Mapping[str, Option]], new: Mapping[str, Mapping[str, Option]]
) -> tuple[Difference, ...]:
    """Return what differs between two commits' options, places in the source excepted, by entry and name."""
    found: list[Difference] = []
    for entry in sorted({*old, *new}):
        before, after = old.get(entry, {}), new.get(entry, {})
        for name in sorted({*before, *after}):
            one, two = before.get(name), after.get(name)
            if one is None or two is None:
                found.append(Difference(entry, name, "added" if one is None else "removed", one, two))
            elif (one.kind, one.default, one.choices, one.nargs) != (two.kind, two.default, two.choices, two.nargs):
                found.append(Difference(entry, name, "changed", one, two))
    return tuple(found)


def read_commit(checkout: Path) -> str:
    """Return the commit a checkout stands at, from its `.git` files alone. Raises EnvironmentFault where there is none."""
    git = checkout / ".git"
    try:
        if git.is_file():
            git = checkout / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref:"):
            head = _resolve(git, head.removeprefix("ref:").strip())
    except OSError as error:
        head = str(error)
    if _COMMIT.fullmatch(head):
        return head
    what = Text(f"{checkout} is no git checkout: {head}", f"{checkout} 不是 git 检出：{head}")
    raise EnvironmentFault([Problem("no-checkout", what, fix=same("git clone"))])


def _resolve(git: Path, ref: str) -> str:
    loose = git / ref
    if loose.is_file():
        return loose.read_text(encoding="utf-8").strip()
    for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return f"{ref} has no commit"


def main(arguments: Sequence[str]) -> int:
    """Write the options of the checkout named on the command line; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m orchestrator.backends.argspec CHECKOUT\n")
        return 2
    checkout = Path(arguments[0])
    sys.stdout.write(f"{save_options(checkout, read_commit(checkout), SHIPPED_FOLDER)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
