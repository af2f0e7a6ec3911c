from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.run.installed import manifest
from orchestrator.run.installed.manifest import blob_hash, find_changes
from orchestrator.run.installed.seen_files import GRAIN_NS, SeenFiles

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files are always hashed on Windows")
OLD, NEW = b"scale = 0.5\n", b"scale = 0.6\n"
FILES = {"a.py": blob_hash(OLD)}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout whose file was changed long enough ago: the clock is put forward, `ctime` cannot be put back."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "a.py").write_bytes(OLD)
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 2 * GRAIN_NS)
    return folder


def look(checkout: Path, record: Path) -> tuple[str, ...]:
    seen = SeenFiles(record, checkout)
    changes = find_changes(checkout, FILES, seen)
    seen.save()
    return changes


def test_an_untouched_file_is_hashed_once(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []

    def count(data: bytes) -> str:
        hashed.append(data)
        return blob_hash(data)

    monkeypatch.setattr(manifest, "blob_hash", count)
    record = tmp_path / "seen.json"
    assert [look(checkout, record) for _ in range(3)] == [(), (), ()]
    assert hashed == [OLD]


def test_an_edit_that_hides_behind_size_and_mtime_is_seen(checkout: Path, tmp_path: Path) -> None:
    record, path = tmp_path / "seen.json", checkout / "a.py"
    assert look(checkout, record) == ()
    before = path.stat()
    path.write_bytes(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert look(checkout, record) == ("changed a.py",)
    assert look(checkout, record) == ("changed a.py",), "a changed file is never remembered"


def test_a_file_put_in_its_place_is_seen(checkout: Path, tmp_path: Path) -> None:
    record = tmp_path / "seen.json"
    assert look(checkout, record) == ()
    (tmp_path / "other.py").write_bytes(NEW)
    (tmp_path / "other.py").replace(checkout / "a.py")
    assert look(checkout, record) == ("changed a.py",)
    (checkout / "a.py").unlink()
    assert look(checkout, record) == ("absent a.py",)


def test_a_file_changed_a_moment_ago_is_not_remembered(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = (checkout / "a.py").stat().st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: changed + GRAIN_NS - 1)
    assert look(checkout, tmp_path / "seen.json") == ()
    assert not (tmp_path / "seen.json").exists()


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"record": "seen-files", "version": 1, "files": []}', '{"record": "run"}']
)
def test_a_record_of_no_use_means_hashing(checkout: Path, tmp_path: Path, damage: str) -> None:
    record = tmp_path / "seen.json"
    assert look(checkout, record) == ()
    record.write_text(damage)
    (checkout / "a.py").write_bytes(NEW)
    assert look(checkout, record) == ("changed a.py",)


def test_another_commit_needs_its_own_hashes(checkout: Path, tmp_path: Path) -> None:
    record = tmp_path / "seen.json"
    assert look(checkout, record) == ()
    assert find_changes(checkout, {"a.py": blob_hash(NEW)}, SeenFiles(record, checkout)) == ("changed a.py",)


def test_what_was_seen_in_one_checkout_says_nothing_of_another(checkout: Path, tmp_path: Path) -> None:
    record = tmp_path / "seen.json"
    assert look(checkout, record) == ()
    moved = checkout.rename(tmp_path / "moved")
    seen = SeenFiles(record, moved)
    assert not seen.is_untouched("a.py", FILES["a.py"], (moved / "a.py").stat())
