"""Ending a run when it costs nothing: at the next saved state. Asked by Ctrl-C, by a signal, or by `lora-run stop`.

Once: wait for the next state. Twice, or `--now`: end now. Where nothing is going to be saved, once means now.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text, plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.rundir import RunDir

How = Literal["safe", "now"]
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies before the next saved state."""

    steps: int
    seconds: float | None
    """At the present pace; None where it is not known yet."""
    lost_steps: int
    """What ending now would cost."""


class SafeStop:
    """Says when the wish to end is to be followed. Its `is_due` is asked ten times a second."""

    def __init__(
        self,
        rundir: RunDir,
        count_saved: Callable[[], int],
        ahead: Callable[[], Ahead | None],
        on_asked: Callable[[How, Ahead | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`count_saved`: states saved so far. `ahead`: None where no state will come. `on_asked` hears each wish once."""
        self._rundir, self._count_saved, self._ahead, self._on_asked, self._clock = (
            rundir, count_saved, ahead, on_asked, clock,
        )  # fmt: skip
        self._looked_at = -LOOK_EVERY_S
        self._requested: How | None = None
        self._saved_then: int | None = None
        """States that had been saved when somebody asked; None: nobody has."""
        self._is_now = False

    def is_due(self, signals: int) -> bool:
        """Whether to end the run now; `signals`: how often this process was asked to end."""
        if self._is_now:
            return True
        request = self._request()
        if signals > 1 or request == "now":
            return self._now()
        if not signals and request is None:
            return False
        ahead = self._ahead()
        if ahead is None:  # also later: a full disk may hold the trainer before the state that is waited for
            return self._now()
        if self._saved_then is None:
            self._saved_then = self._count_saved()
            self._on_asked("safe", ahead)
            return False
        return self._count_saved() > self._saved_then

    def _now(self) -> bool:
        self._is_now = True
        self._on_asked("now", None)
        return True

    def _request(self) -> How | None:
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._requested = read_request(self._rundir)
        return self._requested


def read_request(rundir: RunDir) -> How | None:
    """Return what `lora-run stop` asked for, None where it was not called."""
    try:
        text = rundir.stop_request.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return "now" if text == "now" else "safe"


def request_stop(rundir: RunDir, how: How) -> None:
    """Ask the process that trains in the run folder to end. Raises EnvironmentFault where that cannot be written."""
    try:
        rundir.stop_request.write_text(f"{how}\n", encoding="ascii")
    except OSError as error:
        what = Text(f"cannot ask {rundir.root.name} to stop", f"无法请求停止 {rundir.root.name}")
        fix = Text("end its process, or press Ctrl-C where it runs", "请结束其进程，或在其运行处按 Ctrl-C")
        raise EnvironmentFault([Problem("cannot-write", what, reason_of(error), fix)]) from error


def forget_request(rundir: RunDir) -> None:
    """Take away the wish of an earlier attempt."""
    with contextlib.suppress(OSError):
        rundir.stop_request.unlink(missing_ok=True)


def asked_text(how: How, ahead: Ahead | None) -> Text:
    """Say what will happen now."""
    if how == "now" or ahead is None:
        return Text("stopping now", "正在立即停止")
    when = when_text(ahead)
    loses = plural(ahead.lost_steps, "step", "steps")
    return Text(
        f"stopping at the next saved state, {when.en}; asked again, it stops at once and loses {loses}",
        f"将在下一个保存的状态处停止，{when.zh}；再次请求则立即停止，并损失 {ahead.lost_steps} 步",
    )


def when_text(ahead: Ahead) -> Text:
    """Say when the next state will be saved: `in 12 steps, about 5 s`."""
    steps = Text(f"in {plural(ahead.steps, 'step', 'steps')}", f"还需 {ahead.steps} 步")
    if ahead.seconds is None:
        return steps
    seconds = max(1, round(ahead.seconds))
    about = Text(f"about {seconds} s", f"约 {seconds} 秒")
    if seconds >= 120:
        about = Text(f"about {round(seconds / 60)} min", f"约 {round(seconds / 60)} 分钟")
    return Text(f"{steps.en}, {about.en}", f"{steps.zh}，{about.zh}")
