"""Names in the new folder: the old ones, unless two would share a caption or one would be too long for the file system."""

from __future__ import annotations

import os
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.layout import folded, parse_folder_name, unique_folder_names
from orchestrator.dataset.prepare.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.dataset.layout import Role
    from orchestrator.dataset.prepare.model import Draft, PrepareOptions

MOST_BYTES: Final = 255
"""Of a file's name, on nearly every file system."""
_PNG: Final = ".png"
PARENTS: Final[dict[Role, str]] = {"train": "", "regularisation": "reg", "validation": "val"}
"""Where the folders of each role lie in the new one: the trainer passes over folders without repeats, so it trains on none of the last two."""


def concept_of(root: Path, options: PrepareOptions, role: Role = "train") -> tuple[int, str]:
    """Return (repeats, class tokens) of an image folder, as asked for or as its own name says; what is not trained on has its own."""
    named = parse_folder_name(root.name)
    repeats, tokens = named if named is not None else (1, root.name)
    return (options.repeats or repeats, options.concept or tokens) if role == "train" else (repeats, tokens)


def name_folders(
    drafts: Sequence[Draft], root: Path, options: PrepareOptions
) -> Mapping[tuple[Path, int], PurePosixPath]:
    """Return the new folder, relative to the whole, of each (image folder, repeats) of the pictures that stay."""
    wanted = sorted({(draft.root, draft.repeats) for draft in drafts if not draft.is_left_out})
    if options.layout == "flat":
        return {key: PurePosixPath(key[0].relative_to(root).as_posix()) for key in wanted}
    roles = {draft.root: draft.role for draft in drafts}
    named: dict[tuple[Path, int], PurePosixPath] = {}
    for role, parent in PARENTS.items():
        keys = [key for key in wanted if roles[key[0]] == role]
        names = unique_folder_names((repeats, concept_of(folder, options, role)[1]) for folder, repeats in keys)
        named |= {key: PurePosixPath(parent, name) for key, name in zip(keys, names, strict=True)}
    return named


def name_files(drafts: Iterable[Draft], folders: Mapping[tuple[Path, int], PurePosixPath]) -> None:
    """Give every picture that stays its files. No two in a folder share a stem: they would share one caption, and one latent cache."""
    staying = [(draft, folders[draft.root, draft.repeats]) for draft in drafts if not draft.is_left_out]
    taken: dict[PurePosixPath, set[str]] = {folder: set() for folder in folders.values()}
    late = []
    # Whoever can keep its name does, so that no new name takes that of another.
    for draft, folder in staying:
        stem = _cut(draft)
        if folded(stem) in taken[folder]:
            late.append((draft, folder))
        else:
            _place(draft, folder, stem, Text("it was too long", "原名过长"))
        taken[folder].add(folded(stem))
    for draft, folder in late:
        stem = next(stem for number in count(2) if folded(stem := _cut(draft, f"-{number}")) not in taken[folder])
        taken[folder].add(folded(stem))
        _place(draft, folder, stem, Text("another has its name", "另一张图片同名"))


def _place(draft: Draft, folder: PurePosixPath, stem: str, why: Text) -> None:
    """Name its files; `why` they are not named as before, where they are not."""
    if stem != draft.path.stem:
        draft.reasons.append(Reason("renamed", Text(f"renamed to {stem}: {why.en}", f"已改名为 {stem}：{why.zh}")))
    draft.files = [folder / (stem + mark + _suffix(draft)) for mark in _marks(draft)]


def _suffix(draft: Draft) -> str:
    return _PNG if draft.is_rewritten else draft.path.suffix


def _marks(draft: Draft) -> list[str]:
    """Return what stands behind the stem of each of its files: nothing, or the number of the tile."""
    tiles = len(draft.placements)
    return [""] if tiles < 2 else [f"-{number:0{len(str(tiles))}d}" for number in range(1, tiles + 1)]


def _cut(draft: Draft, mark: str = "") -> str:
    """Return its stem with `mark`, cut so far that the names of its files and captions are not too long."""
    longest = max(len(suffix.encode()) for suffix in (_suffix(draft), draft.caption_extension))
    room = MOST_BYTES - longest - len(mark) - len(_marks(draft)[-1])
    stem = os.fsencode(draft.path.stem)
    return (draft.path.stem if len(stem) <= room else stem[:room].decode(errors="ignore")) + mark
