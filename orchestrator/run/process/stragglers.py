"""What a trainer leaves behind when it has ended: data workers, ranks, and a pipe that they still hold open."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from orchestrator.run.process import process_group

if TYPE_CHECKING:
    import subprocess

    from orchestrator.run.process.pump import Pump

STRAGGLER_S = 2.0
_LOOK_EVERY_S = 0.05


def end_stragglers(process: subprocess.Popen[bytes], token: str, pump: Pump) -> None:
    """End what the trainer left behind; as long as it lives the pipe stays open."""
    pump.join(timeout=2 * _LOOK_EVERY_S)
    if not pump.is_alive() and not process_group.is_any_left(process, token):
        return
    process_group.push(process, token, "terminate")
    limit = time.monotonic() + STRAGGLER_S
    while time.monotonic() < limit and (pump.is_alive() or process_group.is_any_left(process, token)):
        time.sleep(_LOOK_EVERY_S)
    process_group.push(process, token, "kill")
    pump.join(timeout=STRAGGLER_S)


def reap(process: subprocess.Popen[bytes], pump: Pump) -> int | None:
    """Return the exit code. The pipe is left open where a stranger still writes to it: its number must not be used again."""
    with contextlib.suppress(Exception):
        process.wait(timeout=2 * STRAGGLER_S)
    if process.stdout is not None and not pump.is_alive():
        process.stdout.close()
    return process.returncode
