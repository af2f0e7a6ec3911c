from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from PIL import Image

from orchestrator.dataset.pixels import look as module
from orchestrator.dataset.pixels.look import look
from orchestrator.dataset.pixels.model import PixelFacts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_order_progress_and_bad_files(tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (64 + number, 64)).save(path)
        paths.append(path)
    paths[5].write_bytes(b"")
    paths.append(tmp_path / "missing.png")
    told: list[tuple[int, int]] = []
    found = list(look(paths, workers=4, progress=lambda done, total: told.append((done, total))))
    assert [path for path, _ in found] == paths
    assert [facts.width for _, facts in found] == [64, 65, 66, 67, 68, 0, 70, 71, 72, 73, 74, 75, 0]
    assert [facts.problem for _, facts in found if facts.problem] == ["empty-file", "broken-link"]
    assert told == [(n, 13) for n in range(1, 14)]


def test_not_more_is_begun_than_a_few_files_per_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def seen(path: str, **_: object) -> PixelFacts:
        begun.append(path)
        return PixelFacts()

    monkeypatch.setattr(module, "measure", seen)
    found = look([tmp_path / str(n) for n in range(100)], workers=2)
    next(found)
    assert len(begun) <= 8
    found.close()
    assert len(begun) <= 8


def test_nothing_to_look_at() -> None:
    assert list(look([])) == []


def test_numpy_and_pillow_are_not_loaded_before_a_picture_is_looked_at() -> None:
    program = (
        "import sys, orchestrator.dataset.near, orchestrator.dataset.pixels.look, orchestrator.dataset.pixels.cache;"
        "print(sorted({'numpy', 'PIL', 'sqlite3', 'concurrent.futures'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
