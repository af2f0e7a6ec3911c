"""Packages that only some recipes need: optimizers, attention and networks that sd-scripts imports when they are asked for.

Read at commit 48d368fa557731ad0488c07304dfeba8c07910eb: `library/train_util.py` (get_optimizer, replace_unet_modules). Its
requirements.txt names most of them, but an environment that is adopted, or made for a CPU, need not have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.backends.protocol import Need
from orchestrator.backends.sd_scripts.effects import EFFECTIVE
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.sd_scripts.settings import Settings


@dataclass(frozen=True, slots=True)
class Package:
    """One optional package."""

    name: str
    """As pip knows it."""
    used_by: Text
    """What asks for it, for people."""


OPTIONAL: Mapping[str, Package] = {
    "bitsandbytes": Package(
        "bitsandbytes",
        Text("8-bit and paged optimizers (`AdamW8bit`, the presets' own)", "8 位与分页优化器（预设所用的 `AdamW8bit`）"),
    ),
    "prodigyopt": Package("prodigyopt", same("`Prodigy`")),
    "dadaptation": Package("dadaptation", same("`DAdaptation`, `DAdaptAdam` ...")),
    "lion_pytorch": Package("lion-pytorch", same("`Lion`")),
    "schedulefree": Package("schedulefree", same("`AdamWScheduleFree`, `RAdamScheduleFree`, `SGDScheduleFree`")),
    "prodigyplus": Package("prodigy-plus-schedule-free", same("`prodigyplus.ProdigyPlusScheduleFree`")),
    "pytorch_optimizer": Package("pytorch-optimizer", same("`pytorch_optimizer.*`")),
    "came_pytorch": Package("came-pytorch", same("`came_pytorch.CAME`")),
    "lycoris": Package("lycoris-lora", Text("LyCORIS networks (`lycoris.kohya`)", "LyCORIS 网络（`lycoris.kohya`）")),
    "xformers": Package("xformers", Text("`attention: xformers` (`sdpa` is as good)", "`attention: xformers`（`sdpa` 同样好）")),
}  # fmt: skip
"""Module that the trainer imports -> its package."""

_PLAIN = {
    "adamw8bit": "AdamW", "pagedadamw": "AdamW", "pagedadamw8bit": "AdamW", "pagedadamw32bit": "AdamW",
    "sgdnesterov8bit": "SGDNesterov",
}  # fmt: skip
"""Optimizers of bitsandbytes -> the same one of torch: the same learning rate fits."""


def optimizer_modules(name: str) -> tuple[str, ...]:
    """Return the optional modules that the trainer imports for an `optimizer_type`, in its order."""
    lower = name.lower()
    found: list[str] = []
    if lower == "lion":
        found.append("lion_pytorch")
    elif lower.endswith("8bit") or lower in _PLAIN:
        found.append("bitsandbytes")
    elif lower.startswith("dadapt"):
        found.append("dadaptation")
    elif lower == "prodigy":
        found.append("prodigyopt")
    elif lower.endswith("schedulefree"):
        found.append("schedulefree")
    package = lower.partition(".")[0] if "." in lower else ""
    if package in OPTIONAL and package not in found:
        found.append(package)
    return tuple(found)


def same_of_torch(optimizer: str) -> str | None:
    """Return torch's own optimizer that does the same with the same learning rate, None where there is none."""
    return _PLAIN.get(optimizer.lower())


def needs(settings: Settings) -> tuple[Need, ...]:
    """Return the optional packages that a run needs, each with what asks for it."""
    return (*_for_optimizer(settings), *_for_network(settings), *_for_attention(settings))


def _for_optimizer(settings: Settings) -> tuple[Need, ...]:
    name = settings.text("optimizer_type") or settings.optimizer
    plain = same_of_torch(name)
    instead = (
        Text(f"write `optimizer_type: {plain}`", f"写 `optimizer_type: {plain}`")
        if plain is not None
        else Text(
            "write `optimizer_type: AdamW` with learning rates for it",
            "写 `optimizer_type: AdamW` 并给出适合它的学习率",
        )
    )
    where = settings.where("optimizer_type", "use_8bit_adam", "use_lion_optimizer")
    asks = f"`optimizer_type: {name}`"
    return tuple(Need(OPTIONAL[module].name, asks, instead, where) for module in optimizer_modules(name))


def _for_network(settings: Settings) -> tuple[Need, ...]:
    module = settings.text("network_module")
    package = OPTIONAL.get(module.partition(".")[0])
    if package is None:
        return ()
    instead = Text("leave out `network_module`", "去掉 `network_module`")
    return (Need(package.name, f"`network_module: {module}`", instead, settings.where("network_module")),)


def _for_attention(settings: Settings) -> tuple[Need, ...]:
    if not settings.get("xformers") or settings.family not in EFFECTIVE["xformers"]:
        return ()
    instead = Text("write `attention: sdpa`", "写 `attention: sdpa`")
    return (Need(OPTIONAL["xformers"].name, "`attention: xformers`", instead, settings.where("xformers")),)
