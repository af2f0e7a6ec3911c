"""Captions that are links. What they lead to is trained and stands in the LoRA's metadata, so not every text file may be one.

Folders made of links are an honest habit (each run of this tool trains from one), so a caption may be a link as its picture is:
into the folder itself, or, under the caption's extension, to where the picture's own file lies. Pictures may lead anywhere: only
a picture is ever trained of them.
"""

from __future__ import annotations

import os
from pathlib import Path

_MOST_HOPS = 40
"""As many links in a row as Linux follows."""


def leads_out(root: Path, picture: Path, caption: Path, extension: str) -> bool:
    """Whether the link `caption`, of `picture` in the folder `root`, leads to a text that is no caption of it."""
    target = Path(os.path.realpath(caption))  # never raises, where Path.resolve would at a circle
    if Path(os.path.realpath(root)) in target.parents:
        return False
    return not (target.name.endswith(extension) and target.parent in _folders_of(picture))


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
