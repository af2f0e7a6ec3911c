"""What a run was begun with, so that it is gone on with only by the same: pictures, captions, model files, compiled settings.

A fingerprint is SHA-256 over the size and the content, of files above 256 KiB over 16 blocks spread over it: a retrained
model or another picture differs in any of them, and neither seven gigabytes nor ten thousand pictures need be read whole.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.backends.pickles import FILE_OPTIONS
from orchestrator.backends.train_toml import DATASET_TOML, TRAIN_TOML
from orchestrator.core.errors import RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import read_record, write_record
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.backends.protocol import Trainer
    from orchestrator.core.rundir import RunDir
    from orchestrator.plan.model import Plan

KIND = "inputs"
VERSION = 1
WHOLE_BYTES = 256 * 1024
BLOCKS = 16
BLOCK_BYTES = 16 * 1024
MOST_SHOWN = 200
"""Characters of a line that are told."""
_OF_MODELS = frozenset({".safetensors", ".bin", ".json", ".txt"})
"""Endings of what a model folder in diffusers layout is made of."""


@dataclass(frozen=True, slots=True)
class FileMark:
    """One file as it was."""

    bytes: int
    sha256: str
    """Of `fingerprint`."""

    def __str__(self) -> str:
        """As it is told to people."""
        return f"{self.bytes} bytes, {self.sha256[:12]}"


def fingerprint(path: Path) -> FileMark:
    """Return the mark of a file. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(f"{size}\n".encode())
        if size <= WHOLE_BYTES:
            file.seek(0)
            digest.update(file.read())
        else:
            for number in range(BLOCKS):
                file.seek((size - BLOCK_BYTES) * number // (BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return FileMark(size, digest.hexdigest())


def named_inputs(plan: Plan, rundir: RunDir) -> Iterator[tuple[str, Path]]:
    """Return (name for people, path) of every file a run reads: links by their place in the run folder, models by their option."""
    for name in (TRAIN_TOML, DATASET_TOML):
        yield name, rundir.root / name
    for subset in (*plan.subsets, *((plan.validation,) if plan.validation is not None else ())):
        for link in subset.links:
            yield link.path, rundir.root / link.path
    for option, path in model_files(plan):
        yield f"{option} ({path.parent.name}/{path.name})", path


def model_files(plan: Plan) -> Iterator[tuple[str, Path]]:
    """Return (option, path) of every model file that the trainer loads; of a folder, the weights and settings in it."""
    for option in FILE_OPTIONS:
        decided = plan.train.get(option)
        values = (
            decided.value
            if decided is not None and isinstance(decided.value, (list, tuple))
            else [decided and decided.value]
        )
        for value in values:
            path = Path(value) if isinstance(value, str) else None
            if path is not None and path.is_dir():
                yield from ((option, inside) for inside in sorted(path.rglob("*")) if inside.suffix in _OF_MODELS)
            elif path is not None and path.is_file():
                yield option, path


def start_marking(plan: Plan, rundir: RunDir, trainer: Trainer) -> threading.Thread:
    """Write `inputs.json` beside the trainer's start: reading ten thousand pictures takes a while."""
    thread = threading.Thread(target=_mark_all, args=(plan, rundir, trainer), name="marking inputs", daemon=True)
    thread.start()
    return thread


def _mark_all(plan: Plan, rundir: RunDir, trainer: Trainer) -> None:
    try:
        body = {
            "trainer": trainer.commit,
            "num_processes": plan.num_processes,
            "files": {name: _body(fingerprint(path)) for name, path in named_inputs(plan, rundir)},
        }
        write_record(rundir.inputs_json, KIND, VERSION, body)
    except OSError:  # a file went meanwhile, or the disk is full: the trainer will say so; the run is not resumed then
        return


def _body(mark: FileMark) -> dict[str, Any]:
    return {"bytes": mark.bytes, "sha256": mark.sha256}


def changed_inputs(plan: Plan, rundir: RunDir, trainer: Trainer, *, needs_marks: bool = True) -> list[Problem]:
    """Return a problem for everything that is not as it was when the run began, with both values.

    A run that ended before its marks were written has none; `needs_marks` says whether that is a problem.
    """
    try:
        body = read_record(rundir.inputs_json, KIND, VERSION)
        before = {str(name): FileMark(int(mark["bytes"]), str(mark["sha256"])) for name, mark in body["files"].items()}
    except (RecordError, KeyError, TypeError, ValueError, AttributeError):
        return [_not_marked()] if needs_marks else []
    found = []
    if body.get("trainer") != trainer.commit:
        found.append(_differs("the trainer's commit", "训练器的提交", str(body.get("trainer")), trainer.commit))
    if body.get("num_processes") != plan.num_processes:
        found.append(
            _differs("num_processes", "num_processes", str(body.get("num_processes")), str(plan.num_processes))
        )
    return [*found, *_changed_files(before, dict(named_inputs(plan, rundir)))]


def rewritten_files(files: Mapping[str, str], rundir: RunDir) -> list[Problem]:
    """Return a problem for each compiled file of the run that is not what its plan compiles to: the trainer would read that one.

    The marks do not tell: they lie in the same folder, and a folder from elsewhere comes with marks of its own.
    """
    found = []
    for name, compiled in files.items():
        try:
            written = (rundir.root / name).read_bytes().decode("utf-8", "backslashreplace")
        except OSError as error:
            written = error.strerror or str(error)
        if written != compiled:
            lines = zip_longest(written.splitlines(), compiled.splitlines(), fillvalue="-")
            found.append(_rewritten(name, *next(((a, b) for a, b in lines if a != b), ("-", "-"))))
    return found


def _rewritten(name: str, written: str, compiled: str) -> Problem:
    return Problem(
        "resume-rewritten",
        Text(f"{name} is not what the run's plan compiles to: `{written[:MOST_SHOWN]}` there, `{compiled[:MOST_SHOWN]}` by the plan", f"{name} 与该训练的计划编译结果不同：文件中为 `{written[:MOST_SHOWN]}`，按计划应为 `{compiled[:MOST_SHOWN]}`"),
        Text("the trainer would do what stands there, and nobody checked that; it was edited, or another version of this tool wrote it", "训练器会按文件中的内容执行，而它未经检查；它被改动过，或由本工具的其他版本写成"),
        Text("put it back as it was, or start a new run", "恢复原样，或开始新的训练"),
    )  # fmt: skip


def _changed_files(before: Mapping[str, FileMark], paths: Mapping[str, Path]) -> list[Problem]:
    found = []
    for name, mark in before.items():
        try:
            now = str(fingerprint(paths[name])) if name in paths else "gone"
        except OSError:
            now = "gone"
        if now != str(mark):
            found.append(_differs(name, name, str(mark), now))
    return found


def _differs(name: str, name_zh: str, before: str, now: str) -> Problem:
    return Problem(
        "resume-changed",
        Text(f"{name} is not what the run began with: {before} then, {now} now", f"{name_zh} 与开始时不同：当时为 {before}，现在为 {now}"),
        Text("the saved state belongs to what was trained on; with something else the result would be neither run", "保存的状态属于当时的训练内容；换成别的内容，结果就不属于任何一次训练"),
        Text("put it back as it was, or start a new run", "恢复原样，或开始新的训练"),
    )  # fmt: skip


def _not_marked() -> Problem:
    return Problem(
        "resume-unmarked",
        Text("what the run began with was not written down", "没有记录训练开始时的内容"),
        Text("it ended in its first moments, or an earlier version of this tool began it", "它在最初几秒就结束了，或由本工具的旧版本开始"),
        Text("begin it anew with `--from-scratch`, or start a new run", "用 `--from-scratch` 从头开始，或开始新的训练"),
    )  # fmt: skip
