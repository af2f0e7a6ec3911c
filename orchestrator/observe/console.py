"""Read a trainer's console line by line, while it runs or afterwards.

`ConsoleParser.feed` takes one terminal line (already split at carriage returns and newlines) and says what it means.
Wrapped lines of a narrow console are put together by `console_file.py` before they come here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.first_failed import FirstFailedReader
from orchestrator.core.observation import LogEvent
from orchestrator.observe.console_kinds import match_message

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LINE_CHARACTERS: Final = 8192
"""Longer lines are cut: nothing a trainer says is that long, and a log may hold a gigabyte without a line end."""
MAX_TEXT_CHARACTERS: Final = 500

BAR: Final = (
    r"steps:[^|\r\n]{0,40}\|[^|\r\n]{0,400}\| (\d{1,18})/(\d{1,18}) "
    r"\[[^,\]\r\n]{0,60}(?:, *([^,\]\r\n]{0,40}))?(?:, [^\]\r\n]{0,200}?avr_loss=([^,\]\r\n]{1,40}))?[^\]\r\n]{0,300}\] *"
)
"""A refresh of the training bar: step, total, rate, avr_loss."""
_BAR = re.compile(BAR)
_ANY_BAR = re.compile(r"[^|]{0,80}\|[^|]{0,400}\| *[\d.]+[kMG]?/[\d.?]+[kMG]? \[[^\]]{0,300}\] *")
_VALIDATION = re.compile(
    r"(?P<epoch>epoch )?validation steps:[^|]{0,40}\|[^|]{0,400}\| (?P<at>\d{1,9})/(?P<total>\d{1,9}) \[(?P<postfix>[^\]]{0,300})\]"
)
_VALIDATION_LOSS = re.compile(r"val_(?:epoch_)?avg_loss=([^,\]]{1,40})")
_RATE = re.compile(r"([0-9.]+)(s/it|it/s)")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]")
# Everything a terminal might act on, and what turns the direction of text or breaks lines where none should be.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
RECORD: Final = re.compile(
    r"(?:\[?[\d/.-]{8,10}[ T]\d\d:\d\d:\d\d\]?)? *(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: +|$)(?P<message>.*)$"
)
"""One record of rich's logging: time (blank within the same second), level, message, source."""
_SOURCE = re.compile(r"(?:^|\s+)(?P<source>[\w.-]+\.py:\d{1,7}) *$")
_PREFIX = re.compile(r"\[(?:rank|default)?(?P<rank>\d{1,5})\]: ?")
_EXCEPTION = re.compile(r"(?P<name>(?:[A-Za-z_]\w{0,80}\.){0,8}[A-Z]\w{2,80})(?:: ?(?P<message>.*))?$")
_FRAME = re.compile(r'\s+File "(?P<file>[^"]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<name>.{1,200}))?')
_MEMORY = re.compile(
    r"out of memory|CUBLAS_STATUS_ALLOC_FAILED|can't allocate memory|not enough memory|OutOfMemory|^MemoryError"
)
_DISK = re.compile(
    r"No space left on device|Disk quota exceeded|\[Errno (?:28|122)\]|There is not enough space on the disk"
)
_EXIT = re.compile(r"returned non-zero exit status (?P<exit>-?\d{1,12})|died with <Signals\.(?P<signal>\w{1,20})")
_BLOCK = re.compile(r"\[(?P<validation>Validation )?Dataset (?P<dataset>\d{1,6})\]$")
_SUBSET = re.compile(r"\[Subset (?P<subset>\d{1,6}) of (?P<validation>Validation )?Dataset (?P<dataset>\d{1,6})\]$")
_SETTING = re.compile(r"(?P<key>[a-z_]{2,40}): ?(?P<value>.*)$")
CONTINUED: Final = " " * 29


def clean(text: str) -> str:
    """Return `text` without escape sequences and control characters, cut to a sane length."""
    text = text[:MAX_LINE_CHARACTERS]
    if "\x1b" in text or "\x9b" in text:
        text = _ANSI.sub("", text)
    return _CONTROL.sub("", text)


def rate_per_second(text: str | None) -> float | None:
    """Return steps per second from tqdm's `6.05s/it` or `9.31it/s`; None for `?it/s`."""
    match = _RATE.search(text or "")
    if match is None:
        return None
    try:
        number = float(match[1])
    except ValueError:
        return None
    if match[2] == "it/s":
        return number
    return 1.0 / number if number else None


class ConsoleParser:
    """What one trainer says on its console.

    `feed` is called with one line after the other and never raises. A line gives at most one event; where a bar and a
    message share a line (they do: the bar has no line end) the message wins and the bar's next refresh is seen again.
    """

    def __init__(self) -> None:
        self.total_steps: int | None = None
        self.line_number = 0
        self._tracebacks: dict[str, list[str]] = {}
        self._block: tuple[int, int | None, bool] | None = None
        self._validating: dict[bool, int] = {}
        self._summary = FirstFailedReader()

    def feed(self, line: str) -> LogEvent | None:
        """Return what `line` means, or None. Kinds and their values: `console_kinds.KINDS`."""
        self.line_number += 1
        return self.parse(line)

    def parse(self, line: str) -> LogEvent | None:
        """Like `feed`, for callers that keep `line_number` themselves."""
        text = clean(line).rstrip()
        if not text.strip():
            return None
        progress = self._read_bar(text)
        if progress is not None:
            event, rest = progress
            return (self._read_line(rest) if rest else None) or event
        bar = _ANY_BAR.match(text)
        if bar is not None:
            rest = text[bar.end() :].strip()
            return self._read_validation(text) or (self._read_line(rest) if rest else None)
        return self._read_line(text)

    def _event(self, kind: str, values: Mapping[str, Any], text: str) -> LogEvent:
        return LogEvent(kind, values, self.line_number, text.strip()[:MAX_TEXT_CHARACTERS])

    def _read_bar(self, text: str) -> tuple[LogEvent | None, str] | None:
        """Return the event and what stands behind the bar; None when no bar of the training begins here."""
        match = _BAR.match(text)
        if match is None:
            return None
        rest = text[match.end() :].strip()
        step, total = int(match[1]), int(match[2])
        if not self.is_own_bar(step, total):
            return None, rest
        values = {"step": step, "total": total, "rate_per_s": rate_per_second(match[3]), "avr_loss": _number(match[4])}
        return self._event("progress", values, match[0]), rest

    def is_own_bar(self, step: int, total: int) -> bool:
        """Whether a bar with these numbers can be the training's: captions may hold copies of bars."""
        return 0 <= step <= total and (self.total_steps is None or total == self.total_steps)

    def _read_validation(self, text: str) -> LogEvent | None:
        match = _VALIDATION.match(text)
        if match is None:
            return None
        is_epoch, at, total = match["epoch"] is not None, int(match["at"]), int(match["total"])
        if at < total:
            self._validating[is_epoch] = at
            return None
        # The full bar of an earlier pass is drawn again when a new one appears: only a bar that was seen moving ends a pass.
        if not self._validating.pop(is_epoch, 0) and total > 1:
            self._validating[is_epoch] = 0
            return None
        loss = _VALIDATION_LOSS.search(match["postfix"])
        values = {"loss": _number(loss[1]) if loss else None, "is_epoch": is_epoch}
        return self._event("validation-loss", values, match[0])

    def _read_line(self, text: str) -> LogEvent | None:
        prefix = _PREFIX.match(text)
        rank = prefix["rank"] if prefix else ""
        body = text[prefix.end() :] if prefix else text
        first = self._summary.feed(body)
        if first is not None:
            values = {"rank": first.rank, "exit_status": first.exit_code, "signal": first.signal}
            return self._event("first-failed", values, body)
        if body.startswith("Traceback (most recent call last)"):
            self._tracebacks[rank] = []
            return None
        record = RECORD.match(body)
        if record is not None:
            self._block = None
            return self._read_record(record)
        if rank in self._tracebacks:
            return self._read_traceback(rank, body)
        continued = body.startswith(CONTINUED)
        if self._block is not None and body.startswith("  "):
            return self._read_setting(body)
        self._block = None
        return None if continued else self._read_message(body.strip(), "")

    def _read_record(self, record: re.Match[str]) -> LogEvent | None:
        message, level = record["message"], record["level"]
        source = _SOURCE.search(message)
        if source is not None:
            message = message[: source.start()]
        return self._read_message(message.strip(), level)

    def _read_message(self, message: str, level: str) -> LogEvent | None:
        block = _BLOCK.match(message)
        if block is not None:
            self._block = (int(block["dataset"]), None, block["validation"] is not None)
            return None
        found = match_message(message)
        if found is not None:
            kind, values = found
            if kind == "total-steps":
                self.total_steps = values["count"]
            return self._event(kind, {**values, "level": level} if level else values, message)
        special = self._read_failure(message)
        if special is not None:
            return special
        if level in ("WARNING", "ERROR", "CRITICAL") and message:
            return self._event("warning" if level == "WARNING" else "error", {"message": message}, message)
        return None

    def _read_failure(self, message: str) -> LogEvent | None:
        """Errors that stand outside a traceback: printed by a library or with the traceback swallowed."""
        if not (_DISK.search(message) or "OutOfMemoryError" in message or message.startswith("KeyboardInterrupt")):
            return None
        match = _EXCEPTION.match(message)
        name = match["name"] if match else ""
        return self._failure(name, (match["message"] if match else None) or message, "", message)

    def _read_setting(self, body: str) -> LogEvent | None:
        text = body.strip()
        subset = _SUBSET.match(text)
        if subset is not None:
            self._block = (int(subset["dataset"]), int(subset["subset"]), subset["validation"] is not None)
            return None
        match = _SETTING.match(text)
        if match is None or self._block is None:
            return None
        dataset, part, is_validation = self._block
        value = match["value"].rstrip(",").strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        values = {
            "dataset": dataset,
            "subset": part,
            "is_validation": is_validation,
            "key": match["key"],
            "value": value,
        }
        return self._event("dataset-setting", values, text)

    def _read_traceback(self, rank: str, body: str) -> LogEvent | None:
        frames = self._tracebacks[rank]
        if body[:1] in (" ", "\t"):
            frame = _FRAME.match(body)
            if frame is not None:
                frames.append(f"{_base_name(frame['file'])}:{frame['line']} {frame['name'] or ''}".strip())
                del frames[:-8]
            return None
        match = _EXCEPTION.match(body)
        if match is None:
            # Another process or stream speaks in between.
            return self._read_message(body.strip(), "")
        del self._tracebacks[rank]
        return self._failure(match["name"], match["message"] or "", frames[-1] if frames else "", body, rank)

    def _failure(self, name: str, message: str, where: str, text: str, rank: str = "") -> LogEvent:
        values: dict[str, Any] = {"exception": name, "message": message[:MAX_TEXT_CHARACTERS], "where": where}
        if rank:
            values["rank"] = int(rank)
        whole = f"{name}: {message}"
        if name.endswith(("CalledProcessError", "ChildFailedError", "SignalException")):
            exit_match = _EXIT.search(message)
            values["exit_status"] = int(exit_match["exit"]) if exit_match and exit_match["exit"] else None
            values["signal"] = exit_match["signal"] if exit_match else None
            return self._event("launcher-error", values, text)
        if name == "KeyboardInterrupt":
            return self._event("interrupted", values, text)
        if _MEMORY.search(whole):
            return self._event("out-of-memory", values, text)
        return self._event("disk-full" if _DISK.search(whole) else "traceback", values, text)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _base_name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]
