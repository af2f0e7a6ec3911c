from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import pytest
import tomlkit

from orchestrator.backends import argspec
from orchestrator.core.errors import EnvironmentFault
from orchestrator.run import pins, trainers
from orchestrator.run.environment import adopt_interpreter, index_options, split_requirements
from orchestrator.run.manifest import find_changes
from orchestrator.run.pins import choose_torch, is_python_fit, pins_path, read_pin, read_pins
from orchestrator.run.trainers import find_trainer, pinned_trainer, verify_trainer
from orchestrator.run.vendor import install
from orchestrator.run.vendor_home import VendorHome, read_state, vendor_home

if TYPE_CHECKING:
    from collections.abc import Callable

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


@pytest.fixture(scope="module")
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


def add_package(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_the_shipped_pin_is_whole() -> None:
    pin = read_pins()["sd-scripts"]
    assert len(pin.commit) == len(pin.tree) == 40
    assert pin.url.startswith("https://")
    assert pin.licence == "Apache-2.0"
    assert [p.cuda for p in pin.torch if p.was_run] == ["cpu"]
    assert pins_path().name == "pins.toml"


def test_an_installed_package_finds_its_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "orchestrator"
    (package / "shipped").mkdir(parents=True)
    monkeypatch.setattr(pins, "__file__", str(package / "run" / "pins.py"))
    assert pins_path() == package / "shipped" / "pins.toml"


@pytest.mark.parametrize(
    ("driver", "capability", "chosen"),
    [
        (None, None, "cpu"),
        ("12.8", "8.9", "cu124"),
        ("12.2", "8.6", "cu118"),
        ("12.8", "12.0", "cu128"),
        ("13.0", None, "cu124"),
    ],
)
def test_torch_is_chosen_by_driver_and_gpu(driver: str | None, capability: str | None, chosen: str) -> None:
    assert choose_torch(read_pin("sd-scripts"), None, driver, capability).cuda == chosen


@pytest.mark.parametrize(
    ("cuda", "driver", "capability"), [("cu999", None, None), (None, "11.0", "8.6"), (None, "12.6", "12.0")]
)
def test_no_fitting_torch_is_an_error(cuda: str | None, driver: str | None, capability: str | None) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        choose_torch(read_pin("sd-scripts"), cuda, driver, capability)
    assert caught.value.problems[0].fix is not None


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        install("fluxgym")
    assert "fluxgym" in caught.value.problems[0].what.en


def test_pythons_the_trainer_runs_on() -> None:
    pin = read_pin("sd-scripts")
    assert is_python_fit(pin, (3, 10, 0))
    assert is_python_fit(pin, (3, 12, 9))
    assert not is_python_fit(pin, (3, 9, 9))
    assert not is_python_fit(pin, (3, 13, 0))


@pytest.mark.usefixtures("pinned")
def test_a_whole_installation_from_a_bare_mirror_without_a_network(
    upstream: tuple[Path, str, str], home: VendorHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    bare, first, _ = upstream
    told: list[str] = []
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
    assert "left out: bitsandbytes" in told
    assert "left out: -e ." in told
    state = read_state(home)
    assert state is not None
    assert state.source == str(bare)
    assert not list(home.root.glob(".sd-scripts*")), "no half-made checkout stays"


@pytest.fixture
def pinned_options(
    upstream: tuple[Path, str, str], pinned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ship the options of the small trainer instead of the real one's."""
    source = _checkout_of(upstream[0], pinned, VendorHome(tmp_path / "for options"))
    argspec.save_options(source, pinned, tmp_path / "pin-options")
    monkeypatch.setattr(argspec, "SHIPPED_FOLDER", tmp_path / "pin-options")
    monkeypatch.setattr(argspec, "ENTRIES", ("train_network",))


@pytest.mark.usefixtures("pinned_options")
def test_another_commit_is_told_and_its_options_are_read(
    upstream: tuple[Path, str, str], home: VendorHome, pinned: str
) -> None:
    bare, _, second = upstream
    told: list[str] = []
    trainer = install("sd-scripts", source=str(bare), commit=second, python=sys.executable, tell=told.append)
    assert trainer.commit == second
    assert any(second in line and pinned in line for line in told)
    assert "options were read from this source: 1 differ from the pinned commit's" in told
    assert "  train_network: later_option added" in told
    assert (home.options / f"{second}.json").is_file()
    assert find_trainer("sd15").commit == second
    assert find_trainer("sd15").options_dir == home.options


def _checkout_of(bare: Path, commit: str, home: VendorHome) -> Path:
    path = home.root / "other"
    path.mkdir(parents=True)
    git(path, "init", "-q")
    git(path, "fetch", "-q", str(bare), commit)
    git(path, "checkout", "-q", "FETCH_HEAD")
    return path


@pytest.fixture
def installed(upstream: tuple[Path, str, str], home: VendorHome, pinned: str) -> VendorHome:  # noqa: ARG001
    install("sd-scripts", source=str(upstream[0]), python=sys.executable)
    return home


def test_local_edits_are_refused_unless_adopted(installed: VendorHome) -> None:
    trainer = find_trainer("flux")
    (installed.checkout / "train_network.py").write_text(TRAIN_NETWORK.replace("0.5", "0.6"))
    with pytest.raises(EnvironmentFault) as caught:
        verify_trainer(trainer)
    why = caught.value.problems[0].why
    assert why is not None
    assert why.en == "changed train_network.py"
    with pytest.raises(EnvironmentFault):
        install("sd-scripts", python=sys.executable)
    assert "0.6" in (installed.checkout / "train_network.py").read_text(), "the user's edit stays"


@pytest.mark.usefixtures("pinned_options")
def test_adopted_edits_are_recorded(installed: VendorHome) -> None:
    (installed.checkout / "train_network.py").write_text(TRAIN_NETWORK.replace("0.5", "0.6"))
    told: list[str] = []
    trainer = install("sd-scripts", python=sys.executable, allow_changes=True, tell=told.append)
    assert trainer.is_modified
    assert find_trainer("sd15").is_modified
    assert verify_trainer(trainer) == ("changed train_network.py",)
    assert "local edit, adopted on purpose: changed train_network.py" in told
    assert any("new_option" in line and "0.6" in line for line in told), "the edited option is told"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("sitecustomize.py", True),
        ("library/extra.so", True),
        ("secret.py", True),
        ("transformers/__init__.py", True),
        ("logs/a.txt", False),
        ("my pictures/a.png", False),
        ("venv/lib/x.py", False),
        ("library/__pycache__/a.pyc", False),
    ],
)
def test_added_files_count_where_python_could_load_them(installed: VendorHome, name: str, counts: bool) -> None:
    path = installed.checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    state = read_state(installed)
    assert state is not None
    if counts:
        with pytest.raises(EnvironmentFault) as caught:
            verify_trainer(find_trainer("sd15"))
        assert name in str(caught.value.problems[0].why)
    else:
        assert verify_trainer(find_trainer("sd15")) == ()


def test_git_cannot_be_told_to_look_away(installed: VendorHome) -> None:
    git(installed.checkout, "update-index", "--skip-worktree", "train_network.py")
    (installed.checkout / "train_network.py").write_text("edited")
    assert git(installed.checkout, "status", "--short") == ""
    with pytest.raises(EnvironmentFault):
        verify_trainer(find_trainer("sd15"))


def test_line_ends_alone_are_no_edit(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x\r\ny\r\n")
    assert find_changes(tmp_path, {"a.py": "2e7bd31086f6f69dcde40a0dca52bd2b64a2e6d8"}) == ("changed a.py",)
    blob = (
        subprocess.run(["git", "hash-object", "--stdin"], input=b"x\ny\n", capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )
    assert find_changes(tmp_path, {"a.py": blob}) == ()


def test_a_moved_checkout_is_told(installed: VendorHome, upstream: tuple[Path, str, str]) -> None:
    bare, _, second = upstream
    git(installed.checkout, "fetch", "-q", str(bare), second)
    git(installed.checkout, "checkout", "-q", "FETCH_HEAD")
    with pytest.raises(EnvironmentFault) as caught:
        find_trainer("sd15")
    assert second in caught.value.problems[0].what.en


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
    mine = _checkout_of(bare, pinned, VendorHome(tmp_path / "mine"))
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
    mine = _checkout_of(bare, second, VendorHome(tmp_path / "mine"))
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


def test_missing_packages_of_an_adopted_environment_are_named_and_other_versions_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "packages"
    for name, version in (("torch", "2.13.0+cpu"), ("torchvision", "0.28.0"), ("Some_Pkg", "1.0")):
        add_package(packages, name, version)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    told: list[str] = []
    adopt_interpreter(Path(sys.executable), "torch==2.13.0\nsome-pkg==2.0\nbitsandbytes\n", told.append)
    assert told == ["some-pkg is 1.0, the trainer asks for 2.0"]
    with pytest.raises(EnvironmentFault) as caught:
        adopt_interpreter(Path(sys.executable), "lion-pytorch==0.2.3\n", told.append)
    assert "lion-pytorch" in caught.value.problems[0].what.en


def test_requirements_leave_out_the_trainer_itself_and_gpu_packages() -> None:
    text = "accelerate==1.6.0\ndiffusers[torch]==0.32.1\n# comment\nbitsandbytes\n-e .\n\n"
    assert split_requirements(text, is_cpu=True) == (
        ["accelerate==1.6.0", "diffusers[torch]==0.32.1"],
        ["bitsandbytes", "-e ."],
    )
    assert split_requirements(text, is_cpu=False)[1] == ["-e ."]


def test_where_torch_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = read_pin("sd-scripts").torch[0]
    for name in ("PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS", "TORCH_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    told: list[str] = []
    assert index_options(torch, told.append) == ["--index-url", torch.index_url]
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    assert index_options(torch, told.append) == []
    assert "PIP_FIND_LINKS" in told[-1]
    monkeypatch.setenv("TORCH_INDEX_URL", "https://user:canary@example.org/cpu")
    assert index_options(torch, told.append) == ["--index-url", "https://user:canary@example.org/cpu"]
    assert "canary" not in told[-1]


def test_pocket_is_found_where_its_packages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainers, "POCKET_PACKAGES", ("json",))
    trainer = find_trainer("pocket")
    assert trainer.python == Path(sys.executable)
    assert (trainer.root / "train_network.py").is_file()
    assert verify_trainer(trainer) == ()


def test_one_thread_as_the_trainer_documents_it() -> None:
    assert (
        pinned_trainer("sdxl").num_cpu_threads_per_process == pinned_trainer("pocket").num_cpu_threads_per_process == 1
    )


def test_pocket_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainers, "POCKET_PACKAGES", ("json", "no_such_package_here"))
    with pytest.raises(EnvironmentFault) as caught:
        find_trainer("pocket")
    assert "no_such_package_here" in caught.value.problems[0].what.en
    assert "json" not in caught.value.problems[0].what.en
    assert str(caught.value.problems[0].fix) == 'pip install "lora-orchestrator[pocket]"'


def test_the_pinned_trainer_is_known_without_an_installation(home: VendorHome) -> None:
    trainer = pinned_trainer("flux")
    assert trainer.name == "sd-scripts"
    assert trainer.commit == read_pin("sd-scripts").commit
    assert trainer.root == home.checkout
    assert trainer.python == home.python
    assert pinned_trainer("pocket").name == "pocket"


def test_the_pins_read_the_same_with_another_reader() -> None:
    content = tomlkit.parse(pins_path().read_text(encoding="utf-8")).unwrap()
    pin = read_pin("sd-scripts")
    assert content["sd-scripts"]["commit"] == pin.commit
    assert [t["index_url"] for t in content["sd-scripts"]["torch"]] == [t.index_url for t in pin.torch]


@pytest.mark.usefixtures("home")
def test_no_other_trainer_stands_in_for_sd_scripts() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        find_trainer("sdxl")
    assert "sdxl" in caught.value.problems[0].what.en
    assert "lora-run vendor install sd-scripts" in str(caught.value.problems[0].fix)


def test_a_trainer_that_has_gone_is_told(installed: VendorHome) -> None:
    shutil.rmtree(installed.checkout)
    with pytest.raises(EnvironmentFault) as caught:
        find_trainer("sd15")
    assert caught.value.problems[0].code == "trainer-gone"


@pytest.mark.parametrize(
    "text", ["{", '{"record": "vendor-state", "version": 99}', '{"record": "vendor-state", "version": 1}']
)
def test_a_damaged_record_says_how_to_mend_it(installed: VendorHome, text: str) -> None:
    installed.record.write_text(text)
    with pytest.raises(EnvironmentFault) as caught:
        find_trainer("sd15")
    assert "vendor install" in str(caught.value.problems[0].fix)
    assert install("sd-scripts", python=sys.executable) == find_trainer("sd15")


def test_a_lost_manifest_forbids_a_launch(installed: VendorHome) -> None:
    installed.manifest.unlink()
    with pytest.raises(EnvironmentFault):
        verify_trainer(find_trainer("sd15"))


@pytest.mark.usefixtures("pinned")
def test_a_git_hook_around_the_tool_does_not_redirect_it(
    upstream: tuple[Path, str, str], home: VendorHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, first, second = upstream
    other = _checkout_of(bare, second, VendorHome(tmp_path / "the user's own"))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert install("sd-scripts", source=str(bare), python=sys.executable).commit == first
    assert (home.checkout / ".git" / "HEAD").is_file()
    assert git(other, "rev-parse", "HEAD") == second
    assert git(other, "status", "--short") == ""


def test_finding_a_trainer_imports_neither_git_nor_torch(installed: VendorHome) -> None:
    program = (
        "import sys; from orchestrator.run.trainers import find_trainer, pinned_trainer, verify_trainer; verify_trainer(find_trainer('sd15'));"
        "print([m for m in ('git', 'torch', 'filelock', 'tomlkit', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "LORA_ORCHESTRATOR_HOME": str(installed.root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
