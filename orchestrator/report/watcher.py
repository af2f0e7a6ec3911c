"""Shows a run while it goes on. What draws the line is loaded when the trainer has been started: it needs none of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from orchestrator.core.observation import LogEvent
    from orchestrator.core.rundir import RunDir
    from orchestrator.core.text import Language
    from orchestrator.report.live_line import LiveLine


class Watcher:
    """Shows a run while it goes on: one line of progress, and findings as they come."""

    def __init__(
        self, stream: TextIO, language: Language, on_begin: Callable[[RunDir], None] = lambda _rundir: None
    ) -> None:
        """`on_begin` hears where the run lies once its trainer is started, before anything is said of it."""
        self._stream, self._language, self._on_begin = stream, language, on_begin
        self._line: LiveLine | None = None

    def __enter__(self) -> Watcher:  # noqa: PYI034  Self needs Python 3.11
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            self._line.close()

    def begins(self, rundir: RunDir, total_steps: int) -> None:
        """Show where the run lies."""
        from orchestrator.report.live_line import LiveLine

        self._on_begin(rundir)
        if self._line is not None:
            self._line.close()
        self._line = LiveLine(self._stream, self._language, total_steps)
        where = Text(
            f"run {rundir.root.name}: {total_steps} steps planned, log in {short_path(rundir.console_log)}",
            f"训练 {rundir.root.name}：计划 {total_steps} 步，日志在 {short_path(rundir.console_log)}",
        )
        self._line.message(where.to(self._language))
        self._line.set_phase(_STARTING.to(self._language))

    def told(self, text: Text) -> None:
        """Show a decision whole, on a line of its own."""
        if self._line is None:
            self._stream.write(f"{text.to(self._language)}\n")
        else:
            self._line.message(text.to(self._language))

    def found(self, text: Text) -> None:
        """Show a finding, which stays at the end of the line."""
        if self._line is None:
            self.told(text)
        else:
            self._line.set_finding(text.to(self._language))

    def event(self, event: LogEvent) -> None:
        """Move the line, or add one."""
        if self._line is None:
            return
        if event.kind == "progress":
            self._line.update(event.values["step"], event.values["avr_loss"])
            return
        if event.kind in _SHOWN:
            self._line.message(_SHOWN[event.kind].to(self._language).format(**event.values))
        if event.kind in _PHASES:
            self._line.set_phase(_PHASES[event.kind].to(self._language))

    def silence(self, seconds: float) -> None:
        """Say that nothing was heard for long."""
        self.told(Text(f"the trainer has printed nothing for {seconds:.0f} s", f"训练器已有 {seconds:.0f} 秒没有输出"))


_STARTING = Text("starting the trainer", "正在启动训练器")
_LOOKING = Text("the trainer looks at the pictures", "训练器正在读取图片")
_LOADING = Text("loading the model", "正在加载模型")
_CACHING = Text("preparing network and latents", "正在准备网络和潜变量")
_PHASES = {
    "settings-loaded": Text("the trainer loads its libraries", "训练器正在加载库"),
    "dataset-method": _LOOKING,
    "folder-found": _LOOKING,
    "device": _LOADING,
    "network-module": _CACHING,
    "network-created": _CACHING,
    "optimizer": Text("preparing the optimizer", "正在准备优化器"),
    "training-started": Text("waiting for the first step", "等待第一步"),
    "sampling": Text("drawing samples", "正在绘制样图"),
}
"""What the trainer does from this line of it on, until the next one or the next step."""
_SHOWN = {
    "training-started": Text("training begins", "训练开始"),
    "checkpoint-saved": Text("saved {path}", "已保存 {path}"),
    "captions-missing": Text(
        "the trainer found no caption for {count} pictures", "训练器没有找到 {count} 张图片的标注"
    ),
    "no-data": Text("the trainer found no pictures", "训练器没有找到图片"),
    "out-of-memory": Text("out of memory: {message}", "显存或内存不足：{message}"),
    "disk-full": Text("the disk is full: {message}", "磁盘已满：{message}"),
}
"""Lines of the trainer that people wait for or must see at once."""


def short_path(path: Path) -> str:
    """Return a path as one would type it here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
