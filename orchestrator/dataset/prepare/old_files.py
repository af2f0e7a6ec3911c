"""Files of the old folder, read once more: they must be what they were when they were looked at."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.prepare.pixels import upright_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from orchestrator.dataset.prepare.model import Draft


def read_old(path: Path, digest: bytes | None = None) -> bytes:
    """Return what a file holds. Raises InputError where it is gone, or not of this SHA-256 any more."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError([_changed(path)]) from error
    if digest is not None and hashlib.sha256(raw).digest() != digest:
        raise InputError([_changed(path)])
    return raw


def old_pixels(draft: Draft) -> Image.Image:
    """Return the upright picture in RGB or L. Raises InputError where it changed or cannot be decoded."""
    raw = read_old(draft.path, draft.facts.digest)
    try:
        return upright_pixels(raw, draft.facts)
    except OSError as error:
        raise InputError([_undecodable(draft.path, error)]) from error


def _changed(path: Path) -> Problem:
    return Problem(
        "picture-changed",
        Text(f"{path.name} was changed while the folder was made", f"{path.name} 在准备过程中被改动"),
        Text("what was decided is not about this picture any more", "所作的决定已不适用于这张图片"),
        Text("prepare again when nothing writes to the pictures", "请在没有程序改动图片时重新准备"),
    )


def _undecodable(path: Path, error: OSError) -> Problem:
    return Problem(
        "picture-undecodable",
        Text(f"{path.name} cannot be decoded: {error}", f"{path.name} 无法解码：{error}"),
        Text("it must be written anew, and nothing is written by halves", "它需要重写，而不会只写一半"),
        Text("save it again as PNG, or take it out of the folder", "请将其另存为 PNG，或移出该文件夹"),
    )
