"""Picture files made in the test: real ones by Pillow, and bare headers where only the header is read."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(width: int = 64, height: int = 64, colour: int = 2, depth: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


@pytest.fixture
def png() -> Callable[..., bytes]:
    return png_bytes


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Write a PNG of the given size under a name, with a caption where one is given."""

    def write(
        name: str, caption: str | bytes | None = None, size: tuple[int, int] = (64, 64), extension: str = ".txt"
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(*size))
        if caption is not None:
            raw = caption if isinstance(caption, bytes) else caption.encode()
            path.with_suffix(extension).write_bytes(raw)
        return path

    return write
