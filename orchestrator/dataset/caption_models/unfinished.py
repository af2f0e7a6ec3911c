"""What a run has written so far, so that one that was killed goes on where it stopped.

Needed only where captions are added to or replaced: that a picture has one says nothing then. The file is hidden, beside the
captions, and goes when the run has ended. A caption counts as done only while it still is what was written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import write_text
from orchestrator.dataset.caption_models.existing import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

NAME = ".lora-captions-unfinished.jsonl"
_KIND, _VERSION = "unfinished-captions", 1


class Unfinished:
    """The record of one folder's run."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._path = folder / NAME
        self._head = json.dumps({"record": _KIND, "version": _VERSION, "settings": settings}, sort_keys=True)
        self._done = self._read()
        self._is_begun = False

    def is_done(self, caption: Path, held: bytes | None) -> bool:
        """Return whether this caption file was written by the run that was cut off, and is as it was written."""
        return held is not None and self._done.get(caption.name) == digest(held)

    def add(self, written: Iterable[tuple[Path, bytes]]) -> None:
        """Keep what was written, one batch at a time. Raises OSError."""
        new = {path.name: digest(content) for path, content in written}
        self._done |= new
        if not self._is_begun:
            # Whole and anew: the last line of a run that was killed may be cut off.
            write_text(self._path, "".join([f"{self._head}\n", *map(_row, self._done.items())]))
            self._is_begun = True
        elif new:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(map(_row, new.items())))

    def end(self) -> None:
        """Nothing is left to do."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        """Return what a run with the same settings wrote. The last line may be cut off, and then counts for nothing."""
        try:
            head, *rows = self._path.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return {}
        if head != self._head:
            return {}
        done = {}
        for row in rows[:-1]:
            try:
                name, found = json.loads(row)
            except (ValueError, TypeError):
                continue
            done[str(name)] = str(found)
        return done


def _row(one: tuple[str, str]) -> str:
    return json.dumps(one) + "\n"
