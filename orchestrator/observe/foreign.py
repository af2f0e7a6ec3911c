"""Find the sources of a run that another front end made: any folder or file a kohya trainer left behind."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.safetensors_header import TensorFileError, read_header
from orchestrator.core.text import Text
from orchestrator.observe.asked import no_run, not_of_a_run, refuse_runs_of_ours
from orchestrator.observe.event_records import HEADER_BYTES, length_at
from orchestrator.observe.files import PICKLES, read_name
from orchestrator.observe.settings import read_settings_file
from orchestrator.observe.telemetry_choice import choose_recording
from orchestrator.observe.telemetry_file import FILE_NAME
from orchestrator.observe.tensors import is_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_DEPTH: Final = 6
MAX_ENTRIES: Final = 20_000
_MAX_CONFIGS: Final = 60
_MAX_TEXTS: Final = 60
_SAME_RUN_S: Final = 900.0
"""The event file is opened within minutes of `ss_training_started_at`: the base model is hashed in between."""
_SKIPPED = re.compile(r"^(?:\.|\d+_|__|venv$|node_modules$|site-packages$)|-state$", re.IGNORECASE)
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")
_TRAINER_TEXT = re.compile(rb"running training|train_util\.py:\d|accelerator device:|(?:^|[\r\n])steps: +\d+%\|")


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """The sources of one run found under `root`. Where several runs share a folder the newest was taken."""

    root: Path
    event_files: tuple[Path, ...] = ()
    networks: tuple[Path, ...] = ()
    samples: tuple[Path, ...] = ()
    console: Path | None = None
    telemetry: tuple[Path, ...] = ()
    settings_file: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """From `settings_file`."""
    other_runs: tuple[str, ...] = ()
    """Runs in the same folder that were not read: log folders and network names, relative to `root`."""
    notes: tuple[str, ...] = ()
    is_mixed: bool = False
    """The event file and the network file seem to be from different runs."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a training run was found."""
        return not (self.event_files or self.networks or self.console or self.telemetry)


@dataclass(slots=True)
class _Found:
    events: list[Path] = field(default_factory=list)
    networks: list[Path] = field(default_factory=list)
    configs: list[Path] = field(default_factory=list)
    texts: list[Path] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)
    telemetry: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_foreign(path: Path) -> ForeignRun:
    """Return the sources of the newest run at `path`: a folder, an event file, a network file or a console log.

    Raises InputError when `path` does not exist, is a file of no run, holds several runs of this tool or nothing of a run.
    """
    if not path.exists():
        raise InputError([_no_such_path(path)])
    root = path if path.is_dir() else path.parent
    if path.is_dir():
        refuse_runs_of_ours(path)
    found = _walk(root)
    run = _choose(root, found, None if path.is_dir() else path)
    if path.is_file() and not _belongs_to(path, run):
        raise InputError([not_of_a_run(path)])
    if run.is_empty:
        raise InputError([no_run(path)])
    return run


def _no_such_path(path: Path) -> Problem:
    return Problem(
        "no-such-path",
        Text(f"{path} does not exist", f"{path} 不存在"),
        Text("there is nothing to judge at that place", "该处没有可诊断的内容"),
        Text(
            "name a run folder (`runs/NAME-001`), or the output or logging folder of another front end",
            "请给出一次训练的文件夹（`runs/NAME-001`），或其他前端的输出或日志文件夹",
        ),
    )


def _belongs_to(path: Path, run: ForeignRun) -> bool:
    if path in run.networks:
        return _is_network(run.networks)
    if path == run.console:
        return path.suffix.lower() == ".log" or _is_trainer_text(path)
    return path in (*run.event_files, *run.samples, *run.telemetry) or path == run.settings_file


def _walk(root: Path) -> _Found:
    found = _Found()
    left = MAX_ENTRIES
    folders = [(root, 0)]
    while folders:
        folder, depth = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.notes.append(f"{_relative(folder, root)}: cannot be read ({error.strerror or error})")
            continue
        for entry in entries:
            left -= 1
            if left < 0:
                found.notes.append(f"more than {MAX_ENTRIES} files: the rest was not looked at")
                return found
            if entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH and not _SKIPPED.search(entry.name):
                    folders.append((Path(entry.path), depth + 1))
            elif entry.is_file(follow_symlinks=False):
                _sort_in(found, Path(entry.path))
    return found


def _sort_in(found: _Found, path: Path) -> None:
    suffix = path.suffix.lower()
    if "tfevents" in path.name:
        found.events.append(path)
    elif suffix == ".safetensors" or suffix in (".ckpt", ".pt"):
        found.networks.append(path)
    elif suffix in (".toml", ".json"):
        found.configs.append(path)
    elif suffix in (".log", ".txt"):
        found.texts.append(path)
    elif FILE_NAME.fullmatch(path.name):
        found.telemetry.append(path)
    elif suffix in _PICTURES and path.parent.name == "sample":
        found.pictures.append(path)


def _choose(root: Path, found: _Found, pinned: Path | None) -> ForeignRun:
    notes = list(found.notes)
    logs = _group(found.events, lambda p: str(p.parent))
    series = _group(found.networks, lambda p: f"{p.parent}{os.sep}{read_name(p.stem).series}")
    networks = next((g for g in series if pinned in g), None) or next((g for g in series if _is_network(g)), ())
    started = _started_at(networks)
    events = next((g for g in logs if pinned in g), None)
    is_mixed = False
    if events is None and logs:
        near = [g for g in logs if started is not None and abs(_first_time(g) - started) <= _SAME_RUN_S]
        events = near[0] if near else max(logs, key=_first_time)
        is_mixed = started is not None and not near
    elif events is not None and started is not None:
        is_mixed = abs(_first_time(events) - started) > _SAME_RUN_S
        same = next((g for g in series if abs((_started_at(g) or 0.0) - _first_time(events)) <= _SAME_RUN_S), None)
        if is_mixed and same is not None:
            networks, is_mixed = same, False
    others = [_relative(g[0].parent, root) for g in logs if g is not events]
    others += [_relative(g[0], root) for g in series if g is not networks and _is_network(g)]
    name = read_name(networks[0].stem).series if networks else None
    recording = choose_recording(
        _group(found.telemetry, lambda p: str(p.parent)), _started_at(networks), _first_time(events) if events else None
    )
    if found.telemetry and not recording:
        notes.append("telemetry of another run is in this folder and was not used")
    settings_file, settings = _choose_settings(found.configs, name, notes, root)
    return ForeignRun(
        root,
        tuple(sorted(events or ())),
        tuple(sorted(networks)),
        _samples_of(found.pictures, networks),
        _choose_console(found.texts, pinned),
        recording,
        settings_file,
        settings,
        tuple(others),
        tuple(notes),
        is_mixed,
    )


def _group(paths: Iterable[Path], key: Any) -> list[tuple[Path, ...]]:
    """Return the paths in groups of equal key, the group with the newest file first."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(key(path), []).append(path)
    return sorted((tuple(g) for g in groups.values()), key=lambda g: max(map(_mtime, g)), reverse=True)


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_network(group: tuple[Path, ...]) -> bool:
    """Whether these are networks of a LoRA trainer and no base models; damaged and unopened files count as networks."""
    newest = max(group, key=_mtime)
    if newest.suffix.lower() in PICKLES:
        return True
    try:
        return any(is_up(name) for name in read_header(newest).tensors)
    except (TensorFileError, OSError):
        return True


def _started_at(group: tuple[Path, ...]) -> float | None:
    times = (_start_in(path) for path in sorted(group, key=_mtime, reverse=True)[:3])
    return next((time for time in times if time is not None), None)


def _start_in(path: Path) -> float | None:
    try:
        return float(read_header(path).metadata["ss_training_started_at"])
    except (TensorFileError, OSError, KeyError, ValueError):
        return None


def _first_time(group: tuple[Path, ...]) -> float:
    """Return when the first event of a log folder was written; from its files' names or times where it is unreadable."""
    return min(_event_time(path) for path in group)


def _event_time(path: Path) -> float:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if len(head) >= HEADER_BYTES and length_at(head, 0) is not None and head[HEADER_BYTES] == 0x09:
            return float(struct.unpack_from("<d", head, HEADER_BYTES + 1)[0])
    except (OSError, IndexError, struct.error):
        pass
    match = re.search(r"tfevents\.(\d{9,11})\.", path.name)
    return float(match[1]) if match else _mtime(path)


def _choose_settings(
    paths: Iterable[Path], output_name: str | None, notes: list[str], root: Path
) -> tuple[Path | None, Mapping[str, Any]]:
    """Take the settings of the same output name first, TOML before JSON, then the newest."""
    candidates: list[tuple[tuple[bool, bool, float], Path, dict[str, Any]]] = []
    for path in sorted(paths, key=_mtime, reverse=True)[:_MAX_CONFIGS]:
        try:
            settings = read_settings_file(path)
        except (OSError, ValueError) as error:
            notes.append(f"{_relative(path, root)}: cannot be read ({str(error)[:120]})")
            continue
        if settings is not None:
            is_same = output_name is not None and settings.get("output_name") == output_name
            candidates.append(((is_same, path.suffix.lower() == ".toml", _mtime(path)), path, settings))
    if not candidates:
        return None, {}
    rank, path, settings = max(candidates, key=lambda c: c[0])
    if output_name is not None and not rank[0] and "output_name" in settings:
        # The settings of another run would be worse than none.
        notes.append(
            f"{_relative(path, root)}: names another output ({str(settings['output_name'])[:80]}) and was not used"
        )
        return None, {}
    return path, settings


def _choose_console(paths: Iterable[Path], pinned: Path | None) -> Path | None:
    if pinned is not None and pinned.suffix.lower() in (".log", ".txt"):
        return pinned
    ordered = sorted(paths, key=lambda p: (p.suffix.lower() == ".log", _mtime(p)), reverse=True)
    return next((path for path in ordered[:_MAX_TEXTS] if _is_trainer_text(path)), None)


def _is_trainer_text(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _TRAINER_TEXT.search(file.read(256 * 1024)) is not None
    except OSError:
        return False


def _samples_of(pictures: list[Path], networks: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the pictures beside the networks that carry their name; all pictures where there is no network."""
    if not networks:
        return tuple(sorted(pictures))
    name = read_name(networks[0].stem).series
    folder = networks[0].parent / "sample"
    return tuple(
        sorted(
            p
            for p in pictures
            if p.parent == folder and (p.name.startswith(f"{name}_") or name in ("last", "at", "epoch"))
        )
    )


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
