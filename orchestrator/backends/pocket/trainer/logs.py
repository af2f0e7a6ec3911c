"""The console in sd-scripts' manner: records on stderr through rich, plain lines on stdout."""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger("pocket")


def setup_logging(*, simple: bool) -> None:
    """`simple`: bare messages on stdout (`console_log_simple`); else time, level, message and source on stderr."""
    handler: logging.Handler
    if simple:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True))
        handler.setFormatter(logging.Formatter("%(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def announce(text: str) -> None:
    """A line of the trainer itself, on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
