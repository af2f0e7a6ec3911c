"""Ends a run's processes when the tool itself dies. Started as a program of its own, with the standard library only.

The tool holds the write end of a pipe that is this program's standard input. Whatever ends the tool, kill -9 included,
closes that pipe; the trainer would otherwise train on as an orphan. The word `done` means that all is well.

Every process of a run carries `LORA_RUN_ID=<token>` in its environment. Where /proc exists, that finds the ones that left
the process group too (the ranks of a multi-GPU launch open sessions of their own).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

MARK = "LORA_RUN_ID"
PATIENCE_S = 5.0
FORCE_S = 2.0


def members(token: str) -> list[int]:
    """Return the ids of all living processes that carry this run's mark. Empty where there is no /proc."""
    wanted = f"{MARK}={token}".encode()
    found = []
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib would cost this small program its start-up
    except OSError:
        return []
    for name in names:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                if wanted in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return found


def signal_all(group: int | None, token: str, number: int) -> bool:
    """Send signal `number` to the process group and to every marked process outside it. Return whether there was any."""
    was_any = False
    if group is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            was_any = True
    for process in members(token):
        with contextlib.suppress(OSError):
            if group is None or os.getpgid(process) != group:
                os.kill(process, number)
            was_any = True
    return was_any


def end(group: int | None, token: str, patience_s: float = PATIENCE_S) -> None:
    """End every process of the run: politely first, after `patience_s` seconds by force."""
    if not signal_all(group, token, signal.SIGTERM):
        return
    limit = time.monotonic() + patience_s
    while time.monotonic() < limit:
        time.sleep(0.1)
        if not signal_all(group, token, 0):
            return
    limit = time.monotonic() + FORCE_S
    while signal_all(group, token, signal.SIGKILL) and time.monotonic() < limit:
        time.sleep(0.1)  # once more: one may have been started between the look and the blow


def main() -> None:
    """Read `group <id>` and `done` from standard input; end the run when the input closes without `done`."""
    token = sys.argv[1]
    group = None
    for line in sys.stdin:
        words = line.split()
        if words == ["done"]:
            return
        if len(words) == 2 and words[0] == "group":
            group = int(words[1])
    end(group, token)


if __name__ == "__main__":
    main()
