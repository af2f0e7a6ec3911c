"""Text in the languages the tool speaks: English and Simplified Chinese, written side by side so that neither goes stale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages. Plain text: whoever shows it escapes it for the place where it is shown."""

    en: str
    zh: str

    def to(self, language: Language) -> str:
        """Return the sentence in `language`."""
        return self.zh if language == "zh" else self.en

    def __str__(self) -> str:
        return self.en


def same(text: str) -> Text:
    """Return a text that reads the same in both languages: a path, a number, a line of a log."""
    return Text(text, text)


def plural(count: int, one: str, more: str) -> str:
    """Return the number with the words that fit it: `1 file is`, `2 files are`."""
    return f"{count} {one if count == 1 else more}"
