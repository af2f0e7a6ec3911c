"""Which versions trained: read from the trainer's own environment, not from the one this tool happens to run in."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.backends.protocol import Trainer

LIBRARIES = ("torch", "accelerate", "diffusers", "transformers", "peft", "bitsandbytes", "xformers", "prodigyopt")


def versions(trainer: Trainer | None) -> dict[str, str]:
    """Return Python and platform of this tool and the libraries of the trainer's environment, without starting it.

    Where the trainer is unknown, or its interpreter has no environment of its own, the libraries are unknown and left out.
    """
    found = {"Python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    if trainer is None:
        return found
    folders = None if str(trainer.python) == sys.executable else _site_packages(trainer.python)
    return {**found, **_libraries(folders)}


def _site_packages(python: Path) -> list[str]:
    # `python` is a link in most environments: its own place names the environment, its target does not.
    root = python.parent.parent
    return [
        str(folder) for pattern in ("lib/python*/site-packages", "Lib/site-packages") for folder in root.glob(pattern)
    ]


def _libraries(folders: Iterable[str] | None) -> dict[str, str]:
    listed = distributions() if folders is None else distributions(path=list(folders))
    known = {str(one.metadata["Name"]).lower(): one.version for one in listed if one.metadata["Name"]}
    return {name: known[name] for name in LIBRARIES if name in known}
