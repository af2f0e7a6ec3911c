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
from orchestrator.backends.sd_scripts.packages import OPTIONAL
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text, same
from orchestrator.run.installed.manifest import changes_text
from orchestrator.run.installed.packages import canonical, pip_install
from orchestrator.run.installed.pins import is_python_fit, read_pin
from orchestrator.run.installed.probe import PROBE_TIMEOUT_S, ask_driver_cuda, ask_gpus, ask_interpreter
from orchestrator.run.installed.trainers import (
    NOT_INSTALLED,
    POCKET_COMMAND,
    POCKET_PACKAGES,
    find_trainer,
    missing_pocket_packages,
    verify_trainer,
)
from orchestrator.run.installed.vendor_home import SD_SCRIPTS, read_state, vendor_home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.protocol import Trainer
    from orchestrator.run.installed.pins import Pin
    from orchestrator.run.installed.probe import Gpu, InterpreterFacts

CheckStatus = Literal["ok", "note", "warn", "bad"]
"""`note`: something is not there that only some recipes ask for."""
LOW_DISK_GIB, LITTLE_DISK_GIB = 5, 20
LOW_MEMORY_GIB, LITTLE_MEMORY_GIB = 4, 12
"""Loading an SD 1.5 base takes about 4 GiB of memory, an SDXL base about 12. Disk: a base model and the save points."""
LEAST_TORCH = (2, 6)
"""Older ones load pickled files without asking."""
_GIB = 1024**3
_DISK, _MEMORY = Text("free disk", "磁盘剩余"), Text("free memory", "可用内存")
_PYTHON, _TORCH = Text("trainer python", "训练器的 python"), Text("trainer torch", "训练器的 torch")
_CUDA = Text("trainer cuda", "训练器的 cuda")
_UNKNOWN, _NOT_INSTALLED = Text("unknown", "未知"), Text("not installed", "未安装")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: Text
    value: Text
    status: CheckStatus = "ok"
    fix: Text | None = None

    @property
    def code(self) -> str:
        """kebab-case, for programs: `free-disk`, `trainer-torch`."""
        return self.name.en.replace(" ", "-")


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
        Check(same("lora-run"), same(orchestrator.__version__)),
        Check(same("python"), same(f"{platform.python_version()} ({sys.executable})")),
        Check(Text("platform", "系统"), same(platform.platform()), *_windows_note()),
    ]


def _windows_note() -> tuple[CheckStatus, Text] | tuple[()]:
    if sys.platform.startswith("linux"):
        return ()
    return "warn", Text("training was run by this project on Linux only", "本项目只在 Linux 上实际训练过")


def _machine(runs_dir: Path) -> list[Check]:
    count = os.cpu_count()
    cpus = same(str(count)) if count else _UNKNOWN
    return [_disk(runs_dir), _memory(), Check(Text("cpus", "CPU 核心数"), cpus)]


def _disk(runs_dir: Path) -> Check:
    place = runs_dir.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free / _GIB
    except OSError as error:
        elsewhere = Text("choose another place with `--runs-dir`", "用 `--runs-dir` 换一个目录")
        return Check(_DISK, reason_of(error), "bad", elsewhere)
    value = Text(f"{free:.1f} GiB at {place}", f"{free:.1f} GiB，位于 {place}")
    if free >= LITTLE_DISK_GIB:
        return Check(_DISK, value)
    fix = Text(
        "free some space, or put the runs on another disk with `--runs-dir`", "清理磁盘，或用 `--runs-dir` 换一块磁盘"
    )
    return Check(_DISK, value, "bad" if free < LOW_DISK_GIB else "warn", fix)


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / _GIB, memory.total / _GIB
    value = Text(f"{free:.1f} of {total:.1f} GiB", f"{free:.1f} GiB，共 {total:.1f} GiB")
    if free >= LITTLE_MEMORY_GIB:
        return Check(_MEMORY, value)
    fix = Text(
        f"close other programs; loading SD 1.5 takes about {LOW_MEMORY_GIB} GiB, SDXL about {LITTLE_MEMORY_GIB} GiB",
        f"关闭其他程序；加载 SD 1.5 约需 {LOW_MEMORY_GIB} GiB，SDXL 约需 {LITTLE_MEMORY_GIB} GiB",
    )
    return Check(_MEMORY, value, "bad" if free < LOW_MEMORY_GIB else "warn", fix)


def _gpus(gpus: tuple[Gpu, ...]) -> list[Check]:
    if not gpus:
        fix = Text(
            "install the NVIDIA driver if there is such a GPU; without one only pocket trains in reasonable time",
            "若有 NVIDIA GPU 请安装驱动；没有 GPU 时只有 pocket 能在合理时间内训练",
        )
        return [Check(Text("gpu", "显卡"), Text("no NVIDIA GPU seen", "没有看到 NVIDIA GPU"), "warn", fix)]
    cuda = ask_driver_cuda()
    offers = same(cuda) if cuda else _UNKNOWN
    checks = [Check(Text(f"gpu {number}", f"显卡 {number}"), _about_gpu(gpu)) for number, gpu in enumerate(gpus)]
    driver = Text(f"{gpus[0].driver}, offers CUDA {offers.en}", f"{gpus[0].driver}，支持 CUDA {offers.zh}")
    return [*checks, Check(Text("gpu driver", "显卡驱动"), driver)]


def _about_gpu(gpu: Gpu) -> Text:
    memory = same(f"{gpu.memory_mib} MiB") if gpu.memory_mib is not None else Text("memory unknown", "显存未知")
    if gpu.capability is None:
        return Text(f"{gpu.name}, {memory.en}", f"{gpu.name}，{memory.zh}")
    return Text(
        f"{gpu.name}, {memory.en}, compute capability {gpu.capability}",
        f"{gpu.name}，{memory.zh}，计算能力 {gpu.capability}",
    )


def _pocket() -> Check:
    missing = missing_pocket_packages()
    if missing:
        names = ", ".join(missing)
        return Check(same("pocket"), Text(f"not installed: {names}", f"未安装：{names}"), "warn", same(POCKET_COMMAND))
    return Check(same("pocket"), same(", ".join(_with_version(name) for name in POCKET_PACKAGES)))


def _with_version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package


def _sd_scripts(timeout_s: float, *, has_gpu: bool) -> list[Check]:
    """Look at the installed trainer: its source, its interpreter, what is installed there.

    That it is not there is bad only where pocket is not there either: then nothing can be trained.
    """
    try:
        trainer = find_trainer("sd15")
    except OrchestratorError as error:
        problem = error.problems[0]
        if problem.code != NOT_INSTALLED:
            return [Check(same(SD_SCRIPTS), problem.what, "bad", problem.fix)]
        has_pocket = not missing_pocket_packages()
        return [Check(same(SD_SCRIPTS), _NOT_INSTALLED, "warn" if has_pocket else "bad", problem.fix)]
    checks = [_source(trainer)]
    try:
        facts = ask_interpreter(trainer.python, imports_torch=True, timeout_s=timeout_s)
    except OrchestratorError as error:
        problem = error.problems[0]
        why = problem.why or problem.what
        value = Text(f"{trainer.python}: {why.en}", f"{trainer.python}：{why.zh}")
        return [*checks, Check(_PYTHON, value, "bad", problem.fix)]
    pin = read_pin(SD_SCRIPTS)
    return [
        *checks,
        _python(trainer, facts, pin),
        *_torch(facts, has_gpu=has_gpu),
        *_packages(trainer, facts, has_gpu=has_gpu),
    ]


def _source(trainer: Trainer) -> Check:
    """Say which commit it is, and whether its files are that commit's."""
    pin = read_pin(SD_SCRIPTS)
    state = read_state(vendor_home(SD_SCRIPTS))
    where = state.path if state else trainer.root
    name = same(SD_SCRIPTS)
    try:
        changes = verify_trainer(trainer)
    except OrchestratorError as error:
        problem = error.problems[0]
        why = problem.why or problem.what
        edits = Text(f"{trainer.commit}, {problem.what.en}: {why.en}", f"{trainer.commit}，{problem.what.zh}：{why.zh}")
        return Check(name, edits, "bad", problem.fix)
    en, zh = f"{trainer.commit} in {where}", f"{trainer.commit}，位于 {where}"
    if changes:
        fix = Text("adopted on purpose; every run says so", "已有意采用；每次运行都会注明")
        shown = changes_text(changes)
        adopted = Text(f"{en}, adopted with edits: {shown.en}", f"{zh}，有意采用的修改：{shown.zh}")
        return Check(name, adopted, "warn", fix)
    if trainer.commit != pin.commit:
        fix = Text(
            f"tested is {pin.commit}: `lora-run vendor install sd-scripts`",
            f"经过测试的是 {pin.commit}：`lora-run vendor install sd-scripts`",
        )
        return Check(name, Text(f"{en}, not the pinned commit", f"{zh}，不是固定的提交"), "warn", fix)
    return Check(name, Text(f"{en}, the pinned commit, clean", f"{zh}，固定的提交，没有改动"))


def _python(trainer: Trainer, facts: InterpreterFacts, pin: Pin) -> Check:
    value = same(f"{'.'.join(map(str, facts.version))} ({trainer.python})")
    if is_python_fit(pin, facts.version):
        return Check(_PYTHON, value)
    span = f">= {pin.python_min}, < {pin.python_below}"
    return Check(_PYTHON, value, "warn", Text(f"the trainer asks for {span}", f"训练器要求 {span}"))


def _torch(facts: InterpreterFacts, *, has_gpu: bool) -> list[Check]:
    install = Text("run `lora-run vendor install sd-scripts` again", "请重新运行 `lora-run vendor install sd-scripts`")
    torch = facts.torch
    if "version" not in torch:
        error = torch.get("error")
        return [Check(_TORCH, same(str(error)) if error else Text("not asked", "没有询问"), "bad", install)]
    version = str(torch["version"])
    is_old = tuple(int(x) for x in re.findall(r"\d+", version)[:2]) < LEAST_TORCH
    old = Text(
        "install torch 2.6 or newer: older ones run code from pickled files",
        "请安装 torch 2.6 或更新版本：旧版会执行 pickle 文件中的代码",
    )
    return [
        Check(_TORCH, same(version), "bad" if is_old else "ok", old if is_old else None),
        _cuda(torch, has_gpu=has_gpu),
    ]


def _cuda(torch: Mapping[str, str | int | bool | None], *, has_gpu: bool) -> Check:
    if torch.get("cuda_available"):
        return Check(_CUDA, same(f"CUDA {torch['cuda']}, {torch['gpu']}, {torch['memory_mib']} MiB"))
    if not has_gpu:
        slow = Text("very slow for real models", "训练真实模型会非常慢")
        return Check(_CUDA, Text("none: torch trains on the CPU", "无：torch 在 CPU 上训练"), "warn", slow)
    fix = Text(
        "torch does not see the GPU; install the build that fits the driver: `lora-run vendor install sd-scripts --cuda cu124`",
        "torch 看不到 GPU；请安装与驱动匹配的版本：`lora-run vendor install sd-scripts --cuda cu124`",
    )
    built = torch["cuda"] or "CPU"
    return Check(_CUDA, Text(f"not available (built for {built})", f"不可用（为 {built} 构建）"), "bad", fix)


def _packages(trainer: Trainer, facts: InterpreterFacts, *, has_gpu: bool) -> list[Check]:
    """Look at accelerate, without which nothing starts, and at the packages that only some recipes need."""
    again = Text("run `lora-run vendor install sd-scripts` again", "请重新运行 `lora-run vendor install sd-scripts`")
    accelerate = facts.packages.get("accelerate")
    name = same("accelerate")
    checks = [Check(name, same(accelerate)) if accelerate else Check(name, _NOT_INSTALLED, "bad", again)]
    for package in OPTIONAL.values():
        found = facts.packages.get(canonical(package.name))
        command = pip_install(trainer.python, [package.name])
        fix = Text(
            f"only for {package.used_by.en}: `{command}`",
            f"只用于 {package.used_by.zh}：`{command}`",
        )
        is_missed = package.name == "bitsandbytes" and has_gpu
        missing = Check(same(package.name), _NOT_INSTALLED, "warn" if is_missed else "note", fix)
        checks.append(Check(same(package.name), same(found)) if found else missing)
    return checks
