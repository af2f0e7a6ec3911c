"""Versioned JSON records: written beside and renamed, NaN survives, secrets do not."""

from __future__ import annotations

import json
import math
import os
import re
from array import array
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET_VALUE = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16})\b"
)
_SECRET_KEY = re.compile(
    r"(?i)\b(wandb_api_key|huggingface_token|hf_token|api[_-]?key|access[_-]?token|password|secret)\b(\s*[=:]\s*)(['\"]?)([^\s'\",]+)\3"
)
_CREDENTIAL_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@")
_SIGNS = (
    b"hf_", b"sk-", b"gh", b"akia", b"key", b"token", b"passw", b"secret", b"://",
    "\u212a".encode(), "\u017f".encode(),  # letters that count as k and s where case does not
)  # fmt: skip
"""In lower case: where none of these bytes is, none of the patterns above fits."""
HIDDEN = "***"
_PIECES = 1000
"""Of JSON, such as a bracket or a number, that are written at once."""


def scrub(text: str) -> str:
    """Return `text` without tokens, keys and passwords. Words like `keep_tokens` and `max_token_length` stay."""
    text = _SECRET_VALUE.sub(HIDDEN, text)
    # Asked of every file name of a data set: most hold none of these signs.
    if "://" in text:
        text = _CREDENTIAL_URL.sub(rf"\1{HIDDEN}@", text)
    return _SECRET_KEY.sub(rf"\1\2\3{HIDDEN}\3", text) if "=" in text or ":" in text else text


def may_hold_secret(data: bytes) -> bool:
    """Return False where `scrub` would surely change nothing in these UTF-8 bytes; about twenty times as fast."""
    lower = data.lower()
    return any(sign in lower for sign in _SIGNS)


def holds_secret(text: str) -> bool:
    """Return whether `text` holds an access token, or a password inside an address."""
    return _SECRET_VALUE.search(text) is not None or _CREDENTIAL_URL.search(text) is not None


def to_plain(value: Any) -> Any:  # noqa: PLR0911  one line per kind of value
    """Return `value` as JSON types. Dataclasses become objects, NaN and infinities the strings `NaN`, `Infinity`, `-Infinity`."""
    if isinstance(value, str):
        return scrub(value.value if isinstance(value, Enum) else value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return (
            value
            if math.isfinite(value)
            else ("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
        )
    if isinstance(value, PurePath):
        return scrub(value.as_posix())
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, array)):
        return [to_plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no plain form")


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write `text` as UTF-8 beside `path` and rename it there, so that a reader never sees half a file.

    `mode`: rights of the file before the umask takes its own from them. What is no UTF-8, bytes of a file's name, is written as an escape.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part"
    try:
        # "x": never through a link that somebody put there
        with open(
            temporary,
            "x",
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            opener=lambda name, flags: os.open(name, flags, mode),
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is not None:
            error.filename = str(path)  # people know the file by that name
        temporary.unlink(missing_ok=True)
        raise


def write_record(path: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write `content` as a JSON record of `kind` (e.g. `run`) and `version`."""
    write_text(path, record_text(kind, version, content))


def record_text(kind: str, version: int, content: Mapping[str, Any]) -> str:
    """Return what `write_record` writes."""
    body = {"record": kind, "version": version, **to_plain(content)}
    return json_text(body)


def json_text(content: Any) -> str:
    """Return JSON types as indented JSON. File names need not be UTF-8: their other bytes become escapes and are read back as they were."""
    return "".join(json_parts(content))


def json_parts(content: Any) -> Iterator[str]:
    """Return the same in parts of some ten kilobytes, so that a long record need not lie in memory as text."""
    pieces = json.JSONEncoder(ensure_ascii=False, indent=2, allow_nan=False).iterencode(content)
    while part := "".join(islice(pieces, _PIECES)):
        yield part.encode("utf-8", "backslashreplace").decode("utf-8")
    yield "\n"


def read_record(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read a record back.

    Raises RecordError when the file is no record of this kind, is damaged, or comes from a newer version of the tool.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise RecordError([_bad_record(path, f"cannot be read ({reason})", f"读不出（{reason}）")]) from error
    if not isinstance(body, dict) or body.get("record") != kind:
        raise RecordError([_bad_record(path, f"is no `{kind}` record", f"不是 `{kind}` 记录")])
    if not isinstance(body.get("version"), int) or body["version"] > version:
        found = body.get("version")
        raise RecordError(
            [
                _bad_record(
                    path,
                    f"has version {found}, this tool reads up to {version}",
                    f"版本为 {found}，本工具最多读到 {version}",
                )
            ]
        )
    return body


def _bad_record(path: Path, en: str, zh: str) -> Problem:
    fix = Text(
        "if a newer version of the tool wrote it, update this one; a damaged file can be moved away",
        "若由新版本写成，请更新本工具；损坏的文件可以移走",
    )
    return Problem("bad-record", Text(f"{path.name} {en}", f"{path.name} {zh}"), fix=fix)
