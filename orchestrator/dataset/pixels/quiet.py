"""Pillow without its warnings: what is odd about a file is told by us, once, with its name."""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Quiet:
    """Pillow's warnings off while any thread decodes. `warnings.catch_warnings` alone undoes what another thread set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved: Any = None

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore")

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._saved.__exit__(None, None, None)


_quiet_state = _Quiet()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings to itself while any thread decodes."""
    _quiet_state.enter()
    try:
        yield
    finally:
        _quiet_state.leave()
