"""A whole run of the verb on an adopted trainer that tells everything it knows, and then fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.run.installed.manifest import write_manifest
from orchestrator.run.installed.pins import read_pin
from orchestrator.run.installed.vendor_home import VendorHome, VendorState, write_state

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).parents[2]
TRAINER = f"""#!{sys.executable} -S
import os, pathlib, sys
print("steps:   0%|          | 0/300 [00:00<?, ?it/s]")
print("arguments", sys.argv)
print("environment", dict(os.environ))
secrets = [os.environ[name] for name in os.environ if name.endswith(("TOKEN", "KEY")) and len(os.environ[name]) > 8]
lines = [file.read_bytes() for file in pathlib.Path("/proc").glob("[0-9]*/cmdline") if os.access(file, os.R_OK)]
print("in a command line:", sum(secret.encode() in line for secret in secrets for line in lines), "of", len(lines) > 0)
for name in secrets:
    print(f"subprocess.CalledProcessError: Command '['python', '--token', '{{name}}', '--x=https://me:{{name}}@host/']' returned 1")
pathlib.Path("attempts/001/output/left.txt").write_text("written by the trainer")
sys.exit(1)
"""


def adopt_trainer(home: Path, folder: Path) -> None:
    """Adopt a checkout of the pinned commit whose interpreter is `TRAINER`."""
    pin, source, packages = read_pin("sd-scripts"), folder / "sd-scripts", folder / "site-packages"
    (source / ".git").mkdir(parents=True)
    (source / ".git" / "HEAD").write_text(f"{pin.commit}\n")
    (source / "train_network.py").write_text("")
    packages.mkdir()
    python = folder / "python"
    python.write_text(TRAINER)
    python.chmod(0o755)
    found = VendorHome(home)
    write_manifest(found.manifest, {"train_network.py": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"})
    state = VendorState(
        "sd-scripts", source, python, pin.commit, pin.tree, is_modified=False, changes=(), source="adopted", cuda="adopted",
        installed_at="2026-01-01", package_folders=(str(packages),),
    )  # fmt: skip
    write_state(found, state)


def lora_run(
    *arguments: str, cwd: Path, umask: int = -1, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the verb as a user does."""
    inherited: Mapping[str, str] = {k: v for k, v in os.environ.items() if "TOKEN" not in k and "KEY" not in k}
    return subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", *arguments],
        cwd=cwd, capture_output=True, check=False, text=True, timeout=120, umask=umask,
        env={**inherited, "PYTHONPATH": str(REPOSITORY), "LANG": "en", **(environment or {})},
    )  # fmt: skip
