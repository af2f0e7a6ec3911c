"""numpy with one thread: our matrices are small, and on a busy machine a second one makes them up to fifty times slower (docs/log.md)."""

from __future__ import annotations

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Read by its linear algebra once, when it is loaded."""


def load_numpy() -> None:
    """Import numpy so that it uses one thread, unless it is there already or the user decided. The environment stays as it was."""
    if "numpy" in sys.modules:
        return
    unset = [name for name in THREADS if name not in os.environ]
    for name in unset:
        os.environ[name] = "1"
    try:
        import numpy  # noqa: F401, ICN001
    finally:
        for name in unset:
            os.environ.pop(name, None)
