"""Network files become results: read whole, found good, linked into `checkpoints/` under a name that is never used again.

The trainer writes straight under the good name and without flushing, so a file of its own may be torn at any moment. What
stands in `checkpoints/` is whole. A file that stays torn when its attempt is over goes to `quarantine/` with the reason.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.durable import flush, link_or_copy, sha256_of
from orchestrator.core.safetensors_header import TensorFileError, read_header
from orchestrator.core.text import Text
from orchestrator.run.saved.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.core.rundir import RunDir

SIDECAR = ".sha256"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What reading one network file gave."""

    problem: str = ""
    """Why it cannot be used; empty: whole, finite."""
    keys: frozenset[str] = frozenset()
    """Names of its tensors."""
    step: int | None = None
    """As the trainer counts, in this attempt."""
    epoch: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one of the trainer's files: published under `file`, or not, for `problem`."""

    source: str
    """Relative to the run folder."""
    file: str = ""
    problem: str = ""
    step: int | None = None
    """Of the whole run."""
    epoch: int | None = None
    is_final: bool = False
    bytes: int = 0
    sha256: str = ""
    is_set_apart: bool = False
    """Its problem is its own; else it is good and could not be published."""

    @property
    def event(self) -> str:
        """For the journal: `published`, `quarantined`, `not-published`."""
        if not self.problem:
            return "published"
        return "quarantined" if self.is_set_apart else "not-published"

    def facts(self) -> dict[str, object]:
        """For the journal."""
        if self.problem:
            return {"file": self.source, "reason": self.problem}
        return {
            "file": self.file, "source": self.source, "step": self.step, "epoch": self.epoch,
            "is_final": self.is_final, "bytes": self.bytes, "sha256": self.sha256,
        }  # fmt: skip


class Publisher:
    """Publishes what one attempt leaves. Files that are being written are looked at again; `settle` takes the rest."""

    def __init__(
        self, rundir: RunDir, first_step: int, verify: Callable[[Path], Verdict], done: Iterable[str] = ()
    ) -> None:
        """`first_step`: steps that lie before the attempt. `verify` reads a file and raises nothing. `done`: names that are settled."""
        self._rundir, self._first_step, self._verify = rundir, first_step, verify
        self._done = set(done)
        self._sizes: dict[str, tuple[int, int]] = {}
        self._keys: frozenset[str] | None = None
        """Names of the tensors of what this run published, empty where it published nothing; None: not looked for yet."""

    def look(self) -> list[Found]:
        """Publish the files that have not changed since the last look and are good."""
        found = []
        for path in self._new():
            with contextlib.suppress(OSError):  # a disk that is full now may have room at the next look
                if self._rests(path) and (one := self._publish(path)) is not None:
                    found.append(one)
        return found

    def settle(self) -> list[Found]:
        """Publish what is good of the rest, and set apart what is not: the trainer has ended."""
        return [self._settled(path) for path in self._new()]

    def _settled(self, path: Path) -> Found:
        try:
            return self._publish(path) or self._set_apart(path)
        except OSError as error:
            return Found(self._rundir.relative(path), problem=error.strerror or str(error))

    def _new(self) -> list[Path]:
        try:
            paths = [p for p in self._rundir.output.iterdir() if p.suffix == ".safetensors" and p.is_file()]
        except OSError:
            return []
        return sorted(p for p in paths if p.name not in self._done)

    def _rests(self, path: Path) -> bool:
        try:
            stat = path.stat()
        except OSError:
            return False
        now = (stat.st_size, stat.st_mtime_ns)
        before, self._sizes[path.name] = self._sizes.get(path.name), now
        return before == now and stat.st_size > 0

    def _publish(self, path: Path) -> Found | None:
        verdict = self._judged(path)
        if verdict.problem or self._is_outdated():
            return None
        self._keys = verdict.keys
        step = None if verdict.step is None else verdict.step + self._first_step
        digest = sha256_of(path)
        name = self._place(path, digest, step if verdict.epoch is None and not verdict.is_final else None)
        self._done.add(path.name)
        return Found(
            self._rundir.relative(path), name, step=step, epoch=verdict.epoch, is_final=verdict.is_final,
            bytes=path.stat().st_size, sha256=digest,
        )  # fmt: skip

    def _judged(self, path: Path) -> Verdict:
        verdict = self._verify(path)
        if verdict.problem:
            return verdict
        if self._keys is None:
            self._keys = published_keys(self._rundir)
        is_alike = not self._keys or verdict.keys == self._keys
        return verdict if is_alike else Verdict("its tensors are not those of the files before it")

    def _is_outdated(self) -> bool:
        """Whether a later attempt has begun: then this one must publish nothing more."""
        return newest_attempt(self._rundir) > self._rundir.attempt

    def _place(self, path: Path, digest: str, step: int | None) -> str:
        """Link the file into `checkpoints/` under a free name, its sum beside it; return the name.

        Where its content has a name there already, cut off before it was noted, that name is its own. Raises OSError, and leaves
        nothing, where either cannot be written.
        """
        folder = self._rundir.checkpoints
        folder.mkdir(exist_ok=True)
        stem = path.stem
        if step is not None and self._first_step and "-step" in stem:  # the trainer counts from 1 in every attempt
            stem = f"{stem.rpartition('-step')[0]}-step{step:08d}"
        names = [f"{stem}.safetensors", f"{stem}-attempt{self._rundir.attempt:03d}.safetensors"]
        for name in names:
            try:
                link_or_copy(path, folder / name)
            except FileExistsError:
                if sha256_of(folder / name) != digest:
                    continue
                write_sidecar(folder / name, digest)
                return name
            try:
                write_sidecar(folder / name, digest)
            except OSError:
                (folder / name).unlink()
                raise
            return name
        raise FileExistsError(folder / names[-1])

    def _set_apart(self, path: Path) -> Found:
        problem = self._judged(path).problem or "a later attempt has begun"
        source = self._rundir.relative(path)
        try:  # a file that went may come again: the last one is made anew where a full disk tore it
            quarantine(path, self._rundir.root, problem)
        except OSError:
            self._done.add(path.name)
        return Found(source, problem=problem, is_set_apart=True)


def not_published_text(file: str, reason: str) -> Text:
    """Say that a good file of the trainer has no name under `checkpoints/`, and where it lies. `file`: relative to the run folder."""
    return Text(
        f"{file} is whole, but could not be put into checkpoints/ ({reason}); it stays where it is",
        f"{file} 完好，但未能放入 checkpoints/（{reason}）；它仍在原处",
    )


def newest_attempt(rundir: RunDir) -> int:
    """Return the highest attempt whose folder was made: the fencing token of the run."""
    try:
        names = [p.name for p in rundir.attempt_dir.parent.iterdir()]
    except OSError:
        return 0
    return max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)


def write_sidecar(path: Path, digest: str) -> None:
    """Write `<file>.sha256` as `sha256sum -c` reads it: whole, or not at all."""
    sidecar = path.with_name(path.name + SIDECAR)
    beside = path.with_name(f".{sidecar.name}.part")
    try:
        beside.write_text(f"{digest}  {path.name}\n", encoding="utf-8", newline="\n")
        flush(beside)
        beside.replace(sidecar)
    finally:
        beside.unlink(missing_ok=True)


def sidecar_problem(path: Path) -> str | None:
    """Return why a published file is not what its sidecar says; None where it is, or there is none to compare with."""
    try:
        wanted = path.with_name(path.name + SIDECAR).read_text(encoding="utf-8").split()[0]
        return None if sha256_of(path) == wanted else "its content is not what was published (SHA-256 differs)"
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def published_keys(rundir: RunDir) -> frozenset[str]:
    """Return the names of the tensors of what the run published, by one file that is still what its sidecar says; empty where there is none.

    Attempts of a run train one network, so any of its files will do. One that was damaged, or that somebody put there, must not
    have good files refused.
    """
    for path in sorted(rundir.checkpoints.glob("*.safetensors"), reverse=True):
        with contextlib.suppress(OSError, TensorFileError):
            if path.with_name(path.name + SIDECAR).is_file() and sidecar_problem(path) is None:
                return frozenset(read_header(path).tensors)
    return frozenset()


def changed_files(rundir: RunDir) -> list[str]:
    """Return the names of published files that are no longer what was published. Each is read whole."""
    return sorted(p.name for p in rundir.checkpoints.glob("*.safetensors") if sidecar_problem(p) is not None)
