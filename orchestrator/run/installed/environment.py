"""The trainer's own virtual environment: made with pip, or adopted. The tool's own environment is never touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.record import scrub
from orchestrator.core.text import Text, same
from orchestrator.run.installed.pins import choose_torch, is_python_fit
from orchestrator.run.installed.probe import ask_driver_cuda, ask_gpus, ask_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.run.installed.pins import Pin, TorchPin
    from orchestrator.run.installed.vendor_home import VendorHome

INDEX_VARIABLE = "TORCH_INDEX_URL"
_PIP_DECIDES = ("PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(==\s*([^\s;#]+))?")
_GPU_ONLY = {"bitsandbytes", "xformers"}


def detect_torch(pin: Pin, cuda: str | None) -> TorchPin:
    """Return the torch pair for this machine. Raises EnvironmentFault where none is pinned."""
    if cuda is not None:
        return choose_torch(pin, cuda, None, None)
    gpus = ask_gpus()
    return choose_torch(pin, None, ask_driver_cuda(), gpus[0].capability if gpus else None)


def make_environment(
    home: VendorHome, pin: Pin, torch: TorchPin, requirements: str, tell: Callable[[Text], None]
) -> Path:
    """Make a virtual environment and install torch and the trainer's `requirements` (its text). Return its interpreter.

    Raises EnvironmentFault when no fitting Python is found or pip fails; pip's last lines are quoted.
    """
    folder, python = home.venv, home.python
    if not python.is_file():
        parent = _find_python(pin)
        tell(Text(f"making an environment with {parent}", f"正在用 {parent} 建立环境"))
        _run([str(parent), "-m", "venv", str(folder)], tell)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    kept, skipped = split_requirements(requirements, is_cpu=torch.cuda == "cpu")
    for line in skipped:
        tell(Text(f"left out: {line}", f"跳过：{line}"))
    if not kept:
        tell(Text("the trainer requires no packages", "训练器不需要任何包"))
        return python
    pair = [f"torch=={torch.torch}", f"torchvision=={torch.torchvision}"]
    _run([*pip, *pair, *index_options(torch, tell)], tell)
    wanted, fixed = folder / "requirements.txt", folder / "constraints.txt"
    wanted.write_text("\n".join(kept) + "\n", encoding="utf-8")
    fixed.write_text("\n".join(pair) + "\n", encoding="utf-8")
    _run([*pip, "-r", str(wanted), "-c", str(fixed)], tell)
    return python


def adopt_interpreter(python: Path, requirements: str, tell: Callable[[Text], None]) -> Path:
    """Return the interpreter of an existing environment after looking at what is installed there. Nothing is installed.

    Other versions than the trainer asks for are told. Raises EnvironmentFault when packages are missing altogether.
    """
    python = _absolute(python)
    facts = ask_interpreter(python, imports_torch=False)
    asked = {name: version for name, version in _names(requirements).items() if name not in _GPU_ONLY}
    wanted: dict[str, str | None] = {"torch": None, "torchvision": None, **asked} if asked else {}
    missing = [name for name in wanted if name not in facts.packages]
    if missing:
        raise EnvironmentFault([_missing_packages(python, missing)])
    for name, version in wanted.items():
        if version is not None and facts.packages[name].partition("+")[0] != version:
            found = facts.packages[name]
            tell(
                Text(
                    f"{name} is {found}, the trainer asks for {version}", f"{name} 是 {found}，训练器要求的是 {version}"
                )
            )
    return python


def split_requirements(text: str, *, is_cpu: bool) -> tuple[list[str], list[str]]:
    """Return the lines to install and the ones left out: the trainer itself (`-e .`), and GPU packages without a GPU."""
    kept: list[str] = []
    skipped: list[str] = []
    for line in text.splitlines():
        requirement = line.partition(" #")[0].strip()
        if not requirement or requirement.startswith("#"):
            continue
        name = _REQUIREMENT.match(requirement)
        is_gpu_only = name is not None and name.group(1).lower() in _GPU_ONLY
        is_left_out = requirement.startswith("-e") or (is_cpu and is_gpu_only)
        (skipped if is_left_out else kept).append(requirement)
    return kept, skipped


def index_options(torch: TorchPin, tell: Callable[[Text], None]) -> list[str]:
    """Return where pip is told to look for torch: $TORCH_INDEX_URL, else pip's own settings where there are any, else the pin's."""
    wanted = os.environ.get(INDEX_VARIABLE)
    if wanted:
        place = f"{scrub(wanted)} (${INDEX_VARIABLE})"
        tell(Text(f"torch comes from {place}", f"torch 来自 {place}"))
        return ["--index-url", wanted]
    settings = [name for name in _PIP_DECIDES if os.environ.get(name)]
    if settings:
        names = ", ".join(settings)
        tell(
            Text(
                f"torch comes from where pip is told to look ({names}); the pin names {torch.index_url}",
                f"torch 来自 pip 的设置（{names}）；固定的地址是 {torch.index_url}",
            )
        )
        return []
    tell(Text(f"torch comes from {torch.index_url}", f"torch 来自 {torch.index_url}"))
    return ["--index-url", torch.index_url]


def _find_python(pin: Pin) -> Path:
    """Return an interpreter that the trainer runs on: this one, else one on the PATH."""
    if is_python_fit(pin, sys.version_info[:3]):
        return Path(sys.executable)
    major, below = (int(x) for x in pin.python_below.split("."))
    lowest = int(pin.python_min.split(".")[1])
    for minor in range(below - 1, lowest - 1, -1):
        found = shutil.which(f"python{major}.{minor}")
        if found:
            return Path(found)
    raise EnvironmentFault([_no_python(pin)])


def _run(command: Sequence[str], tell: Callable[[Text], None]) -> None:
    """Run one installation step and pass its lines on."""
    last: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            text = scrub(line.rstrip())
            if text:
                last = [*last[-11:], text]
                tell(same(text))
    if process.returncode:
        raise EnvironmentFault([_failed_step(command, process.returncode, last)])


def _names(requirements: str) -> dict[str, str | None]:
    """Return package -> version asked for, None where any will do."""
    kept, _ = split_requirements(requirements, is_cpu=False)
    matches = (_REQUIREMENT.match(line) for line in kept)
    return {m.group(1).lower().replace("_", "-").replace(".", "-"): m.group(4) for m in matches if m}


def _absolute(python: Path) -> Path:
    """Return the interpreter's full path. Links are kept: a virtual environment's interpreter is one."""
    found = python if python.exists() else Path(shutil.which(str(python)) or python)
    return Path(os.path.abspath(found.expanduser()))  # noqa: PTH100 - resolve() would leave the environment


def _missing_packages(python: Path, missing: list[str]) -> Problem:
    names = ", ".join(missing)
    return Problem(
        "incomplete-environment",
        Text(f"the trainer's packages are missing in {python}: {names}", f"{python} 中缺少训练器需要的包：{names}"),
        fix=Text(
            "install them there, or leave out `--python`: an environment is then made",
            "在该环境中安装它们，或去掉 `--python` 让本工具新建环境",
        ),
    )


def _no_python(pin: Pin) -> Problem:
    span = f">= {pin.python_min}, < {pin.python_below}"
    return Problem(
        "no-python",
        Text(f"{pin.name} needs Python {span}; none was found", f"{pin.name} 需要 Python {span}，但没有找到"),
        fix=Text(
            "install one of these, or adopt an environment of your own with `--python`",
            "请安装其中一个版本，或用 `--python` 使用自己的环境",
        ),
    )


def _failed_step(command: Sequence[str], code: int, last: list[str]) -> Problem:
    step = " ".join(command[1:4])
    return Problem(
        "installation-failed",
        Text(f"`python {step} ...` failed with exit code {code}", f"`python {step} ...` 失败，退出码 {code}"),
        why=same("\n".join(last)) if last else Text("it said nothing", "它没有任何输出"),
        fix=Text(
            "without a network: set PIP_FIND_LINKS (and PIP_NO_INDEX=1) to a folder of wheels, or adopt an environment with `--python`",
            "没有网络时：将 PIP_FIND_LINKS（和 PIP_NO_INDEX=1）设为存放 wheel 的目录，或用 `--python` 使用现有环境",
        ),
    )
