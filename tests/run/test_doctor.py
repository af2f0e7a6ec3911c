from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import orchestrator
from orchestrator.backends.protocol import Trainer
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same
from orchestrator.run.installed import doctor
from orchestrator.run.installed.doctor import Check, examine
from orchestrator.run.installed.pins import read_pin
from orchestrator.run.installed.probe import ask_driver_cuda, ask_gpus, ask_interpreter
from orchestrator.run.installed.trainers import missing_pocket_packages

if TYPE_CHECKING:
    from collections.abc import Callable

SMI = """#!/bin/sh
case "$*" in
  *query-gpu*) echo "NVIDIA GeForce RTX 4090, 24564, 550.54.14, 8.9"; echo "NVIDIA A100, [N/A], 550.54.14, [N/A]" ;;
  *) echo "| NVIDIA-SMI 550.54.14    Driver Version: 550.54.14    CUDA Version: 12.4     |" ;;
esac
"""
TORCH = """
__version__ = "{version}"
class version: cuda = {cuda}
class _Properties: name, total_memory, major, minor = "NVIDIA GeForce RTX 4090", 24564 * 2**20, 8, 9
class cuda:
    is_available = staticmethod(lambda: {available})
    get_device_properties = staticmethod(lambda index: _Properties)
"""


@pytest.fixture
def install_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program `nvidia-smi` on the PATH."""

    def install(program: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / "nvidia-smi"
        path.write_text(program)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return install


@pytest.fixture
def no_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.fixture
def fake_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give every new interpreter a torch of our own and the packages named."""

    def make(*names: str, version: str = "2.6.0+cu124", cuda: str | None = "12.4", available: bool = True) -> None:
        folder = tmp_path / "packages"
        folder.mkdir()
        (folder / "torch.py").write_text(TORCH.format(version=version, cuda=repr(cuda), available=available))
        for name in names:
            (folder / f"{name}-1.5.dist-info").mkdir()
            (folder / f"{name}-1.5.dist-info" / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n"
            )
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return make


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Pretend that the pinned commit is installed with this interpreter."""
    made = Trainer("sd-scripts", Path(sys.executable), tmp_path, read_pin("sd-scripts").commit)
    monkeypatch.setattr(doctor, "find_trainer", lambda _family: made)
    monkeypatch.setattr(doctor, "verify_trainer", lambda _trainer: ())
    return made


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name.en: check for check in checks}


def test_what_the_driver_says(install_smi: Callable[[str], None]) -> None:
    install_smi(SMI)
    first, second = ask_gpus()
    assert (first.name, first.memory_mib, first.driver, first.capability) == (
        "NVIDIA GeForce RTX 4090",
        24564,
        "550.54.14",
        "8.9",
    )
    assert (second.memory_mib, second.capability) == (None, None)
    assert ask_driver_cuda() == "12.4"


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 9\n", "#!/bin/sh\necho NVIDIA-SMI has failed\n", "not a program"])
def test_a_driver_that_does_not_answer_is_no_gpu(install_smi: Callable[[str], None], program: str) -> None:
    install_smi(program)
    assert ask_gpus() == ()
    assert ask_driver_cuda() is None


@pytest.mark.usefixtures("no_smi")
@pytest.mark.parametrize(("missing", "status"), [((), "warn"), (("torch",), "bad")])
def test_without_sd_scripts_pocket_still_trains(
    missing: tuple[str, ...], status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(doctor, "missing_pocket_packages", lambda: missing)
    check = by_name(examine(tmp_path))["sd-scripts"]
    assert (check.status, check.value.en) == (status, "not installed")
    assert check.fix is not None


@pytest.mark.usefixtures("no_smi")
def test_a_machine_without_gpu_and_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    checks = by_name(examine(tmp_path / "runs" / "not yet"))
    assert checks["lora-run"].value.en == orchestrator.__version__
    assert sys.executable in checks["python"].value.en
    assert checks["gpu"].value.en == "no NVIDIA GPU seen"
    assert checks["sd-scripts"].status == ("bad" if missing_pocket_packages() else "warn")
    assert checks["sd-scripts"].value.en == "not installed"
    assert "lora-run vendor install sd-scripts" in str(checks["sd-scripts"].fix)
    assert str(tmp_path) in checks["free disk"].value.en
    assert not (tmp_path / "runs").exists(), "a look changes nothing"
    assert all(check.fix is not None for check in checks.values() if check.status != "ok")


@pytest.mark.usefixtures("trainer")
def test_a_machine_with_everything(install_smi: Callable[[str], None], fake_packages: Callable[..., None]) -> None:
    install_smi(SMI)
    fake_packages("accelerate", "bitsandbytes", "xformers")
    checks = by_name(examine())
    assert checks["gpu 0"].value.en == "NVIDIA GeForce RTX 4090, 24564 MiB, compute capability 8.9"
    assert checks["gpu driver"].value.en == "550.54.14, offers CUDA 12.4"
    assert checks["trainer torch"] == Check(Text("trainer torch", "训练器的 torch"), same("2.6.0+cu124"))
    assert checks["trainer cuda"].value.en == "CUDA 12.4, NVIDIA GeForce RTX 4090, 24564 MiB"
    assert checks["accelerate"] == Check(same("accelerate"), same("1.5"))
    assert checks["bitsandbytes"] == Check(same("bitsandbytes"), same("1.5"))
    assert checks["sd-scripts"].status == "ok"
    assert "the pinned commit, clean" in checks["sd-scripts"].value.en


@pytest.mark.usefixtures("trainer", "no_smi")
def test_optional_packages_that_are_not_there_are_a_note_with_a_command(fake_packages: Callable[..., None]) -> None:
    fake_packages("accelerate", "Lion_PyTorch")
    checks = by_name(examine())
    assert checks["lion-pytorch"] == Check(same("lion-pytorch"), same("1.5"))
    for name in ("bitsandbytes", "prodigyopt", "dadaptation", "schedulefree", "lycoris-lora", "xformers"):
        check = checks[name]
        if check.status != "ok":  # this interpreter may have it
            assert (check.status, check.value.en) == ("note", "not installed")
            assert f"{sys.executable} -m pip install {name}" in str(check.fix)
    assert checks["dadaptation"].status == "note"


@pytest.mark.usefixtures("trainer")
def test_a_gpu_without_bitsandbytes_is_to_be_looked_at(
    install_smi: Callable[[str], None], fake_packages: Callable[..., None]
) -> None:
    install_smi(SMI)
    fake_packages("accelerate")
    assert by_name(examine())["bitsandbytes"].status == "warn"


@pytest.mark.usefixtures("trainer")
def test_a_torch_that_does_not_see_the_gpu(
    install_smi: Callable[[str], None], fake_packages: Callable[..., None]
) -> None:
    install_smi(SMI)
    fake_packages(version="2.6.0+cpu", cuda=None, available=False)
    checks = by_name(examine())
    assert checks["trainer cuda"].status == "bad"
    assert "--cuda" in str(checks["trainer cuda"].fix)
    assert checks["accelerate"].status in {"ok", "bad"}


@pytest.mark.usefixtures("trainer", "no_smi")
def test_an_old_torch_is_bad(fake_packages: Callable[..., None]) -> None:
    fake_packages(version="2.4.1")
    assert by_name(examine())["trainer torch"].status == "bad"


@pytest.mark.usefixtures("trainer", "no_smi")
def test_a_torch_that_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = by_name(examine())["trainer torch"]
    assert check.status == "bad"
    assert "libcudart" in check.value.en


@pytest.mark.usefixtures("no_smi")
def test_an_interpreter_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    sleeper.chmod(0o755)
    with pytest.raises(EnvironmentFault) as caught:
        ask_interpreter(sleeper, imports_torch=False, timeout_s=0.2)
    assert "timed out" in str(caught.value.problems[0].why)
    made = Trainer("sd-scripts", sleeper, tmp_path, "0" * 40)
    monkeypatch.setattr(doctor, "find_trainer", lambda _family: made)
    monkeypatch.setattr(doctor, "verify_trainer", lambda _trainer: ())
    checks = by_name(examine(timeout_s=0.2))
    assert checks["trainer python"].status == "bad"
    assert "not the pinned commit" in checks["sd-scripts"].value.en


@pytest.mark.usefixtures("trainer", "no_smi")
def test_local_edits_are_told(fake_packages: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    fake_packages()
    monkeypatch.setattr(doctor, "verify_trainer", lambda _trainer: ("changed train_network.py",))
    check = by_name(examine())["sd-scripts"]
    assert check.status == "warn"
    assert "changed train_network.py" in check.value.en

    def refuse(_trainer: Trainer) -> tuple[str, ...]:
        raise EnvironmentFault([Problem("trainer-modified", same("x"), why=same("changed a.py"), fix=same("undo"))])

    monkeypatch.setattr(doctor, "verify_trainer", refuse)
    check = by_name(examine())["sd-scripts"]
    assert check.status == "bad"
    assert "changed a.py" in check.value.en


@pytest.mark.usefixtures("no_smi")
@pytest.mark.parametrize(("free_gib", "status"), [(1, "bad"), (10, "warn"), (100, "ok")])
def test_space_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: int, status: str) -> None:
    usage = namedtuple("usage", "total used free available")  # noqa: PYI024 - as psutil and shutil give
    numbers = usage(200 * 2**30, 0, free_gib * 2**30, free_gib * 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: numbers)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: numbers)
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path))
    checks = by_name(examine(tmp_path))
    assert checks["free disk"].status == status
    assert checks["free memory"].status == status
    assert checks["free memory"].value.en == f"{free_gib}.0 of 200.0 GiB"
