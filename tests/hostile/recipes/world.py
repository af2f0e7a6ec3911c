"""The folder that every wrong recipe stands in: pictures, and what users name by mistake instead."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from PIL import Image

from tests.hostile.files import tensors

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = b'{"__metadata__":{}}'


def make_world(root: Path) -> None:
    """Fill `root` with small pictures and files, good and bad ones."""
    _draw(root / "pictures", 14, 0)
    _draw(root / "other", 4, 1)
    for name in ("empty", "texts", "damaged"):
        (root / name).mkdir()
    (root / "texts" / "00.txt").write_text("alicechr, girl", encoding="utf-8")
    (root / "damaged" / "00.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    _draw(root / "nested" / "alice", 2, 2)
    (root / "links").symlink_to("no such folder")
    (root / "loop").symlink_to("loop")
    with zipfile.ZipFile(root / "archive.zip", "w") as archive:
        archive.writestr("00.png", (root / "pictures" / "00.png").read_bytes())
    files = {
        "base.safetensors": tensors(),
        "torn.safetensors": (10**6).to_bytes(8, "little") + _HEADER,
        "page.safetensors": b"<!DOCTYPE html>\n<html>404</html>\n",
        "nothing.safetensors": b"",
        "pointer.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6938040682\n",
        "base.ckpt": b"PK\x03\x04",
        "old.ckpt": b"PK\x03\x04",
        "vae.pt": b"PK\x03\x04",
        "ring.yaml": b"recipe_version: 1\nextends: ring.yaml\n",
        "broken.yaml": b"recipe_version: 1\ntrain: [\n",
    }
    for name, content in files.items():
        (root / name).write_bytes(content)


def _draw(folder: Path, count: int, shade: int) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        picture = Image.new("RGB", (1024, 1024), (index * 16, shade * 80, 255 - index * 16))
        picture.save(folder / f"{index:02d}.png")
        caption = f"alicechr, girl, portrait, red dress, smile, number {index}"
        (folder / f"{index:02d}.txt").write_text(caption, encoding="utf-8")
