"""What each family is to sd-scripts: entry script, network modules, bucket divisor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """One family at the pinned commit."""

    entry: str
    """Entry script without `.py`."""
    network_modules: tuple[str, ...]
    """Modules that fit its layers, the usual one first."""
    bucket_divisor: int
    """`bucket_reso_steps` must be a multiple of it."""


_UNET_MODULES = ("networks.lora", "networks.lora_fa", "networks.dylora", "networks.oft", "lycoris.kohya")

FAMILIES: Mapping[str, FamilyFacts] = {
    "sd15": FamilyFacts("train_network", _UNET_MODULES, 64),
    "sd2": FamilyFacts("train_network", _UNET_MODULES, 64),
    "sdxl": FamilyFacts("sdxl_train_network", _UNET_MODULES, 32),
    "sd3": FamilyFacts("sd3_train_network", ("networks.lora_sd3", "lycoris.kohya"), 32),
    "flux": FamilyFacts(
        "flux_train_network",
        ("networks.lora_flux", "networks.oft_flux", "lycoris.kohya"),
        64,
    ),
}
