from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.dataset.pixels import cache as module
from orchestrator.dataset.pixels import look as looking
from orchestrator.dataset.pixels.cache import FILE, Cache, Stamp, cache_folder, stamp_of
from orchestrator.dataset.pixels.look import look
from orchestrator.dataset.pixels.measure import measure
from orchestrator.dataset.pixels.model import PixelFacts, pack, unpack
from tests.dataset.pixels.conftest import draw_scene

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = 1_600_000_000


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        draw_scene(number, (120, 160)).save(path)
        os.utime(path, (OLD, OLD))
    return paths


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are measured from here on."""
    names: list[str] = []

    def watched(path: str, **options: Any) -> PixelFacts:
        names.append(Path(path).name)
        return measure(path, **options)

    monkeypatch.setattr(looking, "measure", watched)
    return names


def _scan(paths: list[Path], folder: Path, *, only_fingerprint: bool = False) -> list[PixelFacts]:
    with Cache(folder) as cache:
        found = [facts for _, facts in look(paths, cache=cache, only_fingerprint=only_fingerprint)]
        assert cache.trouble is None
    return found


def test_facts_survive_packing() -> None:
    facts = PixelFacts(
        digest=bytes(32),
        problem="",
        width=3,
        bars=(1, 2, 3, 4),
        sharpness=0.1 + 0.2,
        layout=bytes(48),
        fingerprint=bytes(2304),
    )
    assert unpack(bytes(32), *pack(facts)) == facts
    quick = PixelFacts(digest=bytes(32), width=3, fingerprint=bytes(2304))
    assert unpack(bytes(32), *pack(quick)) == quick
    bad = PixelFacts(digest=bytes(32), problem="truncated-file")
    assert unpack(bytes(32), *pack(bad)) == bad


def test_a_second_scan_opens_no_picture(tmp_path: Path, pictures: list[Path], opened: list[str]) -> None:
    first = _scan(pictures, tmp_path / "c")
    assert sorted(opened) == [path.name for path in pictures]
    opened.clear()
    assert _scan(pictures, tmp_path / "c") == first
    assert opened == []


def test_a_changed_file_is_looked_at_again(tmp_path: Path, pictures: list[Path], opened: list[str]) -> None:
    first = _scan(pictures, tmp_path / "c")
    opened.clear()
    draw_scene(99, (120, 160)).save(pictures[2])
    second = _scan(pictures, tmp_path / "c")
    assert opened == ["2.png"]
    assert second[2].fingerprint != first[2].fingerprint


def test_same_size_and_time_but_another_content_is_seen(tmp_path: Path, pictures: list[Path]) -> None:
    """As `cp -p` or an editor that keeps times leaves it: only the time of the change of the file itself moves."""
    path = tmp_path / "a.bmp"
    draw_scene(1, (64, 64)).save(path)
    os.utime(path, (OLD, OLD))
    (first,) = _scan([path], tmp_path / "c")
    draw_scene(2, (64, 64)).save(path)
    os.utime(path, (OLD, OLD))
    (second,) = _scan([path], tmp_path / "c")
    assert first.digest != second.digest
    assert pictures


def test_a_moved_file_is_read_and_not_decoded(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _scan(pictures, tmp_path / "c")
    moved = pictures[0].rename(tmp_path / "elsewhere.png")

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("orchestrator.dataset.pixels.measure.decode_bytes", fail)
    assert _scan([moved], tmp_path / "c") == [first[0]]


def test_a_file_just_written_is_not_trusted_by_its_time(
    tmp_path: Path, pictures: list[Path], opened: list[str]
) -> None:
    pictures[0].touch()
    _scan(pictures[:1], tmp_path / "c")
    _scan(pictures[:1], tmp_path / "c")
    assert len(opened) == 2


def test_fingerprints_alone_do_not_pass_for_a_whole_look(
    tmp_path: Path, pictures: list[Path], opened: list[str]
) -> None:
    _scan(pictures, tmp_path / "c", only_fingerprint=True)
    opened.clear()
    whole = _scan(pictures, tmp_path / "c")
    assert len(opened) == 5
    assert all(facts.contrast is not None for facts in whole)
    opened.clear()
    assert _scan(pictures, tmp_path / "c", only_fingerprint=True) == whole
    assert opened == []


def test_problems_are_kept_too(tmp_path: Path, opened: list[str]) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"<html></html>" * 9)
    os.utime(path, (OLD, OLD))
    _scan([path], tmp_path / "c")
    (again,) = _scan([path], tmp_path / "c")
    assert (opened, again.problem) == (["a.jpg"], "not-a-picture")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _garble(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 400)


def _scribble(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096:12000] = b"\xa5" * (12000 - 4096)
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("damage", [_cut, _garble, _scribble])
def test_a_damaged_file_costs_time_and_nothing_else(
    tmp_path: Path, pictures: list[Path], damage: Callable[[Path], None]
) -> None:
    first = _scan(pictures, tmp_path / "c")
    damage(tmp_path / "c" / FILE)
    with Cache(tmp_path / "c") as cache:
        assert [facts for _, facts in look(pictures, cache=cache)] == first
    assert _scan(pictures, tmp_path / "c") == first
    assert _scan(pictures, tmp_path / "c") == first


def test_a_damaged_row_is_measured_anew(tmp_path: Path, pictures: list[Path], opened: list[str]) -> None:
    first = _scan(pictures, tmp_path / "c")
    with sqlite3.connect(tmp_path / "c" / FILE) as connection:
        connection.execute("UPDATE facts SET plain = '[1, 2' WHERE id = 1")
        connection.execute("UPDATE facts SET pixels = x'00' WHERE id = 2")
    connection.close()
    opened.clear()
    assert _scan(pictures, tmp_path / "c") == first
    assert len(opened) == 2


def test_another_version_is_dropped(
    tmp_path: Path, pictures: list[Path], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _scan(pictures, tmp_path / "c")
    monkeypatch.setattr(module, "VERSION", 999)
    opened.clear()
    _scan(pictures, tmp_path / "c")
    assert len(opened) == 5


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "file").write_text("in the way")
    with Cache(tmp_path / "file" / "c") as cache:
        assert len(list(look(pictures, cache=cache))) == 5
        assert cache.trouble is not None
        assert "not kept" in cache.trouble.en
        assert cache.trouble.zh


def test_two_writers_at_once(tmp_path: Path, pictures: list[Path]) -> None:
    program = (
        "import sys; from pathlib import Path; from orchestrator.dataset.pixels.cache import Cache;"
        "from orchestrator.dataset.pixels.look import look; from orchestrator.dataset.pixels import cache as m; m._PENDING = 1\n"
        "paths = [Path(p) for p in sys.argv[2:]]\n"
        "with Cache(Path(sys.argv[1])) as cache:\n"
        "    n = sum(1 for _ in range(8) for _ in look(paths, cache=cache)); trouble = cache.trouble\n"
        "print(n, trouble)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "c"), *map(str, pictures)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].strip() for process in running]
    assert said == ["40 None"] * 3
    connection = sqlite3.connect(tmp_path / "c" / FILE)
    assert connection.execute("SELECT count(*) FROM facts").fetchone() == (5,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_locked_file_ends_the_keeping_and_not_the_scan(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_S", 0.05)
    with Cache(tmp_path / "c") as cache:
        other = sqlite3.connect(tmp_path / "c" / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert len(list(look(pictures, cache=cache))) == 5
        cache.close()
        other.execute("ROLLBACK")
        other.close()
        assert cache.trouble is not None
        assert "locked" in cache.trouble.en


def test_the_oldest_are_dropped(tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FACTS", 3)
    _scan(pictures, tmp_path / "c")
    connection = sqlite3.connect(tmp_path / "c" / FILE)
    assert connection.execute("SELECT count(*) FROM facts").fetchone() == (3,)
    assert connection.execute("SELECT count(*) FROM seen").fetchone() == (3,)
    connection.close()


def test_names_that_are_no_text(tmp_path: Path, opened: list[str]) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    draw_scene(1, (64, 64)).save(path)
    os.utime(path, (OLD, OLD))
    _scan([path], tmp_path / "c")
    _scan([path], tmp_path / "c")
    assert len(opened) == 1


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / "cache"
    monkeypatch.delenv("LORA_ORCHESTRATOR_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "lora-orchestrator"


def test_nothing_has_no_stamp(tmp_path: Path) -> None:
    assert stamp_of(str(tmp_path / "nothing")) is None
    (tmp_path / "a").write_bytes(b"123")
    found = stamp_of(str(tmp_path / "a"))
    assert isinstance(found, Stamp)
    assert found.size == 3
