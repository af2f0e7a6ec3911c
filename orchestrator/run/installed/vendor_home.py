"""Where trainers live on this machine, and the record of the installed one."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.record import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Mapping

SD_SCRIPTS = "sd-scripts"
ENTRY = "train_network.py"
"""Every checkout of sd-scripts has it."""
HOME_VARIABLE = "LORA_ORCHESTRATOR_HOME"
KIND = "vendor-state"
VERSION = 1


@dataclass(frozen=True, slots=True)
class VendorHome:
    """Paths of one trainer's checkout, environment and state."""

    root: Path
    name: str = SD_SCRIPTS

    @property
    def checkout(self) -> Path:
        """The trainer's source, as fetched by this tool."""
        return self.root / self.name

    @property
    def venv(self) -> Path:
        """The trainer's own environment, as made by this tool."""
        return self.root / f"{self.name}-venv"

    @property
    def python(self) -> Path:
        """Interpreter of that environment."""
        return self.venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def state(self) -> Path:
        """Records of what is installed."""
        return self.root / "state"

    @property
    def record(self) -> Path:
        """Which checkout and which interpreter are in use."""
        return self.state / f"{self.name}.json"

    @property
    def manifest(self) -> Path:
        """Every file of the commit with its git hash."""
        return self.state / f"{self.name}.manifest.json"

    @property
    def seen(self) -> Path:
        """Which of them were hashed at an earlier launch, and how they looked to the system then."""
        return self.state / f"{self.name}.seen.json"

    @property
    def options(self) -> Path:
        """Options read from a commit other than the pinned one: `<commit>.json`."""
        return self.state / "options"

    @property
    def lock(self) -> Path:
        """Held while installing."""
        return self.state / f"{self.name}.lock"

    @property
    def use_lock(self) -> Path:
        """Shared by all runs, held alone while installing."""
        return self.state / f"{self.name}.use.lock"

    @property
    def users(self) -> Path:
        """Who runs: one file for each process, for messages only."""
        return self.state / f"{self.name}.users"


@dataclass(frozen=True, slots=True)
class VendorState:
    """The installed trainer."""

    name: str
    path: Path
    """Checkout."""
    python: Path
    commit: str
    tree: str
    is_modified: bool
    changes: tuple[str, ...]
    """What differed from the commit when it was adopted on purpose."""
    source: str
    """Where the checkout came from: a URL, or `adopted`."""
    cuda: str
    """`cpu`, `cu124` ... or `adopted`."""
    installed_at: str
    """ISO 8601, UTC."""
    package_folders: tuple[str, ...] | None = None
    """Where the interpreter finds its packages, as itself said; None: an older version of this tool did not ask."""
    adopted: Mapping[str, str] | None = None
    """Each of `changes` with git's hash of what stood there then, so that a later edit is not taken for an adopted one."""


def vendor_home(name: str = SD_SCRIPTS) -> VendorHome:
    """Return where trainers live: $LORA_ORCHESTRATOR_HOME, else `vendor/` of the source checkout, else the user's data folder."""
    wanted = os.environ.get(HOME_VARIABLE)
    if wanted:
        return VendorHome(Path(wanted).expanduser().absolute(), name)
    repository = Path(__file__).parents[3]
    if (repository / "vendor" / "pins.toml").is_file() and (repository / "pyproject.toml").is_file():
        return VendorHome(repository / "vendor", name)
    from platformdirs import user_data_path

    return VendorHome(user_data_path("lora-orchestrator", appauthor=False), name)


def write_state(home: VendorHome, state: VendorState) -> None:
    """Record what is installed. Raises OSError."""
    home.state.mkdir(parents=True, exist_ok=True)
    write_record(home.record, KIND, VERSION, asdict(state))


def read_state(home: VendorHome) -> VendorState | None:
    """Return what is installed, None when nothing is. Raises RecordError for a damaged or newer record."""
    if not home.record.is_file():
        return None
    body: dict[str, Any] = read_record(home.record, KIND, VERSION)
    body.pop("record")
    body.pop("version")
    body["changes"] = tuple(body["changes"])
    folders = body.get("package_folders")
    body["package_folders"] = None if folders is None else tuple(folders)
    return VendorState(**{**body, "path": Path(body["path"]), "python": Path(body["python"])})
