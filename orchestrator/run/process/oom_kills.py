"""How many processes of this machine, or of this container, Linux has killed for lack of memory."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


def count_oom_kills(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Return the kernel's count for our own control group, else for the machine. None where neither can be read.

    Only the difference between two calls means something.
    """
    for file in _group_files(proc, cgroups):
        count = _read_count(file)
        if count is not None:
            return count
    return _read_count(proc / "vmstat")


def _group_files(proc: Path, cgroups: Path) -> list[Path]:
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    files = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inside = path.lstrip("/")
        if not controllers:  # version 2
            files += [cgroups / inside / "memory.events", cgroups / "memory.events"]
        elif "memory" in controllers.split(","):
            files += [cgroups / "memory" / inside / "memory.oom_control", cgroups / "memory" / "memory.oom_control"]
    return files


def _read_count(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.strip().isdecimal():
            return int(number)
    return None
