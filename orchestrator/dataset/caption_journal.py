"""Writes planned edits of captions and takes them back: `.lora-journal/captions-NNNN.jsonl` inside the edited folder.

The journal is whole on disk before the first caption is touched, each caption is written beside itself and renamed, and nothing is
written to a file that is not as it was read. So an edit can be taken back to the byte, also one that was cut off in its middle.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.core.errors import EnvironmentFault, InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.below import DEEPEST
from orchestrator.dataset.caption_edits import Edit, Skipped, read_own, system_says
from orchestrator.dataset.captioned import BY_FOLDER, name_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.dataset.caption_models.existing import WriteCaption

FOLDER = ".lora-journal"
"""Hidden, so neither a scan of ours nor the trainer takes anything in it for a caption."""
KIND = "caption-journal"
VERSION = 1
UNDONE = ".undone.jsonl"
CHANGED = Text("it was changed since", "之后又被改动过")


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an edit or of taking one back."""

    what: str
    """The edit, in the words of the command line."""
    journal: Path | None
    """None: nothing was written."""
    done: tuple[Edit, ...]
    skipped: tuple[Skipped, ...]


def apply_edits(folder: Path, edits: Sequence[Edit], what: str) -> Written:
    """Write the edits and their journal. Raises EnvironmentFault where the folder cannot be written to or another edit goes on."""
    if not edits:
        return Written(what, None, (), ())
    with _locked(folder) as home:
        journal = home / f"captions-{_next_number(home):04}.jsonl"
        try:
            _write(journal, _journal_text(edits, what).encode())
        except OSError as error:
            raise EnvironmentFault([_unwritable(folder, error)]) from error
        done, skipped = _write_all(edits)
    return Written(what, journal, tuple(done), tuple(skipped))


@contextmanager
def recording(folder: Path, what: str, write: WriteCaption) -> Iterator[WriteCaption]:
    """Yield what writes a caption as `write` does and journals it before: each row is on disk before its file is touched.

    For captions that come one after the other, over hours. Raises EnvironmentFault as `apply_edits`; what is yielded raises OSError.
    """
    with _locked(folder) as home:
        journal = home / f"captions-{_next_number(home):04}.jsonl"
        count = 0

        def write_and_tell(path: Path, before: bytes | None, after: bytes) -> None:
            nonlocal count
            with journal.open("ab") as file:
                rows = [{**_head_row(what), "grows": True}] if not count else []
                file.write(_lines([*rows, _row(Edit(path, before, after))]).encode())
                file.flush()
                os.fsync(file.fileno())
            count += 1
            write(path, before, after)

        yield write_and_tell


def undo_last(folder: Path, *, leave_changed: bool = False) -> Written:
    """Take back the last edit that was not taken back yet, file by file; one that was changed since is left alone and told.

    Then the edit stays the last one, so that it can be taken back when those files are mended; `leave_changed`: it counts as taken back.

    Raises InputError where there is nothing to take back, RecordError for a damaged journal, EnvironmentFault as above.
    """
    if not _open_journals(folder / FOLDER):
        raise InputError([_nothing_to_undo(folder)])
    with _locked(folder) as home:
        journals = _open_journals(home)
        if not journals:
            raise InputError([_nothing_to_undo(folder)])
        journal = journals[-1]
        what, entries = _read_journal(journal)
        backward = [Edit(folder / edit.path, edit.after, edit.before) for edit in entries]
        done, skipped = _write_all(backward, may_be_done=True)
        if not skipped or leave_changed:
            journal.replace(journal.with_name(journal.name.removesuffix(".jsonl") + UNDONE))
    return Written(what, journal, tuple(done), tuple(skipped))


def _write_all(edits: Iterable[Edit], *, may_be_done: bool = False) -> tuple[list[Edit], list[Skipped]]:
    """Write each file that still is as it was; `may_be_done`: one that already is as wanted is no failure."""
    done, skipped = [], []
    for edit in edits:
        found = read_own(edit.path) if edit.path.is_symlink() or edit.path.exists() else None
        if isinstance(found, Skipped):
            skipped.append(found)
        elif found == edit.before:
            try:
                if edit.after is None:
                    edit.path.unlink()
                else:
                    _write(edit.path, edit.after, like=edit.path if edit.before is not None else None)
                done.append(edit)
            except OSError as error:
                skipped.append(Skipped(edit.path, system_says(error)))
        elif not (may_be_done and found == edit.after):
            skipped.append(Skipped(edit.path, CHANGED))
    return done, skipped


def _write(path: Path, content: bytes, like: Path | None = None) -> None:
    """Write bytes beside `path` and rename them there, with the mode and, where allowed, the owner of `like`."""
    temporary = path.parent / f".{path.name[:40]}.{os.getpid()}-{os.urandom(4).hex()}.part"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if like is not None:
            old = like.stat()
            temporary.chmod(old.st_mode & 0o7777)
            with suppress(OSError, AttributeError):
                os.chown(temporary, old.st_uid, old.st_gid)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Hold the folder for one edit; yields the journal's folder."""
    import filelock

    home = folder / FOLDER
    try:
        home.mkdir(exist_ok=True)
        lock = filelock.FileLock(home / "lock", timeout=0)
        lock.acquire()
    except filelock.Timeout as error:
        raise EnvironmentFault([_busy(folder)]) from error
    except OSError as error:
        raise EnvironmentFault([_unwritable(folder, error)]) from error
    try:
        yield home
    finally:
        if not _journals(home):  # nothing was written: leave nothing behind
            with suppress(OSError):
                (home / "lock").unlink()
                home.rmdir()
        lock.release()


def _journals(home: Path) -> list[Path]:
    return sorted(path for path in home.glob("captions-*.jsonl") if path.name[9:13].isdigit())


def _open_journals(home: Path) -> list[Path]:
    return [path for path in _journals(home) if not path.name.endswith(UNDONE)]


def _next_number(home: Path) -> int:
    return max((int(path.name[9:13]) for path in _journals(home)), default=0) + 1


def _journal_text(edits: Sequence[Edit], what: str) -> str:
    return _lines([_head_row(what), *map(_row, edits)])


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _head_row(what: str) -> dict[str, Any]:
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"record": KIND, "version": VERSION, "made": made, "tool_version": __version__, "what": what}


def _row(edit: Edit) -> dict[str, Any]:
    row: dict[str, Any] = {"file": edit.path.name}
    for side, content in (("before", edit.before), ("after", edit.after)):
        row[side] = None if content is None else content.decode()
        row[f"{side}_sha256"] = None if content is None else hashlib.sha256(content).hexdigest()
    return row


def _read_journal(path: Path) -> tuple[str, list[Edit]]:
    """Return what the journal is about and its edits, with plain names for paths. Raises RecordError where a line is not whole."""
    try:
        head_line, *lines = path.read_bytes().decode().split("\n")
        head = json.loads(head_line)
        if head.get("grows"):
            lines = lines[:-1]  # a last line that was cut was never followed by its file being written
        rows = [json.loads(line) for line in lines if line]
        return _head(head), [_entry(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError([_damaged(path, error)]) from error


def _head(row: dict[str, Any]) -> str:
    if row["record"] != KIND or row["version"] > VERSION:
        raise ValueError("of another kind or a newer version")
    return str(row["what"])


def _entry(row: dict[str, Any]) -> Edit:
    name = row["file"]
    before, after = (None if row[side] is None else row[side].encode() for side in ("before", "after"))
    is_whole = all(
        (None if content is None else hashlib.sha256(content).hexdigest()) == row[f"{side}_sha256"]
        for side, content in (("before", before), ("after", after))
    )
    if not is_whole or name != Path(name).name:
        raise ValueError(f"the entry of {name!r} is not as it was written")
    return Edit(Path(name), before, after)


def _busy(folder: Path) -> Problem:
    return Problem(
        "captions-locked",
        Text(f"the captions in `{folder}` are being edited", f"`{folder}` 中的标注正在被编辑"),
        Text("another edit holds the folder", "另一个编辑占用着该文件夹"),
        Text("wait until it has ended", "等它结束"),
    )


def _unwritable(folder: Path, error: OSError) -> Problem:
    reason = error.strerror or type(error).__name__
    return Problem(
        "captions-not-writable",
        Text(f"nothing can be written to `{folder}`: {reason}", f"无法写入 `{folder}`：{reason}"),
        Text("the journal is written first; no caption was touched", "先写日志；没有改动任何标注"),
        Text("make the folder writable, or edit a copy of it", "使该文件夹可写，或编辑它的副本"),
    )


def _nothing_to_undo(folder: Path) -> Problem:
    below = _edited_below(folder)
    if below:
        return Problem(
            "edits-only-below",
            Text(
                f"there is no edit to take back in `{folder}` itself, only in folders below it",
                f"`{folder}` 本身没有可撤销的编辑，只有其下的文件夹中有",
            ),
            BY_FOLDER,
            name_one(below),
        )
    return Problem(
        "nothing-to-undo",
        Text(f"there is no edit to take back in `{folder}`", f"`{folder}` 中没有可撤销的编辑"),
        Text(f"`{FOLDER}` holds no journal that was not taken back", f"`{FOLDER}` 中没有尚未撤销的日志"),
        Text("edits are journalled by `--apply` only", "只有 `--apply` 的编辑才会记入日志"),
    )


def _edited_below(folder: Path) -> list[Path]:
    """Return the folders below that have an edit to take back; links are not followed."""
    found: list[Path] = []
    for root, folders, _ in os.walk(folder):
        here = folder.__class__(root)
        if here != folder and FOLDER in folders and _open_journals(here / FOLDER):
            found.append(here)
        is_deep = len(here.relative_to(folder).parts) >= DEEPEST
        folders[:] = [] if is_deep else sorted(name for name in folders if not name.startswith("."))
    return found


def _damaged(path: Path, error: Exception) -> Problem:
    return Problem(
        "bad-journal",
        Text(f"`{path.name}` cannot be read ({error})", f"`{path.name}` 无法读取（{error}）"),
        Text("no caption was touched", "没有改动任何标注"),
        Text(
            "each line of it holds the old text under `before`; restore by hand",
            "每行的 `before` 是旧文本，请手工恢复",
        ),
    )
