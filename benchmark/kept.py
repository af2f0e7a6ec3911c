"""What is kept of a run, small: one `run.tar.xz` with its logs and records, `about.json` beside it.

The network files are not kept. What reading them gave is (`checkpoints.json`), and for later signals the update's norm
and effective rank per module (`weights.json`). Paths of the machine are replaced before anything is packed.
"""

from __future__ import annotations

import io
import json
import lzma
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.observation import Checkpoint, GroupWeights
from orchestrator.core.rundir import RunDir
from orchestrator.observe.read import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.core.observation import Observations

ARCHIVE, ABOUT = "run.tar.xz", "about.json"
CHECKPOINTS, WEIGHTS = "checkpoints.json", "weights.json"
_AT_ROOT = (
    "recipe.yaml",
    "recipe.resolved.yaml",
    "plan.json",
    "run.json",
    "telemetry.json",
    "train.toml",
    "dataset.toml",
)
_TEXTS = {".yaml", ".json", ".toml", ".log", ".jsonl"}


def pack(rundir: RunDir, folder: Path, about: Mapping[str, Any], weights: object, names: Mapping[str, str]) -> None:
    """Write the kept form of a run to `folder`; `names` maps paths of this machine to neutral ones, longest first."""
    seen = read_run(rundir.root)
    checkpoints = [{**asdict(one), "metadata": {}} for one in seen.checkpoints]
    content = {CHECKPOINTS: json.dumps(checkpoints).encode(), WEIGHTS: json.dumps(weights).encode()}
    for path in _kept_files(rundir):
        data = path.read_bytes()
        if path.suffix in _TEXTS:
            for ours, neutral in names.items():
                data = data.replace(ours.encode(), neutral.encode())
        content[rundir.relative(path)] = data
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARCHIVE).write_bytes(lzma.compress(_tar(content), preset=9))
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _kept_files(rundir: RunDir) -> Iterator[Path]:
    yield from (path for name in _AT_ROOT if (path := rundir.root / name).is_file())
    if rundir.console_log.is_file():
        yield rundir.console_log
    for folder in (rundir.logs, rundir.attempt_dir / "telemetry"):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _tar(content: Mapping[str, bytes]) -> bytes:
    """A tar without times and owners: the same content gives the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(content):
            info = tarfile.TarInfo(name)
            info.size = len(content[name])
            tar.addfile(info, io.BytesIO(content[name]))
    return buffer.getvalue()


def read_about(folder: Path) -> dict[str, Any]:
    """What was planted in a kept run, what must be said, and what was measured apart from the log."""
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return about


@contextmanager
def opened(folder: Path) -> Iterator[RunDir]:
    """The run folder of a kept run, for as long as it is needed; the network files are missing in it."""
    with tempfile.TemporaryDirectory(prefix="kept-run-") as scratch:
        root = Path(scratch)
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress((folder / ARCHIVE).read_bytes()))) as tar:
            for member in tar:
                path = root / member.name
                if not path.resolve().is_relative_to(root.resolve()):
                    raise ValueError(f"{folder / ARCHIVE}: {member.name} lies outside the run folder")
                path.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                path.write_bytes(source.read() if source else b"")
        yield RunDir(root)


def observations(rundir: RunDir) -> Observations:
    """What the run left, as `observe` reads it, with the checkpoints as they were read when the files were there."""
    known = {one.name for one in fields(Checkpoint)}
    rows = json.loads((rundir.root / CHECKPOINTS).read_text(encoding="utf-8"))
    checkpoints = tuple(_checkpoint({key: value for key, value in row.items() if key in known}) for row in rows)
    seen = read_run(rundir.root)
    missing = tuple(one for one in seen.missing if not checkpoints or "checkpoint" not in one.what)
    return replace(seen, checkpoints=checkpoints, missing=missing)


def _checkpoint(row: dict[str, Any]) -> Checkpoint:
    groups = {
        name: GroupWeights(**{**group, "rank_shares": tuple(group.get("rank_shares", ()))})
        for name, group in row.get("groups", {}).items()
    }
    return Checkpoint(**{**row, "groups": groups})
