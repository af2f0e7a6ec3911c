"""A trainer that is imported once and forked for every run: `PYTHON zygote.py ROOT MODULE [MODULE ...]`.

Importing a trainer takes longer than a short run. This process, in the trainer's own interpreter, imports MODULEs from
ROOT, then reads one JSON object a line from stdin, forks a child for each and answers with one line when it has ended:

    {"argv": [...], "cwd": ..., "console": ..., "limit_s": 600}        ->  {"code": 0, "seconds": 12.3, "cpu_seconds": 11.9}

`argv` is the command as `orchestrator` compiled it, `PYTHON -m accelerate.commands.launch ... SCRIPT ...`: accelerate's
own code turns it into the script's arguments and environment, so that the child is what accelerate would have started.
The console is written to a file as the child writes it. Standard library and accelerate only.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def as_accelerate_would(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """The script with its arguments, and the environment, that `accelerate launch` would start for one process."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import prepare_simple_launcher_cmd_env

    args, _, _ = _validate_launch_command(launch_command_parser().parse_args(argv))
    command, environment = prepare_simple_launcher_cmd_env(args)
    return list(command[1:]), dict(environment)


def become(job: dict[str, Any]) -> int:
    """In the child: run the script as `__main__`; returns the exit code."""
    os.setsid()
    with contextlib.suppress(OSError, AttributeError):  # Linux: a run must not outlive what waits for it
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    os.chdir(job["cwd"])
    console = os.open(job["console"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(ours, theirs)
    signal.alarm(int(job["limit_s"]))
    os.environ.update(job.get("environment", {}))
    argv = job["argv"]
    if argv[1:3] == ["-m", "accelerate.commands.launch"]:
        argv, environment = as_accelerate_would(argv[3:])
        os.environ.clear()
        os.environ.update(environment)
    else:
        argv = argv[1:]
    sys.argv = list(argv)
    sys.path[0] = str(Path(argv[0]).resolve().parent)
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  a child must not fall back into its parent's loop
        traceback.print_exc()
        return 1
    return 0


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait, and say how it ended: a negative code is the signal that ended the child."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = become(job)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    seconds, cpu = time.perf_counter() - started, used.ru_utime + used.ru_stime
    return {"code": os.waitstatus_to_exitcode(status), "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3)}


def main() -> None:
    """Import, say so, then serve until stdin ends."""
    sys.path[0] = sys.argv[1]
    for name in sys.argv[2:]:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")  # what the trainer's modules print on import must not mix with the answers
    print('{"ready": true}', file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
