"""A repository with a trainer of a few lines, for tests that fetch, adopt and compare one."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Text
    from orchestrator.run.installed.vendor_home import VendorHome

TRAIN_NETWORK = """
import argparse
def setup_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--network_dim", type=int, default=None, help="rank")
    parser.add_argument("--new_option", type=float, default=0.5, help="x")
    return parser
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git apart from the user's configuration and from any git hook this test may run under."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.strip()


def commit_all(folder: Path, message: str) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def checkout_of(bare: Path, commit: str, home: VendorHome) -> Path:
    path = home.root / "other"
    path.mkdir(parents=True)
    git(path, "init", "-q")
    git(path, "fetch", "-q", str(bare), commit)
    git(path, "checkout", "-q", "FETCH_HEAD")
    return path


def english(told: list[Text]) -> list[str]:
    """Return what was told, in one language."""
    return [text.en for text in told]
