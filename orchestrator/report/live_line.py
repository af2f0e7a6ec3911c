"""The progress of a run on a stream: one line redrawn on a terminal, now and then a plain line everywhere else."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, TextIO

from orchestrator.core.problem_text import column_width
from orchestrator.core.record import scrub
from orchestrator.report.live import Progress, progress_text
from orchestrator.report.privacy import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.text import Language

PLAIN_EVERY_SECONDS = 30.0
PLAIN_EVERY_SHARE = 0.05
REDRAW_SECONDS = 0.2
_CLEAR = "\r\x1b[2K"


def tolerate(stream: TextIO) -> None:
    """Let a GBK or ASCII stream replace what it cannot write."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def can_show(stream: TextIO, text: str) -> bool:
    """Whether the stream's encoding has these characters."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def safe(text: str) -> str:
    """Text of others without escapes that would drive the terminal, and without secrets."""
    return scrub(visible(text).replace("\r", "\\x0d"))  # a carriage return writes over what stands there


class LiveLine:
    """The progress of a run: one line redrawn on a terminal, now and then a plain line everywhere else."""

    def __init__(
        self, stream: TextIO, language: Language, total: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`total`: planned optimizer steps; `clock`: seconds, never going back."""
        tolerate(stream)
        self.progress = Progress(total)
        self._stream, self._language, self._clock = stream, language, clock
        self._is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._is_ascii = not can_show(stream, "▁█━─")
        self._finding = self._phase = ""
        self._shown_at: float | None = None
        self._shown_step = 0

    @property
    def is_live(self) -> bool:
        """Whether the line is redrawn in its place."""
        return self._is_live

    def update(self, step: int, loss: float | None = None) -> None:
        """Note a finished step and show it when it is time. A bar that stands at its beginning says nothing yet."""
        now = self._clock()
        if step > self.progress.step:
            self._phase = ""
        self.progress.advance(step, now, loss)
        if self.progress.step and self._is_due(now):
            self._show(now)

    def set_phase(self, text: str) -> None:
        """Say what is done while no step is: loading, caching, drawing. The next step takes it away."""
        text = safe(text)
        if text == self._phase:
            return
        self._phase = text
        if self._is_live:
            self._show(self._clock())
        elif not self.progress.step:  # between steps a plain log has its own lines
            self._write(text + "\n")

    def set_finding(self, text: str) -> None:
        """Show a finding at the end of the line from now on; in a pipe it gets a line of its own at once."""
        self._finding = safe(text)
        if self._is_live:
            self._show(self._clock())
        else:
            self._write(self._finding + "\n")

    def message(self, text: str) -> None:
        """Print a line of its own above the progress."""
        self._write((_CLEAR if self._is_live else "") + safe(text) + "\n")
        if self._is_live and self._shown_at is not None:
            self._show(self._clock())

    def close(self) -> None:
        """Show the last state and end the line. What was only being prepared leaves nothing behind."""
        self._phase = ""
        if self.progress.step and self._shown_step != self.progress.step:
            self._show(self._clock())
        if self._is_live and self._shown_at is not None:
            self._write("\n" if self.progress.step else _CLEAR)

    def _is_due(self, now: float) -> bool:
        if self._shown_at is None:
            return True
        waited = now - self._shown_at
        if self._is_live:
            return waited >= REDRAW_SECONDS
        total = self.progress.total
        return waited >= PLAIN_EVERY_SECONDS or bool(
            total and self.progress.step - self._shown_step >= total * PLAIN_EVERY_SHARE
        )

    def _show(self, now: float) -> None:
        self._shown_at, self._shown_step = now, self.progress.step
        if not self._is_live:
            self._write(progress_text(self.progress, self._language, is_ascii=self._is_ascii) + "\n")
            return
        width = _columns(self._stream) - 1
        told = "  ".join(part for part in (self._phase, self._finding) if part)
        if self.progress.step:
            bar = 16 if width > 90 else 0
            told = progress_text(self.progress, self._language, told, is_ascii=self._is_ascii, bar=bar)
        self._write(_CLEAR + cut_columns(told, width))

    def _write(self, text: str) -> None:
        # A terminal that was closed, or a pipe that nobody reads any more, costs the run nothing: its log has everything.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def cut_columns(text: str, width: int) -> str:
    """Return as much of `text` as fits into `width` terminal columns; wide characters are never halved."""
    if column_width(text) <= width:
        return text
    kept, used = [], 0
    for letter in text:
        used += column_width(letter)
        if used > width:
            break
        kept.append(letter)
    return "".join(kept)


def _columns(stream: TextIO) -> int:
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or 80  # some terminals do not know their width and say 0
