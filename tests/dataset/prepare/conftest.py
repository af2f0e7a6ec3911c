"""Folders of small drawn pictures, and a run of `prepare` on them in this process, without the user's cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.dataset.prepare.model import PrepareOptions
from orchestrator.dataset.prepare.plan import decide
from orchestrator.dataset.prepare.write import write_folder
from tests.dataset.pixels.conftest import draw_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE = (240, 300)


class Set:
    """A folder `old` of pictures, and what `prepare` makes of it in `new`."""

    def __init__(self, home: Path) -> None:
        self.old = home / "old"
        self.new = home / "new"
        self.old.mkdir()

    def draw(self, name: str, seed: int, caption: str | bytes | None = None, size: tuple[int, int] = SIDE) -> Path:
        path = self.old / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_scene(seed, size).save(path)
        if caption is not None:
            path.with_suffix(".txt").write_bytes(caption if isinstance(caption, bytes) else caption.encode())
        return path

    def prepare(self, *, dry_run: bool = False, how: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Return the manifest; of a dry run the one that would be written."""
        from orchestrator.core.record import to_plain
        from orchestrator.dataset.prepare.manifest import manifest

        decided = decide(self.old, self.new, PrepareOptions(**options), keep=False, **(how or {}))
        if dry_run:
            plain: dict[str, Any] = to_plain(manifest(decided))
            return plain
        write_folder(decided)
        written: dict[str, Any] = json.loads((self.new / "manifest.json").read_text(encoding="utf-8"))
        return written

    @property
    def files(self) -> list[str]:
        """All files of the new folder but the manifest."""
        found = (path.relative_to(self.new).as_posix() for path in self.new.rglob("*") if path.is_file())
        return sorted(name for name in found if name != "manifest.json")


def codes(manifest: dict[str, Any], source: str) -> list[str]:
    """Return why a picture became what it became."""
    return [why["code"] for why in picture(manifest, source)["why"]]


def picture(manifest: dict[str, Any], source: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in manifest["pictures"] if one["source"] == source)
    return found


@pytest.fixture
def pictures(tmp_path: Path) -> Set:
    return Set(tmp_path)


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads all files of a folder, to see that nothing changed."""
    return lambda folder: {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
