"""Questions to other programs: a trainer's interpreter, the NVIDIA driver. Each answer comes from one short process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.number_text import short_number
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROBE_TIMEOUT_S = 120.0
_MARK = "lora-run-probe:"
_PACKAGES = """
import importlib.metadata as m, json, sys
facts = {"version": list(sys.version_info[:3]), "packages": {}, "folders": [], "torch": {}}
for d in m.distributions():
    name = d.metadata["Name"]
    folder = str(d.locate_file(""))
    if folder not in facts["folders"]:
        facts["folders"].append(folder)
    if name:
        facts["packages"].setdefault(name.lower().replace("_", "-").replace(".", "-"), d.version)
"""
_TORCH = """
try:
    import torch
    facts["torch"] = {"version": torch.__version__, "cuda": torch.version.cuda, "cuda_available": torch.cuda.is_available()}
    if torch.cuda.is_available():
        p = torch.cuda.get_device_properties(0)
        facts["torch"] |= {"gpu": p.name, "memory_mib": p.total_memory // 2**20, "capability": f"{p.major}.{p.minor}"}
except Exception as error:
    facts["torch"] = {"error": f"{type(error).__name__}: {error}"[:500]}
"""
_PRINT = f"\nprint({_MARK!r} + json.dumps(facts))\n"


@dataclass(frozen=True, slots=True)
class InterpreterFacts:
    """What one Python interpreter says about itself."""

    version: tuple[int, ...]
    packages: Mapping[str, str]
    """Name in lower case with dashes -> version."""
    folders: tuple[str, ...]
    """Where these packages lie."""
    torch: Mapping[str, str | int | bool | None]
    """`version`, `cuda`, `cuda_available`, `gpu`, `memory_mib`, `capability`; `error` where it cannot be imported; empty: not asked."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU as the driver sees it."""

    name: str
    memory_mib: int | None
    driver: str
    capability: str | None
    """Compute capability, e.g. `8.9`."""


def ask_interpreter(python: Path, *, imports_torch: bool, timeout_s: float = PROBE_TIMEOUT_S) -> InterpreterFacts:
    """Return what `python` says. Raises EnvironmentFault when it is not there, fails, or does not answer in time."""
    program = _PACKAGES + (_TORCH if imports_torch else "") + _PRINT
    try:
        done = subprocess.run(
            [str(python), "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            cwd=python.absolute().parent,
            env={**os.environ, "PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except subprocess.TimeoutExpired as error:
        late = Text(f"timed out after {short_number(timeout_s)} seconds", f"{short_number(timeout_s)} 秒内没有回答")
        raise EnvironmentFault([_no_answer(python, late)]) from error
    except OSError as error:
        raise EnvironmentFault([_no_answer(python, reason_of(error))]) from error
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(_MARK):
            facts = json.loads(line.removeprefix(_MARK))
            return InterpreterFacts(tuple(facts["version"]), facts["packages"], tuple(facts["folders"]), facts["torch"])
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    code = Text(f"exit code {done.returncode}", f"退出码 {done.returncode}")
    raise EnvironmentFault([_no_answer(python, same(last[0]) if last else code)])


def ask_gpus(timeout_s: float = 20.0) -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs of this machine; empty where `nvidia-smi` is absent or sees none."""
    fields = "name,memory.total,driver_version,compute_cap"
    answer = _ask_driver([f"--query-gpu={fields}", "--format=csv,noheader,nounits"], timeout_s)
    gpus = []
    for line in (answer or "").splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == len(fields.split(",")):
            name, memory, driver, capability = parts
            has_capability = capability.replace(".", "", 1).isdigit()
            gpus.append(
                Gpu(name, int(memory) if memory.isdecimal() else None, driver, capability if has_capability else None)
            )
    return tuple(gpus)


def ask_driver_cuda(timeout_s: float = 20.0) -> str | None:
    """Return the newest CUDA version that the NVIDIA driver offers, e.g. `12.8`; None without a driver."""
    answer = _ask_driver([], timeout_s)
    _, found, rest = (answer or "").partition("CUDA Version:")
    words = rest.split()
    return words[0] if found and words and words[0][0].isdigit() else None


def _ask_driver(arguments: list[str], timeout_s: float) -> str | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _no_answer(python: Path, why: Text) -> Problem:
    return Problem(
        "bad-interpreter",
        Text(f"this Python interpreter does not answer: {python}", f"这个 Python 解释器没有响应：{python}"),
        why=why,
        fix=Text(
            "give another with `--python`, or let `lora-run vendor install sd-scripts` make an environment",
            "用 `--python` 指定别的解释器，或用 `lora-run vendor install sd-scripts` 新建环境",
        ),
    )
