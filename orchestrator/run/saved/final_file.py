"""What is wrong with the final file of a run: exit code 0 alone says nothing about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.observation import Checkpoint
    from orchestrator.core.rundir import RunDir

_CLOCK_S = 2.0
"""File systems keep times less exactly than clocks."""
_SAVE_POINT = re.compile(r"-(step)?\d{6,8}$")
"""Names of save points on the way: `x-000003`, `x-step00000300`. The final file has no number."""


class Wrong(NamedTuple):
    """Why it is no result."""

    cause: str
    message: Text


def problem_of_file(
    rundir: RunDir, checkpoint: Checkpoint | None, began_at: float, output_name: str | None = None
) -> Wrong | None:
    """Return what is wrong with the final file, None when nothing is known to be. `output_name` settles names ending in digits."""
    finals = _final_files(rundir, output_name)
    if finals and all(_is_from_before(path, began_at) for path in finals):
        name = finals[0].name
        return Wrong(
            "stale-model",
            Text(
                f"{name} was written before the training began and copied there: it is not what was trained",
                f"{name} 写于训练开始之前，是复制过来的：它不是本次训练的结果",
            ),
        )
    if checkpoint is None:
        if finals:
            return None
        return Wrong(
            "no-model",
            Text(
                "the trainer left no final file; the last save point, where there is one, is the result",
                "训练器没有留下最终文件；若有中途保存的文件，以最后一个为准",
            ),
        )
    return _problem_of_content(checkpoint)


def _problem_of_content(checkpoint: Checkpoint) -> Wrong | None:
    name = checkpoint.path
    if not checkpoint.is_readable:
        return Wrong(
            "bad-model",
            Text(
                f"the final file cannot be read: {name} ({checkpoint.problem})",
                f"最终文件无法读取：{name}（{checkpoint.problem}）",
            ),
        )
    if checkpoint.is_scanned and not checkpoint.key_count:
        return Wrong(
            "bad-model",
            Text(f"the final file holds no tensors: {name}", f"最终文件中没有任何张量：{name}"),
        )
    if checkpoint.nonfinite_count:
        count = checkpoint.nonfinite_count
        return Wrong(
            "nan",
            Text(
                f"the final file is unusable: {count} of its tensors hold NaN or infinity; lower the learning rate",
                f"最终文件不可用：{count} 个张量含 NaN 或无穷；请降低学习率",
            ),
        )
    if checkpoint.up_count and checkpoint.zero_up_count == checkpoint.up_count:
        return Wrong(
            "zero-model",
            Text(
                "the final file changes nothing: all its weights are still zero; check the learning rates",
                "最终文件没有任何作用：权重全为零；请检查学习率",
            ),
        )
    return None


def _final_files(rundir: RunDir, output_name: str | None) -> list[Path]:
    try:
        paths = [p for p in rundir.output.iterdir() if p.suffix == ".safetensors" and p.stat().st_size > 0]
    except OSError:
        return []
    return [path for path in paths if path.stem == output_name or not _SAVE_POINT.search(path.stem)]


def _is_from_before(path: Path, began_at: float) -> bool:
    """Whether a file's content is older than the launch while the file itself is not: somebody copied it with its time.

    A wall clock that jumped meanwhile moves both times alike.
    """
    try:
        stat = path.stat()
    except OSError:
        return False
    return stat.st_mtime < began_at - _CLOCK_S and stat.st_ctime >= began_at - _CLOCK_S
