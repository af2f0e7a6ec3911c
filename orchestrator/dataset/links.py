"""Captions that are links. What they lead to is trained and stands in the LoRA's metadata, so not every text file may be one.

Folders made of links are an honest habit (each run of this tool trains from one), so a caption may be a link as its picture is:
into the folder itself, or, under the caption's extension, to where the picture's own file lies. Stores that keep each file under the
hash of its content (git-annex, DVC, the cache of Hugging Face) pass too: whoever can name such a file knows what it says. Anywhere
else only the captions of a trusted recipe may lead. Pictures may lead anywhere: only a picture is ever trained of them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_MOST_HOPS = 40
"""As many links in a row as Linux follows."""
_MOST_BYTES = 1 << 20
"""No caption is longer."""


def leads_out(root: Path, picture: Path, caption: Path, extension: str) -> bool:
    """Whether the link `caption`, of `picture` in the folder `root`, leads to a text that is no caption of it."""
    target = Path(os.path.realpath(caption))  # never raises, where Path.resolve would at a circle
    if Path(os.path.realpath(root)) in target.parents:
        return False
    is_beside = target.name.endswith(extension) and target.parent in _folders_of(picture)
    return not (is_beside or _is_named_by_content(target))


def _is_named_by_content(file: Path) -> bool:
    """Whether the name of a file, its folder's included, holds the hash of its content: MD5, SHA-1, SHA-256, or git's."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError:
        return False
    name = "".join(file.parts[-2:]).lower()  # DVC: `files/md5/0b/1f34...`
    git = hashlib.sha1(b"blob %d\0" % len(data) + data)  # noqa: S324 - names of files, no secrets
    hashes = (hashlib.md5(data), hashlib.sha1(data), hashlib.sha256(data), git)  # noqa: S324
    return len(data) <= _MOST_BYTES and any(one.hexdigest() in name for one in hashes)


def _folders_of(path: Path) -> set[Path]:
    """Return the real folders of a file and of each link on the way to it."""
    found = set()
    for _ in range(_MOST_HOPS):
        folder = Path(os.path.realpath(path.parent))
        found.add(folder)
        if not path.is_symlink():
            break
        path = folder / path.readlink()
    return found
