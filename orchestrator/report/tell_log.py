"""Lines that come one by one: a trainer's log as it grows, and what is said while something is waited for."""

from __future__ import annotations

import json
import re
import time
from itertools import cycle
from typing import TYPE_CHECKING, TextIO

from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.report.live_line import PLAIN_EVERY_SECONDS, LiveLine, safe, tolerate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from orchestrator.core.text import Language
    from orchestrator.observe.console_tail import Shown


_GAP = re.compile(r" {8,}(?=\S+\.py:\d+$)")
"""A trainer that thinks its console is wide puts the place of a line far to the right."""


class LogView:
    """Shows lines; on a terminal one that is written over again and again stays at the bottom."""

    def __init__(self, stream: TextIO, form: str, language: Language) -> None:
        tolerate(stream)
        self._stream, self._is_json, self._language = stream, form == "json", language
        self._line = LiveLine(stream, language)
        self._unfinished = ""
        self.has_shown = False

    def __enter__(self) -> LogView:  # noqa: PYI034  Self needs Python 3.11
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._line.close()
        if self._unfinished:
            self._write(self._unfinished)

    def show(self, shown: Shown | RunDir) -> None:
        """Show a line, or that the lines of another attempt begin."""
        self.has_shown = True
        if isinstance(shown, RunDir):
            text = Text(f"-- attempt {shown.attempt} --", f"-- 第 {shown.attempt} 次尝试 --")
            self._write(text.to(self._language))
        elif shown.is_ended:
            self._unfinished = ""
            if self._line.is_live:
                self._line.set_phase("")
            self._write(_GAP.sub("  ", shown.text))
        else:
            self._unfinished = shown.text
            if self._line.is_live and not self._is_json:
                self._line.set_phase(shown.text)

    def _write(self, text: str) -> None:
        if self._is_json:
            self._stream.write(json.dumps({"line": safe(text)}, ensure_ascii=False) + "\n")
            self._stream.flush()
        else:
            self._line.message(text)


class Waiting:
    """Shows what is waited for: on a terminal in one line that turns, elsewhere in a line every half minute."""

    def __init__(self, stream: TextIO, language: Language, clock: Callable[[], float] = time.monotonic) -> None:
        self._language, self._clock = language, clock
        self._line = LiveLine(stream, language)
        self._told_at: float | None = None
        self._turns = cycle("|/-\\")

    def __enter__(self) -> Waiting:  # noqa: PYI034  Self needs Python 3.11
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._line.close()

    def show(self, text: Text) -> None:
        """Show it when it is time."""
        now = self._clock()
        if self._line.is_live:
            self._line.set_phase(f"{next(self._turns)} {text.to(self._language)}")
        elif self._told_at is None or now - self._told_at >= PLAIN_EVERY_SECONDS:
            self._told_at = now
            self._line.message(text.to(self._language))
