"""Which sockets of processes others could connect or send to, read from /proc."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

_TCP_LISTEN, _NO_PEER = "0A", re.compile(r"0+:0000")
_ACCEPTS = 0x10000
"""`__SO_ACCEPTCON` of <linux/net.h>."""
_DATAGRAM = "0002"
"""One with a name takes what anybody sends."""


def tree_of(pid: int) -> set[int]:
    """Return a process and all that came of it and still live."""
    try:
        process = psutil.Process(pid)
        return {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.Error:
        return set()


def listening(pids: Iterable[int]) -> set[str]:
    """Return what the processes listen on: `tcp 0100007F:1F90`, a bound UDP port, the name of a unix socket."""
    found = set()
    for pid in pids:
        own = _sockets_of(pid)
        found |= {name for inode, name in _open_to_others(pid).items() if inode in own}
    return found


def _sockets_of(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):  # it ended
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                kind, _, inode = os.readlink(descriptor).partition(":[")  # noqa: PTH115  a socket is no path
                if kind == "socket":
                    found.add(inode.rstrip("]"))
    return found


def _open_to_others(pid: int) -> dict[str, str]:
    """Return inode -> name of every listening socket in the network namespace of a process."""
    found = {}
    for protocol in ("tcp", "tcp6", "udp", "udp6", "unix"):
        for words in _rows(Path(f"/proc/{pid}/net/{protocol}")):
            if protocol == "unix":
                if int(words[3], 16) & _ACCEPTS or (words[4] == _DATAGRAM and len(words) > 7):
                    found[words[6]] = f"unix {' '.join(words[7:])}"
            elif words[3] == _TCP_LISTEN if protocol.startswith("tcp") else _NO_PEER.fullmatch(words[2]):
                found[words[9]] = f"{protocol} {words[1]}"
    return found


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
