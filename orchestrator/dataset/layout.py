"""The one place that writes and reads `<num_repeats>_<class_tokens>`, the folder names that sd-scripts understands."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_NAME_BYTES = 200
"""File systems allow 255 bytes; the rest is left for a mark that keeps two names apart."""
_NEVER = re.compile(r"[/\\\x00-\x1f\x7f]")
_NEVER_ON_WINDOWS = re.compile(r'[<>:"|?*]')
Role = Literal["train", "regularisation", "validation"]
_ROLES: dict[str, Role] = {
    **dict.fromkeys(
        ("reg", "regs", "regularization", "regularisation", "reg_images", "class_images"), "regularisation"
    ),
    **dict.fromkeys(
        ("val", "valid", "validation", "eval", "test", "holdout", "hold_out", "heldout", "held_out"), "validation"
    ),
}
_TRAINED: Role = "train"


def sanitise_class_tokens(class_tokens: str, *, is_windows: bool = os.name == "nt") -> str:
    """Return `class_tokens` as it may stand in a folder name. Spaces, quotes, commas and CJK stay; slashes become `_`.

    The caption is not touched by this: the data set TOML carries the class tokens as they were written.
    """
    name = _NEVER.sub("_", class_tokens)
    if is_windows:
        name = _NEVER_ON_WINDOWS.sub("_", name).rstrip(". ")
    return name


def folder_name(num_repeats: int, class_tokens: str) -> str:
    """Return `<num_repeats>_<class_tokens>`, at most `MOST_NAME_BYTES` bytes of UTF-8. Raises ValueError for repeats < 1."""
    if num_repeats < 1:
        raise ValueError(f"num_repeats is {num_repeats}: the trainer skips such folders without a word")
    return _cut(f"{num_repeats}_{sanitise_class_tokens(class_tokens)}", MOST_NAME_BYTES)


def parse_folder_name(name: str) -> tuple[int, str] | None:
    """Return (num_repeats, class_tokens) as sd-scripts reads a folder's name; None: it passes the folder over."""
    first, _, rest = name.partition("_")
    try:
        num_repeats = int(first)
    except ValueError:
        return None
    return (num_repeats, rest) if num_repeats >= 1 else None


def unique_folder_names(concepts: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Return a folder name for each (num_repeats, class_tokens), none twice, not even where case or accents' form is lost."""
    names: list[str] = []
    taken: set[str] = set()
    for num_repeats, class_tokens in concepts:
        plain = folder_name(num_repeats, class_tokens)
        name, count = plain, 1
        while folded(name) in taken:
            count += 1
            name = f"{plain} ({count})"
        taken.add(folded(name))
        names.append(name)
    return tuple(names)


def folded(name: str) -> str:
    """Return what is equal for names that some file system takes for one: case and the form of accents do not count."""
    return unicodedata.normalize("NFC", name).casefold()


def _cut(name: str, most_bytes: int) -> str:
    return name.encode("utf-8")[:most_bytes].decode("utf-8", errors="ignore")


def folder_roles(dirs: Sequence[Path]) -> tuple[Role, ...]:
    """Return what the pictures of each folder are for, as names below what all of them lie in say: `reg/1_girl`, `5_reg`, `val`.

    Where no folder is left to train on the names mean something else, and all of them are `train`.
    """
    if len(dirs) < 2:
        return (_TRAINED,) * len(dirs)
    root = Path(os.path.commonpath(dirs))
    roles = tuple(_role(path.relative_to(root).parts) for path in dirs)
    return roles if _TRAINED in roles else (_TRAINED,) * len(dirs)


def _role(parts: Iterable[str]) -> Role:
    for part in parts:
        named = parse_folder_name(part)
        found = _ROLES.get((named[1] if named else part).lower())
        if found is not None:
            return found
    return _TRAINED
