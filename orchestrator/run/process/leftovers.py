"""Processes of a run that outlived both the tool and its helper, which must not go on beside a new attempt."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from orchestrator.run.process import reaper

if TYPE_CHECKING:
    import psutil

    from orchestrator.core.rundir import RunDir

PATIENCE_S = 5.0


def end_leftovers(rundir: RunDir, patience_s: float = PATIENCE_S) -> int:
    """End every process of this user that a run in this folder started; return how many there were.

    Call it while holding the run's lock: then none of them belongs to anybody. They are known by the mark in their environment
    and by working in the run folder, links in its path followed as the system does. First politely, after `patience_s` seconds by force.
    """
    import psutil

    found = [process for process in psutil.process_iter() if _is_of(process, os.path.realpath(rundir.root))]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.resume()  # a held one does not hear that it is to end
            process.terminate()
    _gone, left = psutil.wait_procs(found, timeout=patience_s)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=patience_s)
    return len(found)


def _is_of(process: psutil.Process, root: str) -> bool:
    import psutil

    try:
        return process.cwd() == root and reaper.MARK in process.environ()
    except (psutil.Error, OSError):
        return False
