"""`~` in a path that somebody wrote."""

from __future__ import annotations

from pathlib import Path


def at_home(text: str | Path) -> Path:
    """Return the path with `~` and `~name` as home folders; where nobody has that name it stays an ordinary character."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
