from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomlkit

from orchestrator.core.errors import EnvironmentFault
from orchestrator.run.installed import pins, trainers
from orchestrator.run.installed.environment import adopt_interpreter, index_options, split_requirements
from orchestrator.run.installed.manifest import find_changes
from orchestrator.run.installed.pins import choose_torch, is_python_fit, pins_path, read_pin, read_pins
from orchestrator.run.installed.trainers import find_trainer, pinned_trainer, verify_trainer
from orchestrator.run.installed.vendor import install
from orchestrator.run.installed.vendor_home import VendorHome, read_state
from tests.run.small_trainer import TRAIN_NETWORK, english, git

if TYPE_CHECKING:
    from orchestrator.core.text import Text


def test_the_shipped_pin_is_whole() -> None:
    pin = read_pins()["sd-scripts"]
    assert len(pin.commit) == len(pin.tree) == 40
    assert pin.url.startswith("https://")
    assert pin.licence == "Apache-2.0"
    assert [p.cuda for p in pin.torch if p.was_run] == ["cpu"]
    assert pins_path().name == "pins.toml"
    readme = {p.cuda: (p.torch, p.torchvision) for p in pin.torch if p.cuda in ("cu124", "cu128")}
    assert readme == {"cu124": ("2.6.0", "0.21.0"), "cu128": ("2.8.0", "0.23.0")}, "as the trainer's README says"
    assert all(p.index_url.endswith(f"/{p.cuda}") for p in pin.torch)


def test_an_installed_package_finds_its_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "orchestrator"
    (package / "shipped").mkdir(parents=True)
    monkeypatch.setattr(pins, "__file__", str(package / "run" / "installed" / "pins.py"))
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


def test_pythons_the_trainer_runs_on() -> None:
    pin = read_pin("sd-scripts")
    assert is_python_fit(pin, (3, 10, 0))
    assert is_python_fit(pin, (3, 12, 9))
    assert not is_python_fit(pin, (3, 9, 9))
    assert not is_python_fit(pin, (3, 13, 0))


def test_the_pins_read_the_same_with_another_reader() -> None:
    content = tomlkit.parse(pins_path().read_text(encoding="utf-8")).unwrap()
    pin = read_pin("sd-scripts")
    assert content["sd-scripts"]["commit"] == pin.commit
    assert [t["index_url"] for t in content["sd-scripts"]["torch"]] == [t.index_url for t in pin.torch]


def add_package(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_missing_packages_of_an_adopted_environment_are_named_and_other_versions_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "packages"
    for name, version in (("torch", "2.13.0+cpu"), ("torchvision", "0.28.0"), ("Some_Pkg", "1.0")):
        add_package(packages, name, version)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    told: list[Text] = []
    adopt_interpreter(Path(sys.executable), "torch==2.13.0\nsome-pkg==2.0\nbitsandbytes\n", told.append)
    assert english(told) == ["some-pkg is 1.0, the trainer asks for 2.0"]
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
    told: list[Text] = []
    assert index_options(torch, told.append) == ["--index-url", torch.index_url]
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    assert index_options(torch, told.append) == []
    assert "PIP_FIND_LINKS" in told[-1].en
    monkeypatch.setenv("TORCH_INDEX_URL", "https://user:canary@example.org/cpu")
    assert index_options(torch, told.append) == ["--index-url", "https://user:canary@example.org/cpu"]
    assert "canary" not in told[-1].en


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
    assert str(caught.value.problems[0].fix) == "pip install '.[pocket]'  (in the checkout of this project)"


def test_the_pinned_trainer_is_known_without_an_installation(home: VendorHome) -> None:
    trainer = pinned_trainer("flux")
    assert trainer.name == "sd-scripts"
    assert trainer.commit == read_pin("sd-scripts").commit
    assert trainer.root == home.checkout
    assert trainer.python == home.python
    assert pinned_trainer("pocket").name == "pocket"


@pytest.mark.usefixtures("home")
def test_no_other_trainer_stands_in_for_sd_scripts() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        find_trainer("sdxl")
    assert "sdxl" in caught.value.problems[0].what.en
    assert "lora-run vendor install sd-scripts" in str(caught.value.problems[0].fix)


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


def test_finding_a_trainer_imports_neither_git_nor_torch(installed: VendorHome) -> None:
    program = (
        "import sys; from orchestrator.run.installed.trainers import find_trainer, pinned_trainer, verify_trainer; verify_trainer(find_trainer('sd15'));"
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
