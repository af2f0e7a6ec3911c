"""Read folders of pictures: every file name once, every header once, every caption once. Nothing is written or decoded."""

from __future__ import annotations

import difflib
import gc
import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Location, Problem
from orchestrator.core.source_unreadable import why_unreadable
from orchestrator.core.text import Text
from orchestrator.dataset.captions import CAPTION_EXTENSIONS, caption_name, read_caption
from orchestrator.dataset.equal_files import equal_files
from orchestrator.dataset.header import Header, read_header
from orchestrator.dataset.layout import parse_folder_name
from orchestrator.dataset.links import leads_out
from orchestrator.dataset.model import Dataset, Folder, Picture
from orchestrator.dataset.repeated_folders import repeated_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LOWER = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
TAKEN_EXTENSIONS = frozenset((*_LOWER, *(e.upper() for e in _LOWER)))
"""What sd-scripts takes without further packages: all lower or all upper case, so `.Jpg` is not among them."""
_OTHER = (".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jfif", ".jpe", ".jp2", ".apng", ".psd", ".svg")
_PICTURE_LIKE = frozenset((*_LOWER, *_OTHER))
_NO_CAPTION_STEMS = frozenset(("readme", "license", "licence", "notes"))
_DEEPEST = 4
_NOT_A_FILE = Header(0, 0, 0, "", "not-a-file")
_STRANGE_CAPTION = (None, "caption-link-outside")
UNKNOWN_FOLDER = Folder(Path(), (), CAPTION_EXTENSIONS[0], is_unread=True)
"""Stands for a folder that nobody could name."""


@dataclass(frozen=True, slots=True)
class FolderRequest:
    """One folder to read, and where the recipe names it."""

    image_dir: Path
    caption_extension: str | None = None
    is_reg: bool = False
    where: Location | None = None
    may_link_out: bool = False
    """Captions may be links to any text: the user trusted the recipe."""


@dataclass(slots=True)
class _Listing:
    """Names found directly in a folder, each sorted into one of the kinds. Hidden files are left out, as in the trainer."""

    pictures: dict[str, bool]
    """Name of what the trainer takes for a picture -> whether it is a file."""
    files: set[str]
    """Other regular files."""
    folders: list[str]
    links: set[str] = field(default_factory=set)
    """Those of `files` that are links."""


def scan_dataset(requests: Iterable[FolderRequest | None]) -> Dataset:
    """Read all folders, one for each request; None: which folder is meant is not known.

    What is wrong with some of them is kept in the data set's `problems`: it hides neither the others nor what comes later.
    """
    folders: list[Folder] = []
    places: list[Location | None] = []
    problems: list[Problem] = []
    for request in requests:
        places.append(None if request is None else request.where)
        if request is None:
            folders.append(UNKNOWN_FOLDER)
            continue
        try:
            folders.append(
                scan_folder(
                    request.image_dir,
                    request.caption_extension,
                    request.is_reg,
                    request.where,
                    may_link_out=request.may_link_out,
                )
            )
        except InputError as error:
            problems.extend(error.problems)
            folders.append(replace(UNKNOWN_FOLDER, image_dir=request.image_dir, is_reg=request.is_reg))
    problems += repeated_folders(zip(folders, places, strict=True))
    return Dataset(tuple(folders), equal_files=equal_files(folders), problems=tuple(problems))


def scan_folder(
    image_dir: Path,
    caption_extension: str | None = None,
    is_reg: bool = False,
    where: Location | None = None,
    *,
    may_link_out: bool = False,
) -> Folder:
    """Read one concept's folder.

    `caption_extension`: with or without its dot; None: the one that most pictures have, `.txt` where there is none.
    `may_link_out`: captions may be links to any text.
    Raises InputError when `image_dir` is missing, no folder, or the parent of `<repeats>_<name>` folders.
    """
    listing = _list_folder(image_dir, where)
    if not listing.pictures:
        _refuse_parent(image_dir, listing, where)
    stems = {name: os.path.splitext(name)[0] for name in sorted(listing.pictures)}  # noqa: PTH122 - a name, 10,000 times
    extension = _extension(caption_extension, stems.values(), listing.files)
    others = [e for e in CAPTION_EXTENSIONS if e != extension]
    if may_link_out:
        listing.links.clear()
    with _without_collection():
        pictures = _read_pictures(str(image_dir), listing, stems, extension)
    return Folder(
        image_dir=image_dir,
        pictures=pictures,
        caption_extension=extension,
        other_captions=sum(
            1 for p, stem in zip(pictures, stems.values(), strict=True)
            if p.caption_path is None and any(caption_name(stem, e, listing.files) for e in others)
        ),
        orphan_captions=_orphans(image_dir, stems.values(), listing.files, extension),
        ignored=tuple(image_dir / n for n in sorted(listing.files) if os.path.splitext(n)[1].lower() in _PICTURE_LIKE),  # noqa: PTH122
        nested=_nested(image_dir, listing.folders),
        shared_stems=tuple(stem for stem, count in Counter(stems.values()).items() if count > 1),
        is_reg=is_reg,
    )  # fmt: skip


def _list_folder(image_dir: Path, where: Location | None) -> _Listing:
    found = _Listing({}, set(), [])
    try:
        with os.scandir(image_dir) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                is_file = _is(entry.is_file)
                if name[name.rfind(".") :] in TAKEN_EXTENSIONS:
                    found.pictures[name] = is_file or _is_broken_link(entry)
                elif is_file:
                    found.files.add(name)
                    if entry.is_symlink():
                        found.links.add(name)
                elif _is(entry.is_dir):
                    found.folders.append(name)
    except OSError as error:
        raise InputError([_unusable(image_dir, error, where)]) from error
    return found


def _is(ask: Callable[[], bool]) -> bool:
    """Links that lead to themselves are neither file nor folder."""
    try:
        return ask()
    except OSError:
        return False


def _is_broken_link(entry: os.DirEntry[str]) -> bool:
    """Broken links are opened all the same, so that their header says `broken-link`."""
    return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the cyclic collector: thousands of small objects are made and none is garbage (measured: 0.36 -> 0.21 s)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_pictures(root: str, listing: _Listing, stems: dict[str, str], extension: str) -> tuple[Picture, ...]:
    pictures = []
    captions: dict[str, tuple[str | None, str]] = {}
    prefix = root if root.endswith(os.sep) else root + os.sep
    for name, stem in stems.items():
        path = prefix + name
        header = read_header(path) if listing.pictures[name] else _NOT_A_FILE
        caption_file = caption_name(stem, extension, listing.files)
        if caption_file is None:
            pictures.append(Picture(Path(path), *header[:6], None, None, "", *header[6:]))
            continue
        if caption_file not in captions:
            is_strange = caption_file in listing.links and leads_out(
                Path(root), Path(path), Path(prefix + caption_file), extension
            )
            captions[caption_file] = _STRANGE_CAPTION if is_strange else read_caption(prefix + caption_file)
        caption, problem = captions[caption_file]
        pictures.append(Picture(Path(path), *header[:6], Path(prefix + caption_file), caption, problem, *header[6:]))
    return tuple(pictures)


def _extension(wanted: str | None, stems: Iterable[str], files: set[str]) -> str:
    """Return the recipe's extension (dot added, as the trainer does), else the one that most pictures have."""
    if wanted:
        return wanted if wanted.startswith(".") else "." + wanted
    names = list(stems)
    found = {e: sum(1 for stem in names if stem + e in files) for e in CAPTION_EXTENSIONS}
    return max(CAPTION_EXTENSIONS, key=lambda e: found[e])


def _orphans(image_dir: Path, stems: Iterable[str], files: set[str], extension: str) -> tuple[Path, ...]:
    wanted = {extension, *CAPTION_EXTENSIONS}
    used = set()
    for stem in stems:
        for e in wanted:
            name = caption_name(stem, e, files)
            if name is not None:
                used.add(name)
    orphans = []
    for name in files - used:
        stem, _, suffix = name.rpartition(".")
        if "." + suffix in wanted and stem.lower() not in _NO_CAPTION_STEMS:
            orphans.append(name)
    return tuple(image_dir / name for name in sorted(orphans))


def _nested(image_dir: Path, names: Iterable[str], depth: int = 1) -> tuple[tuple[Path, int], ...]:
    """Count the pictures in sub-folders, down to four levels; links to folders are not followed."""
    found: list[tuple[Path, int]] = []
    for name in sorted(names):
        folder = image_dir / name
        if folder.is_symlink():
            continue
        try:
            listing = _list_folder(folder, None)
        except InputError:
            continue
        if listing.pictures:
            found.append((folder, len(listing.pictures)))
        if depth < _DEEPEST:
            found.extend(_nested(folder, listing.folders, depth + 1))
    return tuple(found)


def _unusable(image_dir: Path, error: OSError, where: Location | None) -> Problem:
    if isinstance(error, FileNotFoundError):
        return _missing(image_dir, where)
    if isinstance(error, NotADirectoryError):
        return Problem(
            "image-dir-not-a-folder",
            Text(f"`image_dir` is a file: {image_dir}", f"`image_dir` 是文件：{image_dir}"),
            Text("the trainer reads a folder of pictures", "训练器读取的是图片文件夹"),
            Text(f"write the folder that holds it: {image_dir.parent}", f"请写它所在的文件夹：{image_dir.parent}"),
            where,
        )
    why, fix = why_unreadable(error)
    what = Text(f"`image_dir` cannot be read: {image_dir}", f"`image_dir` 无法读取：{image_dir}")
    return Problem("image-dir-unreadable", what, why, fix, where)


def _missing(image_dir: Path, where: Location | None) -> Problem:
    near = _nearest(image_dir)
    if near is None:
        fix = Text("write the path of a folder that exists", "请写一个存在的文件夹路径")
    else:
        fix = Text(f"did you mean {near}?", f"是不是指 {near}？")
    if where is None:  # named on the command line
        start = Text("relative paths start at the working directory", "相对路径从当前目录算起")
        what = Text(f"there is no folder `{image_dir}`", f"没有文件夹 `{image_dir}`")
        return Problem("image-dir-missing", what, start, fix)
    return Problem(
        "image-dir-missing",
        Text(f"`image_dir` does not exist: {image_dir}", f"`image_dir` 不存在：{image_dir}"),
        Text(
            "relative paths start at the folder of the recipe file",
            "相对路径从配方文件所在的文件夹算起",
        ),
        fix,
        where,
    )  # fmt: skip


def _nearest(image_dir: Path) -> Path | None:
    """Return the folder beside the missing one whose name is nearest."""
    try:
        with os.scandir(image_dir.parent) as entries:
            names = [entry.name for entry in entries if _is(entry.is_dir)]
    except OSError:
        return None
    near = difflib.get_close_matches(image_dir.name, names, n=1, cutoff=0.6)
    return image_dir.parent / near[0] if near else None


def _refuse_parent(image_dir: Path, listing: _Listing, where: Location | None) -> None:
    """Raise when the folder holds no picture but `<repeats>_<name>` folders that do."""
    inside = [(n, k) for n in sorted(listing.folders) if (k := parse_folder_name(n)) is not None]
    counts = {n: c for n, c in ((n, _count(image_dir / n)) for n, _ in inside) if c}
    if not counts:
        return
    concepts = "; ".join(
        f"image_dir: {image_dir / n}, num_repeats: {k[0]}, class_tokens: {k[1]}" for n, k in inside if n in counts
    )
    names = ", ".join(f"`{n}` ({c})" for n, c in counts.items())
    raise InputError([
        Problem(
            "image-dir-is-parent",
            Text(
                f"`image_dir` holds no pictures itself, only folders of them: {image_dir} has {names}",
                f"`image_dir` 里没有图片，只有图片文件夹：{image_dir} 里有 {names}",
            ),
            Text(
                "here each concept names the folder with its pictures; the repeats are a key of the recipe",
                "在这里每个 concept 直接写放图片的文件夹；重复次数是配方里的键",
            ),
            Text(f"write one concept per folder: {concepts}", f"每个文件夹写一个 concept：{concepts}"), where,
        )
    ])  # fmt: skip


def _count(folder: Path) -> int:
    try:
        return len(_list_folder(folder, None).pictures)
    except InputError:
        return 0
