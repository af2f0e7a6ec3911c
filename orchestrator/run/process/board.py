"""TensorBoard over the run folders, on this machine only."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same
from orchestrator.run.process import process_group
from orchestrator.run.process.lifeline import lifeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TICK_S = 0.1
PATIENCE_S = 5.0
"""How long TensorBoard may take to end when asked."""


def board_argv(runs_dir: Path, port: int) -> tuple[str, ...]:
    """Return the command that serves `runs_dir` on 127.0.0.1:`port`.

    Raises EnvironmentFault where TensorBoard is not installed and InputError where there is no such folder.
    """
    if importlib.util.find_spec("tensorboard") is None:
        what = Text("TensorBoard is not installed", "没有安装 TensorBoard")
        why = Text("it draws the curves; nothing else here needs it", "它负责绘制曲线；本工具的其他部分不需要它")
        raise EnvironmentFault(
            [Problem("no-tensorboard", what, why, same("pip install '.[board]'  (in the checkout of this project)"))]
        )
    if not runs_dir.is_dir():
        what = Text(f"there is no folder `{runs_dir}`", f"没有文件夹 `{runs_dir}`")
        fix = Text("name the folder of the runs: lora-run board DIR", "指出训练记录所在的文件夹：lora-run board DIR")
        why = Text("the first run makes it, where it is started", "它由第一次训练在启动处建立")
        raise InputError([Problem("no-runs-folder", what, why, fix)])
    return (
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(runs_dir),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    )


def open_board(runs_dir: Path, port: int, tell: Callable[[Text], None] = lambda _text: None) -> int:
    """Tell the address, serve until Ctrl-C and return the exit code. Raises what `board_argv` raises."""
    argv = board_argv(runs_dir, port)
    address = f"http://127.0.0.1:{port}"
    tell(
        Text(
            f"TensorBoard over {runs_dir}: {address}, Ctrl-C ends it",
            f"{runs_dir} 的 TensorBoard：{address}，按 Ctrl-C 结束",
        )
    )
    return _serve(argv)


def _serve(argv: tuple[str, ...]) -> int:
    """Stay with the program until it ends or this process is asked to; end its whole group then, whatever way this one dies."""
    token = os.urandom(8).hex()
    asked_at = None
    with lifeline(token) as line, process_group.signals_noted() as noted:
        process = process_group.start_beside(argv, token)
        line.tell(f"group {process.pid}")
        try:
            while process.poll() is None:
                line.renew_if_lost()
                if noted and asked_at is None:
                    asked_at = time.monotonic()
                    process_group.push(process, token, "terminate")
                elif asked_at is not None and (len(noted) > 1 or time.monotonic() - asked_at > PATIENCE_S):
                    process_group.push(process, token, "kill")
                time.sleep(TICK_S)
        finally:
            process_group.push(process, token, "kill")  # what it may have started
            process.wait()
    if not noted:
        return process.returncode
    return 0 if noted[0] == signal.SIGINT else 128 + noted[0]
