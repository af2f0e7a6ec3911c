"""Whether a saved state is whole, told without ever opening a pickle: a pickle runs code when it is opened.

The trainer writes a state file by file under its good name, so a kill or a full disk leaves torn ones. All that is checked here
is checked again before a run goes on from a state.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from orchestrator.core.durable import flush, sha256_of
from orchestrator.core.lost_pages import lost_end_problem
from orchestrator.core.safetensors_header import TensorFileError, read_header
from orchestrator.core.tensor_numbers import is_finite_and_moved
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path

NETWORK: Final = "model.safetensors"
TRAIN_STATE: Final = "train_state.json"
PICKLES: Final = ("optimizer.bin", "scheduler.bin", "random_states_0.pkl")
STATE_FILES: Final = (TRAIN_STATE, NETWORK, *PICKLES)
"""What accelerate and the trainer write, in the order they write it: the last one there means that all were begun."""
SUMS: Final = "SHA256SUMS"
"""Our own file beside them, in the format of `sha256sum`."""
_MORE_PICKLES: Final = (".bin", ".pkl", ".pt")
"""Some runs have more of them: `scaler.pt` in fp16, the random states of further processes."""
_MOST_TRAIN_STATE_BYTES: Final = 64 * 1024
_DAMAGED_ZIP: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, RuntimeError, EOFError, LookupError,
)  # fmt: skip
"""What `zipfile` raises for bytes that are no whole archive."""


def state_problem(folder: Path, epoch: int | None = None) -> Text | None:
    """Return why the state in `folder` cannot be gone on from; None where it is complete and whole.

    All five files are there and hold something, the network opens, has the size it says and only finite numbers, each pickle is an
    archive whose checksums fit, `train_state.json` says an epoch and a step: `epoch`, where the folder's name tells it. Where `seal_state` left sums, they fit too. Without
    them a changed bit among the network's numbers is not seen unless it makes one infinite.
    """
    try:
        return _problem(folder, epoch)
    except OSError as error:
        why = error.strerror or str(error)
        return Text(f"cannot be read ({why})", f"无法读取（{why}）")


def _problem(folder: Path, epoch: int | None) -> Text | None:
    for name in STATE_FILES:
        path = folder / name
        if not path.is_file():
            return Text(f"`{name}` is missing", f"缺少 `{name}`")
        if path.stat().st_size == 0:
            return Text(f"`{name}` is empty", f"`{name}` 为空")
    return (
        _train_state_problem(folder / TRAIN_STATE, epoch)
        or _network_problem(folder / NETWORK)
        or _pickle_problem(folder)
        or _sum_problem(folder)
    )


def _train_state_problem(path: Path, epoch: int | None) -> Text | None:
    if path.stat().st_size > _MOST_TRAIN_STATE_BYTES:
        return Text(f"`{path.name}` is far too long", f"`{path.name}` 过长")
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return Text(f"`{path.name}` is not JSON", f"`{path.name}` 不是 JSON")
    counts = [body.get(key) for key in ("current_epoch", "current_step")] if isinstance(body, dict) else []
    if len(counts) != 2 or not all(type(count) is int and count > 0 for count in counts):
        return Text(f"`{path.name}` says no epoch and step", f"`{path.name}` 没有轮次和步数")
    if epoch is not None and epoch != counts[0]:
        return Text(
            f"`{path.name}` says epoch {counts[0]}, the folder {epoch}",
            f"`{path.name}` 写的是第 {counts[0]} 轮，目录名是第 {epoch} 轮",
        )
    return None


def _network_problem(path: Path) -> Text | None:
    try:
        header = read_header(path)
        with path.open("rb") as file:
            bad = sum(not is_finite_and_moved(file, tensor)[0] for tensor in header.tensors.values())
        lost = lost_end_problem(path, header)
    except (TensorFileError, ValueError) as error:
        return Text(f"`{path.name}`: {error}", f"`{path.name}`：{error}")
    if bad:
        return Text(
            f"`{path.name}`: {bad} of {len(header.tensors)} tensors hold NaN or infinity",
            f"`{path.name}`：{len(header.tensors)} 个张量中有 {bad} 个含 NaN 或无穷",
        )
    return None if lost is None else Text(f"`{path.name}`: {lost.en}", f"`{path.name}`：{lost.zh}")


def _pickle_problem(folder: Path) -> Text | None:
    more = sorted(p.name for p in folder.iterdir() if p.suffix in _MORE_PICKLES and p.name not in PICKLES)
    for name in (*PICKLES, *more):
        if not _is_whole_archive(folder / name):
            return Text(f"`{name}` is cut off or damaged", f"`{name}` 不完整或已损坏")
    return None


def _is_whole_archive(path: Path) -> bool:
    """Return whether `path` is what `torch.save` writes, every checksum right. Nothing is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            has_pickle = any(name.endswith("data.pkl") for name in archive.namelist())
            return has_pickle and archive.testzip() is None
    except _DAMAGED_ZIP:
        return False


def _sum_problem(folder: Path) -> Text | None:
    sums = folder / SUMS
    if not sums.is_file():
        return None
    lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    said = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if not set(STATE_FILES) <= set(said):
        return Text(f"`{SUMS}` is cut off or damaged", f"`{SUMS}` 不完整或已损坏")
    for name, digest in said.items():
        path = folder / name
        if name != path.name or not path.is_file() or sha256_of(path) != digest:
            return Text(f"`{name}` is no longer what was saved", f"`{name}` 与保存时不同")
    return None


def seal_state(folder: Path, epoch: int | None = None) -> Text | None:
    """Write the sums of a whole state into it and make it last through a power cut; return what is wrong instead where it is not whole.

    `epoch`: as for `state_problem`. A sealed state stays as it is. Raises OSError where the folder cannot be written.
    """
    problem = state_problem(folder, epoch)
    if problem is not None or (folder / SUMS).exists():
        return problem
    lines = []
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        flush(path)
        lines.append(f"{sha256_of(path)}  {path.name}\n")
    beside = folder / f".{SUMS}"
    beside.write_text("".join(lines), encoding="utf-8")
    flush(beside)
    beside.replace(folder / SUMS)
    flush(folder)
    return None
