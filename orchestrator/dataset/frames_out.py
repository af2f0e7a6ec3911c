"""The folder that frames are written to: pictures and the manifest, each picture whole or not there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.new_folder import in_use, unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

MANIFEST: Final = "frames.jsonl"
_MOST_BYTES: Final = 200
"""Of a stem; file systems take 255 with number, extension and the marks of a file that is being written."""
_HOW: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "png": ("PNG", {"compress_level": 4}),
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
}


def file_stem(video: Path) -> str:
    """Return the beginning of the pictures' names: the video's, not hidden, not too long, without what breaks a line."""
    plain = "".join(sign if sign.isprintable() else "_" for sign in video.stem).lstrip(". ")
    return plain.encode()[:_MOST_BYTES].decode(errors="ignore") or "frame"


class Writer:
    """Writes pictures and what became of each frame. A manifest without its last line, `end`, is that of a run that was cut off."""

    def __init__(self, folder: Path, stem: str, picture_format: str) -> None:
        self.files: list[Path] = []
        self._folder, self._stem, self._format = folder, stem, picture_format
        try:
            self._manifest = (folder / MANIFEST).open("x", encoding="utf-8")
        except FileExistsError as error:
            raise InputError([in_use(folder)]) from error
        except OSError as error:
            raise EnvironmentFault([unwritable(folder, error)]) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manifest.close()

    def note(self, row: Mapping[str, Any]) -> None:
        """Add one line to the manifest."""
        try:
            self._manifest.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._manifest.flush()
        except OSError as error:
            raise EnvironmentFault([unwritable(self._folder, error)]) from error

    def save(self, number: int, rgb: NDArray[np.uint8]) -> str:
        """Write a picture (height, width, 3) and return its name."""
        from PIL import Image

        name = f"{self._stem}-{number:06d}.{self._format}"
        kind, how = _HOW[self._format]
        temporary = self._folder / f".{name}.{os.getpid()}.part"
        try:
            with temporary.open("xb") as file:
                Image.fromarray(rgb).save(file, kind, **how)
            temporary.replace(self._folder / name)
        except OSError as error:
            raise EnvironmentFault([unwritable(self._folder, error)]) from error
        finally:
            temporary.unlink(missing_ok=True)
        self.files.append(self._folder / name)
        return name
