"""`extends:` - a recipe that builds on another file or on a shipped preset."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.home_path import at_home
from orchestrator.core.provenance import Source
from orchestrator.core.source import Document, display_name, parse_document, read_document
from orchestrator.core.text import Text
from orchestrator.recipe.keys import nearest

if TYPE_CHECKING:
    from orchestrator.core.finding import Location

MAX_CHAIN = 8
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Link:
    """One recipe of a chain."""

    document: Document
    path: Path
    source: Source


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the tool, by name: in an installed package, else in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "shipped" / "recipes"
    folder = installed if installed.is_dir() else package.parent / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def read_chain(path: Path, text: str | None = None) -> list[Link]:
    """Return the recipe at `path` and all that it builds on, weakest first; `text` stands in for a file not yet written.

    Mistakes past which reading could go on stay with each document. Raises InputError when a file is missing or cannot be
    read, or when the chain is circular or too long.
    """
    first = (
        read_document(path, is_forgiving=True)
        if text is None
        else parse_document(text, display_name(path), is_forgiving=True)
    )
    chain = [Link(first, path, Source.RECIPE)]
    try:
        _follow(chain)
    except InputError as error:
        before = [problem for link in chain for problem in link.document.problems]
        raise InputError(dict.fromkeys([*before, *error.problems])) from error
    return chain[::-1]


def _follow(chain: list[Link]) -> None:
    """Add what the recipe builds on, strongest first."""
    seen = [chain[0].path.resolve()]
    while (target := _target(chain[-1])) is not None:
        parent, name = target
        where = chain[-1].document.spots["extends",].value
        if parent.resolve() in seen:
            raise InputError([_circular(where, chain, name)])
        if len(chain) == MAX_CHAIN:
            raise InputError([_too_long(where)])
        seen.append(parent.resolve())
        chain.append(Link(read_document(parent, name, is_forgiving=True), parent, Source.PRESET))


def _target(link: Link) -> tuple[Path, str] | None:
    """Return file and shown name of what a recipe extends, None where it extends nothing."""
    if "extends" not in link.document.data:
        return None
    wanted, where = link.document.data["extends"], link.document.spots["extends",].value
    if (unread := [p for p in link.document.problems if p.where == where]) and not isinstance(wanted, str):
        raise InputError(unread)  # what it inherits is not known: all of that would be told as missing
    if wanted is None:
        return None
    if not isinstance(wanted, str):
        raise InputError([_not_a_name(where)])
    if wanted.endswith(_SUFFIXES):
        parent = Path(os.path.normpath(link.path.parent / at_home(wanted)))
        if not parent.is_file():
            raise InputError([_missing_file(where, wanted)])
        return parent, display_name(parent)
    presets = shipped_recipes()
    if wanted not in presets:
        raise InputError([_unknown_preset(where, wanted, presets)])
    return presets[wanted], f"preset {wanted}"


def _not_a_name(where: Location) -> Problem:
    return Problem(
        "wrong-type",
        Text("`extends` must be the name of a preset or a recipe file", "`extends` 必须是预设名或配方文件名"),
        fix=Text(
            "write `extends: sdxl-character` or `extends: ./base.yaml`",
            "写成 `extends: sdxl-character` 或 `extends: ./base.yaml`",
        ),
        where=where,
    )


def _missing_file(where: Location, wanted: str) -> Problem:
    return Problem(
        "extends-missing",
        Text(f"the recipe `{wanted}` does not exist", f"配方 `{wanted}` 不存在"),
        Text(
            "a relative file starts at the folder of the recipe that names it", "相对路径从写下它的配方所在文件夹算起"
        ),
        Text("correct the path", "改正路径"),
        where,
    )


def _unknown_preset(where: Location, wanted: str, presets: dict[str, Path]) -> Problem:
    meant = nearest(wanted, presets)
    known = ", ".join(f"`{name}`" for name in presets)
    fix = Text(f"presets: {known}; a file ends in `.yaml`", f"预设有：{known}；文件名以 `.yaml` 结尾")
    if meant is not None:
        fix = Text(f"write `{meant}`", f"写 `{meant}`")
    elif "/" in wanted or "\\" in wanted:
        fix = Text("a recipe file ends in `.yaml`: write the whole name", "配方文件以 `.yaml` 结尾：请写全名")
    return Problem(
        "extends-missing", Text(f"there is no preset `{wanted}`", f"没有预设 `{wanted}`"), fix=fix, where=where
    )


def _circular(where: Location, chain: list[Link], name: str) -> Problem:
    way = " -> ".join([link.document.file for link in chain] + [name])
    return Problem(
        "extends-circle",
        Text(f"recipes extend one another in a circle: {way}", f"配方互相 extends，成了一个圈：{way}"),
        fix=Text("delete one of these `extends:` lines", "删去其中一行 `extends:`"),
        where=where,
    )


def _too_long(where: Location) -> Problem:
    return Problem(
        "extends-too-long",
        Text(f"more than {MAX_CHAIN} recipes build on one another here", f"这里有超过 {MAX_CHAIN} 个配方层层继承"),
        fix=Text("copy what is needed into fewer files", "把需要的内容合并到较少的文件里"),
        where=where,
    )
