"""Comparing a checkout with its commit, file by file, without git: quick enough to do before every launch.

git's own answer can be told to look away (`skip-worktree`, `info/exclude`) and may start programs that a foreign
repository's configuration names. Hashing the files ourselves does neither.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.record import read_record, write_record
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.run.installed.seen_files import SeenFiles

KIND = "vendor-manifest"
VERSION = 1
_LOADED = (".py", ".pyc", ".so", ".pyd", ".pth")
"""Files that Python may load: a stray one can change what the trainer does."""
_IN_CHINESE = {"changed": "已更改", "absent": "缺少", "added": "新增"}
_SHOWN_CHANGES = 8
_ENVIRONMENTS = {"venv", ".venv", "env", "__pycache__", ".git"}


def write_manifest(path: Path, files: Mapping[str, str]) -> None:
    """Write the commit's files (path -> git blob hash)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path, KIND, VERSION, {"files": dict(files)})


def read_manifest(path: Path) -> dict[str, str]:
    """Read them back. Raises RecordError."""
    files: dict[str, str] = read_record(path, KIND, VERSION)["files"]
    return files


def blob_hash(data: bytes) -> str:
    """Return git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - git's own hash


def find_changes(checkout: Path, files: Mapping[str, str], seen: SeenFiles | None = None) -> tuple[str, ...]:
    """Return what differs from the commit: `changed x.py`, `absent x.py`, `added x.py`, sorted.

    `seen`: files that need no hashing because nobody touched them since the last time; what is hashed now is noted there.

    Line ends alone do not count. Added files count where Python could load them: beside the trainer's own files, or as a new
    package at the top. Pictures, logs and models that people keep in a checkout do not.
    """
    return tuple(sorted([*_compare(checkout, files, seen), *_added(checkout, files)]))


def hashes_of(checkout: Path, changes: Sequence[str]) -> dict[str, str]:
    """Return for each line of `find_changes` git's name for what stands there now; empty where nothing can be read."""
    return {change: _hash_at(checkout / change.partition(" ")[2]) for change in changes}


def _hash_at(path: Path) -> str:
    try:
        return blob_hash(path.read_bytes())
    except OSError:
        return ""


def change_text(change: str) -> Text:
    """Return one line of `find_changes` for people."""
    verb, _, name = change.partition(" ")
    return Text(change, f"{_IN_CHINESE.get(verb, verb)} {name}")


def changes_text(changes: Sequence[str]) -> Text:
    """Return the first few lines of `find_changes` as one sentence that says how many more there are."""
    shown = [change_text(change) for change in changes[:_SHOWN_CHANGES]]
    more = len(changes) - _SHOWN_CHANGES
    en, zh = "; ".join(text.en for text in shown), "；".join(text.zh for text in shown)
    return Text(f"{en}; ... {more} more", f"{zh}；…… 还有 {more} 项") if more > 0 else Text(en, zh)


def _compare(checkout: Path, files: Mapping[str, str], seen: SeenFiles | None) -> list[str]:
    found, root = [], str(checkout)
    for name, wanted in files.items():
        path = f"{root}/{name}"
        try:
            before = os.stat(path)  # noqa: PTH116 - hundreds of them at each launch
            if seen is not None and seen.is_untouched(name, wanted, before):
                continue
            data = Path(path).read_bytes()
        except OSError:
            found.append(f"absent {name}")
            continue
        if blob_hash(data) != wanted and blob_hash(data.replace(b"\r\n", b"\n")) != wanted:
            found.append(f"changed {name}")
        elif seen is not None:
            seen.note(name, wanted, before)
    return found


def _added(checkout: Path, files: Mapping[str, str]) -> list[str]:
    folders = {""}
    for name in files:
        while name := name.rpartition("/")[0]:
            folders.add(name)
    for entry in _entries(checkout):
        is_known = entry.name in folders or entry.name in _ENVIRONMENTS or entry.name.startswith(".")
        if not is_known and entry.is_dir():
            folders.add(entry.name)
    found = []
    for folder in folders:
        for entry in _entries(checkout / folder):
            name = f"{folder}/{entry.name}".lstrip("/")
            if name not in files and entry.name.endswith(_LOADED) and entry.is_file():
                found.append(f"added {name}")
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
