"""What this machine has for training, and how to mend what is missing. Looks only; changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import orchestrator
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.text import Text, same
from orchestrator.run.pins import is_python_fit, read_pin
from orchestrator.run.probe import PROBE_TIMEOUT_S, ask_driver_cuda, ask_gpus, ask_interpreter
from orchestrator.run.trainers import (
    POCKET_COMMAND,
    POCKET_PACKAGES,
    find_trainer,
    missing_pocket_packages,
    verify_trainer,
)
from orchestrator.run.vendor_home import SD_SCRIPTS, read_state, vendor_home

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Trainer
    from orchestrator.run.pins import Pin
    from orchestrator.run.probe import Gpu, InterpreterFacts

CheckStatus = Literal["ok", "warn", "bad"]
LOW_DISK_GIB, LITTLE_DISK_GIB = 5, 20
LOW_MEMORY_GIB, LITTLE_MEMORY_GIB = 4, 12
"""Loading an SD 1.5 base takes about 4 GiB of memory, an SDXL base about 12. Disk: a base model and the save points."""
LEAST_TORCH = (2, 6)
"""Older ones load pickled files without asking."""
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    value: str
    status: CheckStatus = "ok"
    fix: Text | None = None


def examine(runs_dir: Path = Path(), *, timeout_s: float = PROBE_TIMEOUT_S) -> list[Check]:
    """Return everything that was looked at. Never raises: what cannot be asked is `bad`, with the reason and a fix.

    `runs_dir`: where runs would be written (its free space is told); `timeout_s`: how long an interpreter may take to answer.
    """
    gpus = ask_gpus()
    return [
        *_tool(),
        *_machine(runs_dir),
        *_gpus(gpus),
        _pocket(),
        *_sd_scripts(timeout_s, has_gpu=bool(gpus)),
    ]


def _tool() -> list[Check]:
    return [
        Check("lora-run", orchestrator.__version__),
        Check("python", f"{platform.python_version()} ({sys.executable})"),
        Check("platform", platform.platform(), *_windows_note()),
    ]


def _windows_note() -> tuple[CheckStatus, Text] | tuple[()]:
    if sys.platform.startswith("linux"):
        return ()
    return "warn", Text("training was run by this project on Linux only", "本项目只在 Linux 上实际训练过")


def _machine(runs_dir: Path) -> list[Check]:
    return [_disk(runs_dir), _memory(), Check("cpus", str(os.cpu_count() or "unknown"))]


def _disk(runs_dir: Path) -> Check:
    place = runs_dir.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free / _GIB
    except OSError as error:
        return Check(
            "free disk", str(error), "bad", Text("choose another place with `--runs-dir`", "用 `--runs-dir` 换一个目录")
        )
    value = f"{free:.1f} GiB at {place}"
    if free >= LITTLE_DISK_GIB:
        return Check("free disk", value)
    fix = Text(
        "free some space, or put the runs on another disk with `--runs-dir`", "清理磁盘，或用 `--runs-dir` 换一块磁盘"
    )
    return Check("free disk", value, "bad" if free < LOW_DISK_GIB else "warn", fix)


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / _GIB, memory.total / _GIB
    value = f"{free:.1f} of {total:.1f} GiB"
    if free >= LITTLE_MEMORY_GIB:
        return Check("free memory", value)
    fix = Text(
        f"close other programs; loading SD 1.5 takes about {LOW_MEMORY_GIB} GiB, SDXL about {LITTLE_MEMORY_GIB} GiB",
        f"关闭其他程序；加载 SD 1.5 约需 {LOW_MEMORY_GIB} GiB，SDXL 约需 {LITTLE_MEMORY_GIB} GiB",
    )
    return Check("free memory", value, "bad" if free < LOW_MEMORY_GIB else "warn", fix)


def _gpus(gpus: tuple[Gpu, ...]) -> list[Check]:
    if not gpus:
        fix = Text(
            "install the NVIDIA driver if there is such a GPU; without one only pocket trains in reasonable time",
            "若有 NVIDIA GPU 请安装驱动；没有 GPU 时只有 pocket 能在合理时间内训练",
        )
        return [Check("gpu", "no NVIDIA GPU seen", "warn", fix)]
    cuda = ask_driver_cuda() or "unknown"
    checks = []
    for number, gpu in enumerate(gpus):
        memory = f"{gpu.memory_mib} MiB" if gpu.memory_mib is not None else "memory unknown"
        capability = f", compute capability {gpu.capability}" if gpu.capability else ""
        checks.append(Check(f"gpu {number}", f"{gpu.name}, {memory}{capability}"))
    checks.append(Check("gpu driver", f"{gpus[0].driver}, offers CUDA {cuda}"))
    return checks


def _pocket() -> Check:
    missing = missing_pocket_packages()
    if missing:
        return Check("pocket", "not installed: " + ", ".join(missing), "warn", same(POCKET_COMMAND))
    return Check("pocket", ", ".join(_with_version(name) for name in POCKET_PACKAGES))


def _with_version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package


def _sd_scripts(timeout_s: float, *, has_gpu: bool) -> list[Check]:
    """Look at the installed trainer: its source, its interpreter, what is installed there."""
    try:
        trainer = find_trainer("sd15")
    except OrchestratorError as error:
        problem = error.problems[0]
        return [Check(SD_SCRIPTS, problem.what.en, "bad", problem.fix)]
    checks = [_source(trainer)]
    try:
        facts = ask_interpreter(trainer.python, imports_torch=True, timeout_s=timeout_s)
    except OrchestratorError as error:
        problem = error.problems[0]
        return [
            *checks,
            Check("trainer python", f"{trainer.python}: {problem.why or problem.what}", "bad", problem.fix),
        ]
    pin = read_pin(SD_SCRIPTS)
    return [*checks, _python(trainer, facts, pin), *_torch(facts, has_gpu=has_gpu), *_packages(facts, has_gpu=has_gpu)]


def _source(trainer: Trainer) -> Check:
    """Say which commit it is, and whether its files are that commit's."""
    pin = read_pin(SD_SCRIPTS)
    state = read_state(vendor_home(SD_SCRIPTS))
    where = state.path if state else trainer.root
    try:
        changes = verify_trainer(trainer)
    except OrchestratorError as error:
        problem = error.problems[0]
        return Check(SD_SCRIPTS, f"{trainer.commit}, local edits: {problem.why}", "bad", problem.fix)
    value = f"{trainer.commit} in {where}"
    if changes:
        fix = Text("adopted on purpose; every run says so", "已有意采用；每次运行都会注明")
        return Check(SD_SCRIPTS, f"{value}, adopted with edits: {'; '.join(changes)}", "warn", fix)
    if trainer.commit != pin.commit:
        fix = Text(
            f"tested is {pin.commit}: `lora-run vendor install sd-scripts`",
            f"经过测试的是 {pin.commit}：`lora-run vendor install sd-scripts`",
        )
        return Check(SD_SCRIPTS, f"{value}, not the pinned commit", "warn", fix)
    return Check(SD_SCRIPTS, f"{value}, the pinned commit, clean")


def _python(trainer: Trainer, facts: InterpreterFacts, pin: Pin) -> Check:
    value = f"{'.'.join(map(str, facts.version))} ({trainer.python})"
    if is_python_fit(pin, facts.version):
        return Check("trainer python", value)
    span = f">= {pin.python_min}, < {pin.python_below}"
    return Check("trainer python", value, "warn", Text(f"the trainer asks for {span}", f"训练器要求 {span}"))


def _torch(facts: InterpreterFacts, *, has_gpu: bool) -> list[Check]:
    install = Text("run `lora-run vendor install sd-scripts` again", "请重新运行 `lora-run vendor install sd-scripts`")
    torch = facts.torch
    if "version" not in torch:
        return [Check("trainer torch", str(torch.get("error", "not asked")), "bad", install)]
    version = str(torch["version"])
    is_old = tuple(int(x) for x in re.findall(r"\d+", version)[:2]) < LEAST_TORCH
    old = Text(
        "install torch 2.6 or newer: older ones run code from pickled files",
        "请安装 torch 2.6 或更新版本：旧版会执行 pickle 文件中的代码",
    )
    checks = [Check("trainer torch", version, "bad" if is_old else "ok", old if is_old else None)]
    if torch.get("cuda_available"):
        value = f"CUDA {torch['cuda']}, {torch['gpu']}, {torch['memory_mib']} MiB"
        return [*checks, Check("trainer cuda", value)]
    if not has_gpu:
        return [
            *checks,
            Check(
                "trainer cuda",
                "none: torch trains on the CPU",
                "warn",
                Text("very slow for real models", "训练真实模型会非常慢"),
            ),
        ]
    fix = Text(
        "torch does not see the GPU; install the build that fits the driver: `lora-run vendor install sd-scripts --cuda cu124`",
        "torch 看不到 GPU；请安装与驱动匹配的版本：`lora-run vendor install sd-scripts --cuda cu124`",
    )
    return [*checks, Check("trainer cuda", f"not available (built for {torch['cuda'] or 'CPU'})", "bad", fix)]


def _packages(facts: InterpreterFacts, *, has_gpu: bool) -> list[Check]:
    packages = facts.packages
    again = Text("run `lora-run vendor install sd-scripts` again", "请重新运行 `lora-run vendor install sd-scripts`")
    accelerate = packages.get("accelerate")
    checks = [
        Check("accelerate", accelerate or "not installed", "ok" if accelerate else "bad", None if accelerate else again)
    ]
    optional = {
        "bitsandbytes": Text("needed for 8-bit optimizers only (`AdamW8bit`)", "只有 8 位优化器（`AdamW8bit`）需要"),
        "xformers": Text("not needed: `sdpa` is as good", "不需要：`sdpa` 同样好"),
    }
    for name, note in optional.items():
        is_missed = name == "bitsandbytes" and has_gpu and name not in packages
        found = packages.get(name)
        checks.append(Check(name, found or "not installed", "warn" if is_missed else "ok", None if found else note))
    return checks
