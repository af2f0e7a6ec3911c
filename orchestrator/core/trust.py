"""What the user has trusted by its content, outside any recipe. Where it is kept: `run/installed/trusted.py`; a backend is handed it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trust:
    """What holds for one recipe."""

    is_recipe: bool = False
    """The recipe itself: it may name classes and modules that nobody checked and a model of Hugging Face, and its captions may be links to anywhere."""
    files: frozenset[str] = frozenset()
    """Absolute paths of files that may be opened although they are pickles."""


NOTHING_TRUSTED = Trust()
