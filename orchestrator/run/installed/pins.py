"""Which version of a trainer, and which torch for which CUDA version: what `vendor/pins.toml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

PINS_FILE = "pins.toml"
RECOMMENDED_CUDA = "cu124"
"""What the trainer's own README names; taken whenever driver and GPU allow it."""


@dataclass(frozen=True, slots=True)
class TorchPin:
    """torch and torchvision for one CUDA version."""

    cuda: str
    """`cpu`, `cu124` ..."""
    torch: str
    torchvision: str
    index_url: str
    driver_min: str = "0.0"
    """CUDA version the driver must offer at least."""
    capability_max: str = "999.0"
    """Newest compute capability that this build holds code for."""
    was_run: bool = False
    """Whether this project has trained with exactly this pair."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One trainer at one commit."""

    name: str
    url: str
    commit: str
    tree: str
    licence: str
    python_min: str
    python_below: str
    torch: tuple[TorchPin, ...]


def pins_path() -> Path:
    """Return the pins of the source checkout this package runs from, else the ones shipped in the wheel."""
    package = Path(__file__).parents[2]
    in_checkout = package.parent / "vendor" / PINS_FILE
    return in_checkout if in_checkout.is_file() else package / "shipped" / PINS_FILE


def read_pins() -> dict[str, Pin]:
    """Return all pinned trainers by name."""
    import toml

    content = toml.loads(pins_path().read_text(encoding="utf-8"))
    pins = {}
    for name, fields in content.items():
        torch = tuple(TorchPin(**pin) for pin in fields.pop("torch"))
        pins[name] = Pin(name=name, torch=torch, **fields)
    return pins


def read_pin(name: str) -> Pin:
    """Return one trainer's pin. Raises EnvironmentFault for a trainer that is not pinned."""
    pins = read_pins()
    if name not in pins:
        known = ", ".join(pins)
        raise EnvironmentFault(
            [
                Problem(
                    "unknown-trainer",
                    Text(f"no trainer `{name}` can be installed", f"没有可安装的训练器 `{name}`"),
                    fix=Text(
                        f"there is: {known}; pocket needs no installation of its own",
                        f"可用：{known}；pocket 不需要单独安装",
                    ),
                )
            ]
        )
    return pins[name]


def choose_torch(pin: Pin, cuda: str | None, driver: str | None, capability: str | None) -> TorchPin:
    """Return the torch pair to install.

    `cuda`: the user's wish (`cpu`, `cu124`); None: decide from `driver`, the newest CUDA version that the driver offers (None:
    no NVIDIA GPU), and `capability` of the GPU. Raises EnvironmentFault when no pinned pair fits.
    """
    by_name = {p.cuda: p for p in pin.torch}
    if cuda is not None:
        if cuda in by_name:
            return by_name[cuda]
        raise EnvironmentFault([_unknown_cuda(cuda, ", ".join(by_name))])
    if driver is None:
        return by_name["cpu"]
    fitting = [
        p
        for p in pin.torch
        if p.cuda != "cpu"
        and _numbers(p.driver_min) <= _numbers(driver)
        and _numbers(capability or "0") <= _numbers(p.capability_max)
    ]
    if not fitting:
        raise EnvironmentFault([_no_build(driver, capability)])
    return next((p for p in fitting if p.cuda == RECOMMENDED_CUDA), fitting[-1])


def is_python_fit(pin: Pin, version: tuple[int, ...]) -> bool:
    """Return whether the trainer says it runs on this Python."""
    return _numbers(pin.python_min) <= version[:2] < _numbers(pin.python_below)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _unknown_cuda(cuda: str, known: str) -> Problem:
    return Problem(
        "unknown-cuda",
        Text(f"no torch is pinned for `{cuda}`", f"没有为 `{cuda}` 固定的 torch 版本"),
        fix=Text(f"choose one of: {known}", f"请选择：{known}"),
    )


def _no_build(driver: str, capability: str | None) -> Problem:
    return Problem(
        "no-torch-build",
        Text(
            f"no pinned torch fits this GPU (driver offers CUDA {driver}, compute capability {capability or 'unknown'})",
            f"没有适合此 GPU 的 torch（驱动支持 CUDA {driver}，计算能力 {capability or '未知'}）",
        ),
        fix=Text(
            "update the NVIDIA driver, or choose with `--cuda`, or adopt an environment of your own with `--python`",
            "更新 NVIDIA 驱动，或用 `--cuda` 指定，或用 `--python` 使用自己的环境",
        ),
    )
