"""All runs of a folder, newest first, at once: what was read of a run is kept until one of its records changes.

The index is one SQLite file for each folder of runs, in the user's cache folder. It holds nothing that the runs do not say
themselves: damaged, of another version, or gone, it is made anew; where it cannot be written the runs are read each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.run.records.listed import Listed, read_listed, with_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

VERSION: Final = 1
_WAIT_S: Final = 0.5
"""For another command that writes; the list does not need the index."""
_TABLE: Final = """
CREATE TABLE runs (
  folder BLOB PRIMARY KEY, stamp TEXT, standing TEXT, step INTEGER, total_steps INTEGER, started_at TEXT, ended_at TEXT,
  family TEXT, kind TEXT, headline_en TEXT, headline_zh TEXT
) WITHOUT ROWID
"""
Kept = dict[str, tuple[str, Listed]]
"""Name of a run folder -> how its records looked to the system, and what they said."""


def list_runs(runs_dir: Path, cache: Path | None = None) -> list[Listed]:
    """Return every run in `runs_dir`, newest first, as it stands now. `cache`: folder of the index, default the user's.

    Raises OSError where `runs_dir` cannot be listed.
    """
    root = runs_dir.absolute()
    stamps = dict(_stamps(root))
    path = (cache or _cache_folder()) / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:24]}.sqlite3"
    kept = _read(path)
    runs = {name: kept[name][1] for name, stamp in stamps.items() if name in kept and kept[name][0] == stamp}
    news = {name: read_listed(RunDir(root / name)) for name in stamps.keys() - runs.keys()}
    gone = kept.keys() - stamps.keys()
    if news or gone:
        _write(path, {name: (stamps[name], listed) for name, listed in news.items()}, gone)
    now = [with_lock(listed, RunDir(root / name)) for name, listed in {**runs, **news}.items()]
    return sorted(now, key=lambda listed: (listed.started_at, listed.name), reverse=True)


def _cache_folder() -> Path:
    from orchestrator.dataset.pixels.cache import cache_folder

    return cache_folder() / "runs"


def _stamps(root: Path) -> Iterator[tuple[str, str]]:
    """Return each run folder's name and how its records look to the system: another content, another stamp."""
    with os.scandir(root) as entries:
        for entry in entries:
            record = _stamp(f"{entry.path}/run.json")
            if record:
                others = (_stamp(f"{entry.path}/{name}") for name in ("journal.jsonl", "report.json"))
                yield entry.name, " ".join((record, *others))


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116 - 30,000 times
    except (OSError, ValueError):
        return ""
    return f"{status.st_mtime_ns}:{status.st_size}"


def _read(path: Path) -> Kept:
    """Return what is kept; nothing where the index is absent, damaged (it is then removed), or cannot be read now."""
    if not path.is_file():
        return {}
    try:
        with _opened(path) as index:
            rows = index.execute("SELECT * FROM runs").fetchall()
        return {os.fsdecode(row[0]): (row[1], _listed(os.fsdecode(row[0]), row[2:])) for row in rows}
    except sqlite3.OperationalError:
        return {}
    except (sqlite3.DatabaseError, ValueError, TypeError):
        _remove(path)
        return {}


def _write(path: Path, news: Mapping[str, tuple[str, Listed]], gone: set[str]) -> None:
    """Keep what was read anew and forget what is gone; nothing where the disk does not take it."""
    rows = [(os.fsencode(name), stamp, *_row(listed)) for name, (stamp, listed) in news.items()]
    with contextlib.suppress(OSError, sqlite3.Error):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(path) as index:
            index.executemany("DELETE FROM runs WHERE folder = ?", [(os.fsencode(name),) for name in gone])
            index.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the index, made where it is new; what is done with it is kept together or not at all. Raises sqlite3.Error."""
    index = sqlite3.connect(path, timeout=_WAIT_S)
    try:
        index.execute("PRAGMA journal_mode=WAL")
        (version,) = index.execute("PRAGMA user_version").fetchone()
        (tables,) = index.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not version and not tables:
            with index:
                index.execute(_TABLE)
                index.execute(f"PRAGMA user_version={VERSION}")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"version {version}, not {VERSION}")
        with index:
            yield index
    finally:
        index.close()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _row(listed: Listed) -> tuple[str | int | None, ...]:
    headline = listed.headline
    return (
        listed.standing, listed.step, listed.total_steps, listed.started_at, listed.ended_at, listed.family, listed.kind,
        headline.en if headline else None, headline.zh if headline else None,
    )  # fmt: skip


def _listed(name: str, row: tuple[str | int | None, ...]) -> Listed:
    *facts, en, zh = row
    return Listed(name, *facts, Text(str(en), str(zh)) if en is not None else None)  # type: ignore[arg-type, call-arg]
