"""The trainer's source changed behind the tool's back: refused with 4, naming the file, in little time."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault
from orchestrator.run.installed.manifest import blob_hash, write_manifest
from orchestrator.run.installed.trainers import find_trainer, verify_trainer
from orchestrator.run.installed.vendor_home import VendorHome
from tests.hostile.fake_run import adopt_trainer, lora_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]
    Spoil = Callable[[Path], None]

FILES = {
    "train_network.py": b"import library\n",
    "library/__init__.py": b"",
    "library/train_util.py": b"a = 1\nb = 2\n",
}


def flip(source: Path) -> None:
    path = source / "train_network.py"
    path.write_bytes(bytes((path.read_bytes()[0] ^ 1,)) + path.read_bytes()[1:])


def flip_and_set_the_clock_back(source: Path) -> None:
    before = (source / "library" / "train_util.py").stat()
    (source / "library" / "train_util.py").write_bytes(b"a = 1\nb = 3\n")
    os.utime(source / "library" / "train_util.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def add(name: str, content: bytes = b"x = 1\n") -> Spoil:
    def spoil(source: Path) -> None:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)

    return spoil


def replace_by_a_link(source: Path) -> None:
    (source.parent / "evil.py").write_bytes(b"evil = 1\n")
    (source / "train_network.py").unlink()
    (source / "train_network.py").symlink_to(source.parent / "evil.py")


def move_head(source: Path) -> None:
    (source / ".git" / "HEAD").write_text("0" * 40 + "\n")


CHANGES: dict[str, tuple[Spoil, str]] = {
    "one bit": (flip, "changed train_network.py"),
    "a byte, and the clock set back": (flip_and_set_the_clock_back, "changed library/train_util.py"),
    "a module beside the others": (add("library/evil.py"), "added library/evil.py"),
    "sitecustomize": (add("sitecustomize.py"), "added sitecustomize.py"),
    "a package that hides another": (add("accelerate/__init__.py"), "added accelerate/__init__.py"),
    "a compiled module": (add("torch.so"), "added torch.so"),
    "a file taken away": (lambda source: (source / "library" / "__init__.py").unlink(), "absent library/__init__.py"),
    "a link in a file's place": (replace_by_a_link, "changed train_network.py"),
    "another commit": (move_head, "0" * 40),
}
HARMLESS: dict[str, Spoil] = {
    "line ends of Windows": add("library/train_util.py", b"a = 1\r\nb = 2\r\n"),
    "a branch and a tag more": add(".git/refs/heads/evil", b"1" * 40),
    "a picture and a text": add("notes.md"),
}
RELIABILITY = {
    "T15": f"{len(CHANGES)} changes of the vendored tree refused, {len(HARMLESS)} that run nothing let pass",
    "I10": f"{len(CHANGES)} changes: exit 4 naming the file",
}


@pytest.fixture
def source(home: Path, tmp_path: Path) -> Path:
    adopt_trainer(home, tmp_path / "trainer")
    place = tmp_path / "trainer" / "sd-scripts"
    for name, content in FILES.items():
        add(name, content)(place)
    write_manifest(VendorHome(home).manifest, {name: blob_hash(content) for name, content in FILES.items()})
    assert verify_trainer(find_trainer("sd15")) == ()
    return place


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_refused_by_its_name(source: Path, change: str) -> None:
    spoil, told = CHANGES[change]
    spoil(source)
    begin = time.process_time()
    with pytest.raises(EnvironmentFault) as caught:
        verify_trainer(find_trainer("sd15"))
    assert time.process_time() - begin < 1
    assert caught.value.exit_code == 4
    (problem,) = caught.value.problems
    assert told in f"{problem.what.en} {problem.why.en if problem.why else ''}"


@pytest.mark.parametrize("change", HARMLESS)
def test_what_changes_nothing_that_runs_is_let_pass(source: Path, change: str) -> None:
    HARMLESS[change](source)
    assert verify_trainer(find_trainer("sd15")) == ()


def test_the_verb_ends_with_4_before_anything_is_made(recipe: Write, source: Path, tmp_path: Path) -> None:
    flip(source)
    done = lora_run(recipe().name, cwd=tmp_path)
    assert done.returncode == 4
    assert "changed train_network.py" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_git_of_a_foreign_checkout_is_not_asked(source: Path) -> None:
    """Its configuration could name programs to start; the files are hashed here instead."""
    canary = source.parent / "canary"
    (source / ".git" / "config").write_text(f"[core]\n\tfsmonitor = touch {canary}\n\thooksPath = {source}\n")
    assert verify_trainer(find_trainer("sd15")) == ()
    assert not canary.exists()
