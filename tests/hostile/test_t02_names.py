"""Names that lead elsewhere: each becomes one plain folder inside `runs/`, or is refused; nothing appears outside."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.plan.naming import ascii_stem
from orchestrator.run.records.create import create_run, write_build_to
from tests.hostile.trying import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

DEVICES = tuple(
    f"{name}{end}" for name in ("CON", "prn", "Aux", "NUL", "COM1", "LPT9") for end in ("", ".txt", ".tar.gz")
)
TRAVERSAL = tuple(
    f"{up}{target}" for up in ("../", "..\\", "../../", "..\\..\\", "./../", "....//", "..%2f") for target in ("x", "etc/passwd", "..")
)  # fmt: skip
ABSOLUTE = (
    "/etc/x", "//server/share", "\\\\server\\share", "C:x", "C:\\x", "c:/x", "\\x", "~", "~/x", "~root/x", "$HOME/x", "%APPDATA%\\x",
    "file:///etc/x", "\\\\?\\C:\\x", "\\\\.\\PhysicalDrive0", "/proc/self/cwd/x", "/dev/null", "-/x",
)  # fmt: skip
SEPARATED = (
    "a/b",
    "a\\b",
    "a//b",
    "/a",
    "a/",
    "a\\",
    "a/./b",
    "a/../b",
    "a:b",
    "a::$DATA",
    "a\u2215b",
    "a\uff0fb",
    "a\u29f8b",
)
DOTS = (".", "..", "...", " . ", " .. ", ".hidden", "x.", "x..", "x ", " x", ".x.", "-rf", "--help", "-")
INVISIBLE = (
    "a\u202egnp.exe", "a\u200bb", "\u2066x\u2069", "a\ufeffb", "a\u2028b", "a\u0085b", "a\x00b", "a\nb", "a\rb", "a\tb", "a\x1b[2Jb",
    "a\x7fb", "\u00ad",
)  # fmt: skip
LONG = ("x" * 101, "x" * 300, "\u5f20" * 100, "\U0001f600" * 60, "\u0301" * 90, "e\u0301" * 45)
WELCOME = (
    "\u5f20\u4e09", "\u521d\u97f3\u30df\u30af", "Zo\u00eb", "\U0001f98a", "Alice (v2) 'final'", "a b c", "cafe\u0301", "\u0410\u043b\u0438\u0441\u0430",
)  # fmt: skip
SHELL = ("$(id)", "`id`", ";id", "|id", "&id", "a*", "a?", "[a]", "{a,b}")
NAMES = (*DEVICES, *TRAVERSAL, *ABSOLUTE, *SEPARATED, *DOTS, *INVISIBLE, *LONG, *WELCOME, *SHELL)
FIELDS = ("name", "concepts[].class_tokens", "subject.class_tokens")
RELIABILITY = {
    "T02": f"{len(NAMES)} names (traversal, devices, absolute, separators, dots, invisible, long, shell) in {', '.join(FIELDS)}",
    "I12": f"{len(NAMES)} names: no path outside the run folder",
}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def with_name(field: str, name: str) -> dict[str, Any]:
    if field == "name":
        return {"name": name}
    if field.startswith("concepts"):
        return {"concepts": [{"image_dir": "images", "class_tokens": name}]}
    return {"subject": {"class_tokens": name}}


@pytest.mark.parametrize("field", FIELDS)
def test_no_name_leads_out(recipe: Write, tmp_path: Path, field: str) -> None:
    runs = tmp_path / "runs"
    welcome = []
    recipe()
    before = everything(tmp_path)
    for number, name in enumerate(NAMES):
        build, _ = look(recipe(**with_name(field, name)))
        if build is None:
            continue
        made = runs / str(number)
        if field == "name":
            made = create_run(runs, name, build).root
        else:
            write_build_to(made, build)
        assert made.parent == runs
        assert is_plain(made.name), made.name
        inside = [path.relative_to(made).parts for path in made.rglob("*")]
        assert all(is_plain(part) for parts in inside for part in parts)
        assert {parts[1] for parts in inside if parts[0] == "data" and len(parts) == 2}
        welcome.append(name)
    after = {path for path in everything(tmp_path) if runs not in (path, *path.parents)}
    assert after - before == set()
    assert set(WELCOME) <= set(welcome)


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def is_plain(part: str) -> bool:
    """One name, which says what it is."""
    return (
        part not in {".", ".."}
        and not any(character in "/\\" or unicodedata.category(character) in _INVISIBLE - {"Cf"} for character in part)
        and len(part.encode()) <= 255
    )


@pytest.mark.parametrize("name", NAMES)
def test_file_names_are_plain_letters(name: str) -> None:
    stem = ascii_stem(name)
    assert stem.isascii()
    assert all(letter.isalnum() or letter in "._-" for letter in stem)
    assert not stem.startswith((".", "-"))
    assert 0 < len(stem) <= 90
