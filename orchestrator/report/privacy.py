"""What may leave the machine: no home folder, no user name, no secret, no character that draws over its neighbours."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.report.model import ReportData

_ROOT = r"(?:[\\/]{2,4}|/|[A-Za-z]:[\\/]+)"
_START = r"(?<![\w.~/…:\\-])"
"""A slash after a word, a dot or another slash is no root: 1/2, ./a, https://b."""
_WORD = r"[^/\\\s'\"`:,;|()\[\]{}<>=]+"
_WORDS = rf"{_WORD}(?:[ \u00a0\u3000]{{1,2}}{_WORD}){{0,4}}"
"""The name of a folder within a sentence: blanks are part of it where a separator follows within a few words; too much is cut rather than too little."""
# A path of another machine may hold a user name just the same.
_ANY_HOME = re.compile(rf"(?:/(?:home|Users)/|\b[A-Za-z]:[\\/]+Users[\\/]+)(?:{_WORDS}(?=[\\/])|{_WORD})")
_ROOT_HOME = re.compile(r"(?<![\w.~-])/root(?=/|\b)")
# Other absolute paths keep their name only.
_ABSOLUTE = re.compile(rf"{_START}{_ROOT}(?:{_WORDS}[\\/]+)+(?={_WORD})")
# What stands alone, or between quotes, is a path from its root to its end, whatever its folders are called.
_ALONE = re.compile(rf"(--?[\w-]+=)?({_ROOT}(?:(?!: )[^\n\"'`])*)")
_QUOTED = tuple(re.compile(rf"(?<={quote})({_ROOT}[^\n{quote}]*)(?={quote})") for quote in "\"'`")
_HOME_FOLDER = re.compile(r"(?:/root|(?:/(?:home|Users)/|[A-Za-z]:[\\/]+Users[\\/]+)[^/\\]+)(?=[\\/]|$)")
_FOLDERS = re.compile(rf"{_ROOT}(?:[^/\\]+[\\/]+)+(?=[^/\\])")
_FORBIDDEN = {
    **{code: f"\\x{code:02x}" for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160))},
    **{
        code: f"\\u{code:04x}"
        for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0xFEFF)
    },
}


def visible(text: str) -> str:
    """Return `text` with control and direction characters written out and lone surrogates replaced: it can be encoded and shown."""
    return text.translate(_FORBIDDEN).encode("utf-8", "replace").decode("utf-8")


class Shortener:
    """Replaces private folders by short names. Called on every text that a report shows."""

    def __init__(self, roots: Mapping[str, str], user: str = "") -> None:
        """`roots`: absolute folder -> what to write instead (empty: nothing, the rest is relative)."""
        pairs = {root.rstrip("/\\"): word for root, word in roots.items() if len(root.rstrip("/\\")) > 1}
        self._roots = sorted(pairs.items(), key=lambda pair: -len(pair[0]))
        # Only as a part of a path: a LoRA may be called what its maker is called.
        self._user = re.compile(rf"(?<=[/\\]){re.escape(user)}(?=[/\\])") if user else None

    def __call__(self, text: str) -> str:
        """Return `text` without secrets and private folders; relative paths and ordinary words stay as they are."""
        text = visible(text)
        for root, word in self._roots:
            if root in text:
                text = _replace_root(text, root, word)
        alone = _ALONE.fullmatch(text)
        if alone is not None:
            text = (alone[1] or "") + _short_path(alone[2])
        for quoted in _QUOTED:
            text = quoted.sub(lambda match: _short_path(match[1]), text)
        text = _ANY_HOME.sub("~", text)
        text = _ROOT_HOME.sub("~", text)
        text = _ABSOLUTE.sub("…/", text)
        if self._user is not None:
            text = self._user.sub("user", text)
        return scrub(text)

    def plain(self, value: Any) -> Any:
        """Return JSON types with every string shortened, keys of objects too."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        return value


def _short_path(path: str) -> str:
    """Return what of an absolute path may be told: what lies in a home folder, else the name alone."""
    home = _HOME_FOLDER.match(path)
    return f"~{path[home.end() :]}" if home is not None else _FOLDERS.sub("…/", path, count=1)


def _replace_root(text: str, root: str, word: str) -> str:
    inside = re.compile(rf"(?<![\w.~/\\-]){re.escape(root)}(?:[/\\]+(?=[^\s/\\])|(?![\w.-])[/\\]?)")

    def shorter(match: re.Match[str]) -> str:
        has_rest = match.end() < len(text) and match.group().endswith(("/", "\\"))
        return (f"{word}/" if word else "") if has_rest else (word or ".")

    return inside.sub(shorter, text)


def shortener(data: ReportData) -> Shortener:
    """Return the shortener that fits a report: run folder, trainer, the user's home."""
    home = Path.home()
    roots = {str(home): "~"}
    if data.trainer is not None:
        roots[str(data.trainer.python)] = "python"
        roots[str(data.trainer.root)] = data.trainer.name
    if data.run_root is not None:
        roots[str(data.run_root)] = ""
        roots[str(data.run_root.absolute())] = ""
    for root, word in data.private_roots.items():
        roots[root] = roots[os.path.normpath(root)] = word
    return Shortener(roots, home.name)
