"""Facts that outlive the command: by content, and by (path, size, times) so that an unchanged file is not even opened.

One SQLite file in the user's cache folder. SQLite because lookups must not load what is kept of other sets, because two commands may write at once (its
write-ahead log lets readers go on meanwhile), and because a file that was cut by a crash opens again. Whatever goes wrong with it
costs time, never the scan: `trouble` says so, once.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.core.text import Text
from orchestrator.dataset.pixels.model import LAYOUT_BYTES, VERSION, WHOLE, PixelFacts, pack, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

HOME_VARIABLE: Final = "LORA_ORCHESTRATOR_HOME"
"""As in run/installed/vendor_home.py, which is not ours to import."""
FILE: Final = "pixels.sqlite3"
MOST_FACTS: Final = 200_000
"""About 600 MB; the oldest are dropped beyond."""
MOST_SETS: Final = 500
MOST_CHANGES: Final = 100_000
"""Of edit pairs, about 150 bytes each."""
SETTLED_S: Final = 2.0
"""A file changed less than this ago may change again without its time moving (FAT counts in steps of two seconds)."""
_WAIT_S: Final = 5.0
_PENDING: Final = 200
_DAMAGE_CODES: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, digest BLOB, depth INTEGER, plain TEXT, pixels BLOB, UNIQUE (digest, depth));
CREATE TABLE IF NOT EXISTS compared (id INTEGER PRIMARY KEY, contents BLOB UNIQUE, groups TEXT);
CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY, halves BLOB UNIQUE, measured TEXT);
CREATE TABLE IF NOT EXISTS seen (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, digest BLOB) WITHOUT ROWID;
"""
_BY_DIGEST: Final = "SELECT plain, pixels FROM facts WHERE digest = ? AND depth >= ? ORDER BY depth DESC LIMIT 1"
_BY_PATH: Final = """
SELECT facts.digest, plain, {pixels} FROM seen JOIN facts USING (digest)
WHERE path = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND depth >= ? ORDER BY depth DESC LIMIT 1
"""
_WITH_FINGERPRINT: Final = _BY_PATH.format(pixels="pixels")
_WITHOUT_FINGERPRINT: Final = _BY_PATH.format(pixels=f"substr(pixels, 1, {LAYOUT_BYTES})")


class Stamp(NamedTuple):
    """How a file looks to the system: another content has another stamp."""

    size: int
    mtime_ns: int
    ctime_ns: int


def stamp_of(path: str) -> Stamp | None:
    """Return the stamp of what `path` leads to, None where nothing is."""
    try:
        status = os.stat(path)  # noqa: PTH116 - 100,000 times
    except (OSError, ValueError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def cache_folder() -> Path:
    """Return $LORA_ORCHESTRATOR_HOME/cache, else the user's cache folder ($XDG_CACHE_HOME on Linux)."""
    wanted = os.environ.get(HOME_VARIABLE)
    if wanted:
        return Path(wanted).expanduser().absolute() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("lora-orchestrator", appauthor=False)


def has_cache() -> bool:
    """Return whether anything was ever kept here."""
    return (cache_folder() / FILE).is_file()


class Cache:
    """Kept facts. Safe to ask from several threads; never raises."""

    def __init__(self, folder: Path | None = None) -> None:
        self.trouble: Text | None = None
        """Why nothing (more) is kept; None while all is well."""
        self._path = (folder or cache_folder()) / FILE
        self._lock = threading.Lock()
        self._facts: list[tuple[bytes, int, str, bytes]] = []
        self._seen: list[tuple[str, int, int, int, bytes]] = []
        self._is_grown = False
        self._connection: sqlite3.Connection | None = None
        with self._guarded():
            self._connection = self._open()

    def by_path(
        self, path: str, stamp: Stamp, depth: int = WHOLE, *, without_fingerprint: bool = False
    ) -> PixelFacts | None:
        """Return the facts of the file at `path`, if it looks as it did when they were measured, at least so deep.

        `without_fingerprint`: nearly all of their memory, and asked for where pictures are compared only; for `depth` of `WHOLE` and more.
        """
        question = _WITHOUT_FINGERPRINT if without_fingerprint else _WITH_FINGERPRINT
        with self._guarded():
            if self._connection is None:
                return None
            row = self._connection.execute(question, (_key(path), *stamp, depth)).fetchone()
            return None if row is None else _unpacked(*row)
        return None

    def by_digest(self, digest: bytes, depth: int = WHOLE) -> PixelFacts | None:
        """Return the facts of the content with that digest."""
        with self._guarded():
            if self._connection is None:
                return None
            row = self._connection.execute(_BY_DIGEST, (digest, depth)).fetchone()
            return None if row is None else _unpacked(digest, *row)
        return None

    def keep(self, path: str, stamp: Stamp | None, facts: PixelFacts, depth: int = WHOLE) -> None:
        """Keep what was measured, `depth` deep. `stamp`: as it was both before and after reading; None: it changed meanwhile."""
        if not facts.digest or facts.problem in {"unreadable", "out-of-memory"}:
            return
        with self._guarded():
            if self._connection is None:
                return
            self._facts.append((facts.digest, depth, *pack(facts)))
            if stamp is not None and time.time() - stamp.mtime_ns / 1e9 > SETTLED_S:
                self._seen.append((_key(path), *stamp, facts.digest))
            if len(self._facts) >= _PENDING:
                self._write()

    def groups_of(self, contents: bytes) -> str | None:
        """Return what `keep_groups` was given for a set of pictures; `contents`: a digest of their digests, in order."""
        with self._guarded():
            if self._connection is None:
                return None
            row = self._connection.execute("SELECT groups FROM compared WHERE contents = ?", (contents,)).fetchone()
            return None if row is None else str(row[0])
        return None

    def keep_groups(self, contents: bytes, groups: str) -> None:
        """Keep which pictures of a set are one picture; sets of long ago are forgotten."""
        with self._guarded():
            if self._connection is not None:
                self._connection.execute(
                    "INSERT OR REPLACE INTO compared (contents, groups) VALUES (?, ?)", (contents, groups)
                )
                self._connection.execute(
                    "DELETE FROM compared WHERE id <= (SELECT max(id) FROM compared) - ?", (MOST_SETS,)
                )

    def change_of(self, halves: bytes) -> str | None:
        """Return what `keep_change` was given for a pair; `halves`: a digest of the digests of both."""
        with self._guarded():
            if self._connection is None:
                return None
            row = self._connection.execute("SELECT measured FROM changes WHERE halves = ?", (halves,)).fetchone()
            return None if row is None else str(row[0])
        return None

    def keep_change(self, halves: bytes, measured: str) -> None:
        """Keep how the halves of a pair differ; pairs of long ago are forgotten."""
        with self._guarded():
            if self._connection is not None:
                self._connection.execute(
                    "INSERT OR REPLACE INTO changes (halves, measured) VALUES (?, ?)", (halves, measured)
                )
                self._connection.execute(
                    "DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?", (MOST_CHANGES,)
                )

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        with self._guarded():
            if self._connection is not None:
                self._write()
                self._trim()
        self._let_go()

    def __enter__(self) -> Cache:  # noqa: PYI034 - Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._opened()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            # Nothing in it cannot be measured again.
            for name in (FILE, FILE + "-wal", FILE + "-shm"):
                self._path.with_name(name).unlink(missing_ok=True)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        import sqlite3

        connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                connection.executescript(
                    f"BEGIN IMMEDIATE; DROP TABLE IF EXISTS facts; DROP TABLE IF EXISTS seen; DROP TABLE IF EXISTS compared; DROP TABLE IF EXISTS changes; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
                )
            else:
                connection.executescript(_TABLES)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write(self) -> None:
        if self._connection is None or not (self._facts or self._seen):
            return
        facts, seen, self._facts, self._seen = self._facts, self._seen, [], []
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT OR REPLACE INTO facts (digest, depth, plain, pixels) VALUES (?, ?, ?, ?)", facts
            )
            self._connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", seen)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self._is_grown = True

    def _trim(self) -> None:
        if self._connection is None or not self._is_grown:
            return
        (newest,) = self._connection.execute("SELECT max(id) FROM facts").fetchone()
        dropped = self._connection.execute("DELETE FROM facts WHERE id <= ?", ((newest or 0) - MOST_FACTS,)).rowcount
        if dropped:
            self._connection.execute("DELETE FROM seen WHERE digest NOT IN (SELECT digest FROM facts)")

    def _let_go(self) -> None:
        import sqlite3

        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """One thread at a time; what goes wrong ends the keeping, not the scan."""
        import sqlite3

        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                self._let_go()
                self.trouble = Text(
                    f"What is measured in the pictures is not kept for the next time: {error} ({self._path})",
                    f"图片的测量结果不会保留到下一次：{error}（{self._path}）",
                )
                if isinstance(error, sqlite3.DatabaseError) and _is_damage(error):
                    with suppress(OSError):
                        self._path.unlink()


def _key(path: str) -> str:
    """Return the path as text that SQLite takes: names that are no UTF-8 keep their bytes apart."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "backslashreplace")  # noqa: PTH100 - links stay what they are called


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    name = getattr(error, "sqlite_errorname", "")  # Python 3.11 and later
    return name.startswith(_DAMAGE_CODES) or any(word in str(error) for word in ("malformed", "not a database"))


def _unpacked(digest: bytes, plain: str, pixels: bytes) -> PixelFacts | None:
    """Return the facts, None where the row is damaged: it is measured and written anew."""
    try:
        return unpack(digest, plain, pixels)
    except (ValueError, TypeError):
        return None
