"""Nothing that only POSIX has may be needed to import this room. Windows itself is not run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
for name in ("killpg", "getpgid", "setsid", "fork", "sysconf", "uname", "getuid"):
    if hasattr(os, name): delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGSTOP"):
    if hasattr(signal, name): delattr(signal, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
import importlib, pkgutil
import orchestrator.run
for module in pkgutil.iter_modules(orchestrator.run.__path__):
    importlib.import_module(f"orchestrator.run.{module.name}")
from orchestrator.run.records.run_record import machine_facts
assert "memory_mib" not in machine_facts()
heavy = [m for m in ("torch", "numpy", "git", "accelerate", "tensorboard", "psutil", "filelock") if m in sys.modules]
print("imported", heavy)
"""


def test_every_module_imports_without_posix_names_and_without_heavy_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "imported []"
