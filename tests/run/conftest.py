from __future__ import annotations

import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends import argspec
from orchestrator.backends.protocol import Command
from orchestrator.core.rundir import RunDir
from orchestrator.run.installed import pins
from orchestrator.run.installed.pins import read_pin
from orchestrator.run.installed.vendor import install
from orchestrator.run.installed.vendor_home import VendorHome, vendor_home
from tests.run.small_trainer import TRAIN_NETWORK, checkout_of, commit_all, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def rundir(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "runs" / "fake-001")
    made.output.mkdir(parents=True)
    made.logs.mkdir()
    return made


@pytest.fixture
def fake_trainer(rundir: RunDir) -> Callable[[str], Command]:
    """Return a function that turns a small program into the command that runs it, started as quickly as Python can."""

    def make(program: str) -> Command:
        script = rundir.root / "fake_trainer.py"
        script.write_text("import os, sys, time, signal\n" + textwrap.dedent(program), encoding="utf-8")
        return Command((sys.executable, "-S", "-E", "-u", str(script)), {"PYTHONUTF8": "1"})

    return make


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Return a bare repository with a small trainer, its first commit (the pin) and its second one."""
    work = tmp_path_factory.mktemp("upstream") / "work"
    (work / "library").mkdir(parents=True)
    git(work, "init", "-q", "-b", "main")
    (work / "train_network.py").write_text(TRAIN_NETWORK)
    (work / "library" / "__init__.py").write_text("")
    (work / "requirements.txt").write_text("# nothing\n-e .\nbitsandbytes\n")
    (work / ".gitignore").write_text("logs\nsecret.py\n")
    first = commit_all(work, "one")
    (work / "train_network.py").write_text(
        TRAIN_NETWORK.replace(
            "    return", '    parser.add_argument("--later_option", type=str, default=None)\n    return'
        )
    )
    second = commit_all(work, "two")
    bare = work.parent / "mirror.git"
    git(work, "clone", "-q", "--bare", ".", str(bare))
    return bare, first, second


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VendorHome:
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "vendor home"))
    return vendor_home()


@pytest.fixture
def pinned(upstream: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the small trainer's first commit the pin."""
    bare, first, _ = upstream
    tree = git(bare, "rev-parse", f"{first}^{{tree}}")
    pin = replace(read_pin("sd-scripts"), url=str(bare), commit=first, tree=tree)
    monkeypatch.setattr(pins, "read_pins", lambda: {"sd-scripts": pin})
    return first


@pytest.fixture
def pinned_options(
    upstream: tuple[Path, str, str], pinned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ship the options of the small trainer instead of the real one's."""
    source = checkout_of(upstream[0], pinned, VendorHome(tmp_path / "for options"))
    argspec.save_options(source, pinned, tmp_path / "pin-options")
    monkeypatch.setattr(argspec, "SHIPPED_FOLDER", tmp_path / "pin-options")
    monkeypatch.setattr(argspec, "ENTRIES", ("train_network",))


@pytest.fixture
def installed(upstream: tuple[Path, str, str], home: VendorHome, pinned: str) -> VendorHome:  # noqa: ARG001
    install("sd-scripts", source=str(upstream[0]), python=sys.executable)
    return home
