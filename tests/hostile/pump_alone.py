"""Pump standard input into a log in a process of its own, and print what that took: for the tests of hostile output."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from orchestrator.run.process.pump import Line, Pump, Waiting


def peak_kib() -> int:
    """The most memory this program took. `ru_maxrss` is no measure of it: it begins with that of the process that started it."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0])


def main(log: str, *, is_watched: bool) -> None:
    """Somebody looks at the lines as they come, or nobody until all have come."""
    before = peak_kib()
    waiting = Waiting()
    seen: list[Line] = []
    watcher = threading.Thread(target=watch, args=(waiting, seen))
    if is_watched:
        watcher.start()
    began, started = time.process_time(), time.monotonic()
    Pump(0, Path(log), waiting, ()).run()
    cpu_s, wall_s = time.process_time() - began, time.monotonic() - started
    if is_watched:
        watcher.join()
    lines, is_last = waiting.take(0)
    seen[:] = [*seen, *lines][-1:] if is_watched else lines
    rss_kib = peak_kib()
    found = {
        "grown_mib": (rss_kib - before) / 1024,
        "rss_mib": rss_kib / 1024,
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "lines": len(seen),
        "dropped": waiting.dropped_lines,
        "last": seen[-1].text if seen else "",
        "is_last": is_last,
    }
    print(json.dumps(found))  # noqa: T201  a program of its own


def watch(waiting: Waiting, seen: list[Line]) -> None:
    """Take lines as they come, and keep the last one."""
    is_last = False
    while not is_last:
        lines, is_last = waiting.take(0.1)
        seen[:] = [*seen, *lines][-1:]


if __name__ == "__main__":
    main(sys.argv[1], is_watched=sys.argv[2] == "watched")
