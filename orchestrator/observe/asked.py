"""What is said where a path that was asked about is not one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from pathlib import Path

_MOST_NAMED: Final = 8


def refuse_runs_of_ours(folder: Path) -> None:
    """Raise InputError that asks which run is meant: to take the newest would judge one run's log with the recipe of none."""
    runs = sorted({file.parent for pattern in ("*/run.json", "*/*/run.json") for file in folder.glob(pattern)})
    if not runs:
        return
    names = ", ".join(run.relative_to(folder).as_posix() for run in runs[:_MOST_NAMED])
    more = len(runs) - _MOST_NAMED
    listed = Text(f"{names} and {more} more", f"{names} 等 {len(runs)} 个") if more > 0 else same(names)
    what = Text(f"{folder} holds runs, it is none itself: {listed.en}", f"{folder} 包含多次训练，本身不是：{listed.zh}")
    why = Text("each run is judged by itself, with its own recipe", "每次训练都按各自的配方单独诊断")
    fix = Text(f"name one: `lora-run diagnose {runs[-1]}`", f"请指定一个：`lora-run diagnose {runs[-1]}`")
    raise InputError([Problem("several-runs", what, why, fix)])


def not_of_a_run(path: Path) -> Problem:
    """Return the problem that a file is part of no run."""
    return Problem(
        "not-of-a-run",
        Text(f"{path} belongs to no training run", f"{path} 不属于任何一次训练"),
        Text(
            "it is no event file, no network a trainer saved, no console log and no settings of a run beside it",
            "它不是事件文件、训练器保存的网络或控制台日志，也不是旁边某次训练的设置",
        ),
        Text(
            f"name such a file, or the folder of the run: `lora-run diagnose {path.parent}`",
            f"请指定这样的文件，或训练所在的文件夹：`lora-run diagnose {path.parent}`",
        ),
    )


def no_run(path: Path) -> Problem:
    """Return the problem that nothing of a run was found."""
    what = Text(f"{path.name or path} holds no training run", f"{path.name or path} 中没有训练记录")
    why = Text(
        "no TensorBoard event file, no network file and no console log of a trainer was found in it",
        "其中没有 TensorBoard 事件文件、网络文件，也没有训练器的控制台日志",
    )
    fix = Text(
        "give the output folder, the logging folder or the folder that holds both",
        "请给出输出文件夹、日志文件夹，或同时包含两者的文件夹",
    )
    return Problem("no-run-found", what, why, fix)
