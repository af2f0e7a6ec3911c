from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import pytest

from orchestrator.core.errors import EnvironmentFault
from orchestrator.run.installed import pins
from orchestrator.run.installed.pins import read_pin
from orchestrator.run.installed.trainers import find_trainer, verify_trainer
from orchestrator.run.installed.vendor import install
from orchestrator.run.installed.vendor_home import VendorHome, read_state
from tests.run.small_trainer import TRAIN_NETWORK, checkout_of, english, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.text import Text


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        install("fluxgym")
    assert "fluxgym" in caught.value.problems[0].what.en


@pytest.mark.usefixtures("pinned")
def test_a_whole_installation_from_a_bare_mirror_without_a_network(
    upstream: tuple[Path, str, str], home: VendorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    bare, first, _ = upstream
    told: list[Text] = []
    trainer = install("sd-scripts", source=str(bare), cuda="cpu", tell=told.append)
    assert trainer.commit == first
    assert trainer.root == home.checkout
    assert trainer.python == home.python
    assert not trainer.is_modified
    version = subprocess.run(
        [trainer.python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert Path(version.stdout.strip()) == home.venv
    assert find_trainer("sdxl") == trainer
    assert trainer.options_dir is None, "the pinned commit's options are shipped"
    assert verify_trainer(trainer) == ()
    assert "left out: bitsandbytes" in english(told)
    assert "left out: -e ." in english(told)
    state = read_state(home)
    assert state is not None
    assert state.source == str(bare)
    assert not list(home.root.glob(".sd-scripts*")), "no half-made checkout stays"


@pytest.mark.usefixtures("pinned_options")
def test_another_commit_is_told_and_its_options_are_read(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str
) -> None:
    bare, _, second = upstream
    told: list[Text] = []
    trainer = install("sd-scripts", source=str(bare), commit=second, python=sys.executable, tell=told.append)
    assert trainer.commit == second
    assert any(second in line and pinned in line for line in english(told))
    assert "options were read from this source: 1 differ from the pinned commit's" in english(told)
    assert "  train_network: later_option added" in english(told)
    assert (home.options / f"{second}.json").is_file()
    assert find_trainer("sd15").commit == second
    assert find_trainer("sd15").options_dir == home.options


@pytest.mark.usefixtures("pinned_options")
def test_adopted_edits_are_recorded(installed: VendorHome) -> None:
    (installed.checkout / "train_network.py").write_text(TRAIN_NETWORK.replace("0.5", "0.6"))
    told: list[Text] = []
    trainer = install("sd-scripts", python=sys.executable, allow_changes=True, tell=told.append)
    assert trainer.is_modified
    assert find_trainer("sd15").is_modified
    assert verify_trainer(trainer) == ("changed train_network.py",)
    assert "local edit, adopted on purpose: changed train_network.py" in english(told)
    assert any("new_option" in line and "0.6" in line for line in english(told)), "the edited option is told"


@pytest.mark.usefixtures("pinned_options")
def test_what_is_edited_after_an_adoption_was_not_adopted(installed: VendorHome) -> None:
    script = installed.checkout / "train_network.py"
    script.write_text(TRAIN_NETWORK.replace("0.5", "0.6"))
    trainer = install("sd-scripts", python=sys.executable, allow_changes=True)
    for edited, text in ((script, TRAIN_NETWORK.replace("0.5", "0.7")), (installed.checkout / "secret.py", "x")):
        before = edited.read_bytes() if edited.exists() else None
        edited.write_text(text)
        with pytest.raises(EnvironmentFault) as caught:
            verify_trainer(trainer)
        why = caught.value.problems[0].why
        assert why is not None
        assert why.en == f"{'added' if before is None else 'changed'} {edited.name}"
        if before is None:
            edited.unlink()
        else:
            edited.write_bytes(before)
    assert verify_trainer(trainer) == ("changed train_network.py",)


def test_a_clean_checkout_is_moved_to_the_commit_asked_for(
    installed: VendorHome, upstream: tuple[Path, str, str], pinned: str
) -> None:
    bare, _, second = upstream
    git(installed.checkout, "fetch", "-q", str(bare), second)
    git(installed.checkout, "checkout", "-q", "FETCH_HEAD")
    (installed.checkout / "my notes.txt").write_text("stay")
    assert install("sd-scripts", source=str(bare), python=sys.executable).commit == pinned
    assert (installed.checkout / "my notes.txt").read_text() == "stay"


def test_an_own_checkout_is_adopted_and_never_moved(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str, tmp_path: Path
) -> None:
    bare, _, second = upstream
    mine = checkout_of(bare, pinned, VendorHome(tmp_path / "mine"))
    trainer = install("sd-scripts", path=mine, python=sys.executable)
    assert trainer.root == mine
    assert not home.checkout.exists()
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", path=mine, python=sys.executable, commit=second)
    assert caught.value.problems[0].code == "other-commit"


@pytest.mark.usefixtures("home", "pinned")
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("/no/such/mirror.git", "bad-source"),
        ("ext::sh -c touch% canary", "bad-source"),
        ("--upload-pack=x", "bad-source"),
        ("https::x", "bad-source"),
        ("file:///no/such/mirror.git", "cannot-fetch"),
    ],
)
def test_sources_that_cannot_be_read_or_trusted(source: str, code: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", source=source, python=sys.executable)
    assert caught.value.problems[0].code == code


@pytest.mark.usefixtures("home", "pinned")
@pytest.mark.parametrize("commit", ["main", "48d368f", "z" * 40, "--help"])
def test_only_whole_commits_are_taken(upstream: tuple[Path, str, str], commit: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", source=str(upstream[0]), commit=commit, python=sys.executable)
    assert caught.value.problems[0].code == "bad-commit"


def test_a_commit_the_mirror_lacks_leaves_nothing_behind(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str
) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", source=str(upstream[0]), commit="1" * 40, python=sys.executable)
    assert caught.value.problems[0].code == "cannot-fetch"
    assert "1" * 40 in caught.value.problems[0].what.en
    assert not home.checkout.exists()
    assert pinned != "1" * 40
    with pytest.raises(EnvironmentFault) as not_there:
        find_trainer("sd15")
    assert not_there.value.problems[0].code == "trainer-not-installed"


def test_hooks_of_a_repository_are_never_run(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str, tmp_path: Path
) -> None:
    bare, _, second = upstream
    mine = checkout_of(bare, second, VendorHome(tmp_path / "mine"))
    canary = tmp_path / "canary"
    for name in ("post-checkout", "fsmonitor", "post-index-change", "reference-transaction"):
        hook = mine / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{canary}'\n")
        hook.chmod(0o755)
    git(mine, "config", "core.fsmonitor", str(mine / ".git" / "hooks" / "fsmonitor"))
    shutil.copytree(mine, home.checkout, symlinks=True)
    assert install("sd-scripts", source=str(bare), python=sys.executable).commit == pinned
    assert not canary.exists()
    git(home.checkout, "checkout", "-q", second)
    assert canary.exists(), "plain git runs them"


def test_a_wrong_tree_under_the_pinned_commit_is_refused(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = replace(read_pin("sd-scripts"), tree="2" * 40)
    monkeypatch.setattr(pins, "read_pins", lambda: {"sd-scripts": pin})
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", source=str(upstream[0]), python=sys.executable)
    assert caught.value.problems[0].code == "wrong-tree"
    assert read_state(home) is None
    assert pinned == pin.commit


def test_a_folder_that_is_no_checkout_is_refused(home: VendorHome, pinned: str, tmp_path: Path) -> None:  # noqa: ARG001
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", path=tmp_path, python=sys.executable)
    assert caught.value.problems[0].code == "no-checkout"


def test_two_installations_at_once_do_not_mix(home: VendorHome, pinned: str) -> None:  # noqa: ARG001
    home.state.mkdir(parents=True)
    with filelock.FileLock(home.lock), pytest.raises(EnvironmentFault) as caught:
        _in_thread(lambda: install("sd-scripts", python=sys.executable))
    assert caught.value.problems[0].code == "installation-running"


def _in_thread(work: Callable[[], object]) -> None:
    """Run `work` in another thread: a lock of the same thread may be taken twice."""
    errors: list[BaseException] = []

    def call() -> None:
        try:
            work()
        except EnvironmentFault as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    for error in errors:
        raise error


def test_an_interpreter_that_does_not_answer_is_refused(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str
) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        install("sd-scripts", source=str(upstream[0]), python="/bin/false")
    assert caught.value.problems[0].code == "bad-interpreter"
    assert read_state(home) is None
    assert pinned


@pytest.mark.usefixtures("pinned")
def test_a_git_hook_around_the_tool_does_not_redirect_it(
    upstream: tuple[Path, str, str], home: VendorHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, first, second = upstream
    other = checkout_of(bare, second, VendorHome(tmp_path / "the user's own"))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert install("sd-scripts", source=str(bare), python=sys.executable).commit == first
    assert (home.checkout / ".git" / "HEAD").is_file()
    assert git(other, "rev-parse", "HEAD") == second
    assert git(other, "status", "--short") == ""
