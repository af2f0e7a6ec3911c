from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import Need, Trainer
from orchestrator.core.finding import Location
from orchestrator.core.text import Text
from orchestrator.run.installed.packages import canonical, look_for, packages_in
from orchestrator.run.installed.vendor import install
from orchestrator.run.installed.vendor_home import VendorHome, VendorState, read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON = Path("/envs/my trainer/bin/python")
TRAINER = Trainer("sd-scripts", PYTHON, Path("/src"), "4" * 40)
WHERE = Location("a.yaml", 3, 3, "  optimizer_type: AdamW8bit")
NEED = Need("bitsandbytes", "`optimizer_type: AdamW8bit`", Text("write `x: A`", "写 `x: A`"), WHERE)
OTHER = Need("Lion_PyTorch", "`optimizer_type: Lion`", Text("write `x: B`", "写 `x: B`"))


@pytest.fixture
def record(home: VendorHome, tmp_path: Path) -> Callable[[tuple[str, ...] | None], Path]:
    """Return a function that records where the trainer's packages lie, and returns a folder for them."""
    folder = tmp_path / "site-packages"
    folder.mkdir()

    def write(folders: tuple[str, ...] | None) -> Path:
        state = VendorState(
            "sd-scripts", TRAINER.root, PYTHON, "4" * 40, "5" * 40, False, (), "adopted", "adopted", "2026-01-01", folders  # noqa: FBT003
        )  # fmt: skip
        write_state(home, state)
        return folder

    return write


def test_packages_are_read_from_the_names_of_their_metadata(tmp_path: Path) -> None:
    for name in ("lion_pytorch-0.2.3.dist-info", "Prodigy.Opt-1.1.egg-info", "old-1.0-py3.11.egg-info", "torch"):
        (tmp_path / name).mkdir()
    assert packages_in([str(tmp_path)]) == frozenset({"lion-pytorch", "prodigy-opt", "old"})
    assert canonical("Lion_PyTorch") == "lion-pytorch"


def test_a_missing_package_is_a_fault_with_its_command(record: Callable[[tuple[str, ...] | None], Path]) -> None:
    folder = record(None)
    record((str(folder),))
    fault, unseen = look_for([NEED, OTHER], TRAINER)
    assert unseen == ()
    assert fault is not None
    assert fault.what.en.endswith(
        "lacks bitsandbytes (`optimizer_type: AdamW8bit`) and Lion_PyTorch (`optimizer_type: Lion`)"
    )
    assert fault.fix is not None
    assert "'/envs/my trainer/bin/python' -m pip install bitsandbytes Lion_PyTorch" in fault.fix.en
    assert "write `x: A` and write `x: B`" in fault.fix.en
    assert fault.where == WHERE


def test_a_package_installed_later_counts(record: Callable[[tuple[str, ...] | None], Path]) -> None:
    folder = record(None)
    record((str(folder),))
    assert look_for([NEED], TRAINER)[0] is not None
    (folder / "bitsandbytes-0.45.dist-info").mkdir()
    (folder / "lion_pytorch-0.2.3.dist-info").mkdir()
    assert look_for([NEED, OTHER], TRAINER) == (None, ())


@pytest.mark.parametrize(
    "folders", [None, ("/no/such/site-packages",)], ids=["older record", "another Python moved in"]
)
def test_what_was_not_looked_at_is_said_and_refuses_nothing(
    folders: tuple[str, ...] | None, record: Callable[[tuple[str, ...] | None], Path]
) -> None:
    record(folders)
    fault, (unseen,) = look_for([NEED], TRAINER)
    assert fault is None
    assert "bitsandbytes (`optimizer_type: AdamW8bit`)" in unseen.en
    assert unseen.zh.startswith("未检查")


@pytest.mark.usefixtures("home")
def test_a_recipe_that_needs_nothing_reads_nothing() -> None:
    assert look_for([], replace(TRAINER, name="pocket")) == (None, ())


@pytest.mark.usefixtures("pinned")
def test_an_adopted_interpreter_tells_where_its_packages_lie(upstream: tuple[Path, str, str], home: VendorHome) -> None:
    told: list[Text] = []
    install("sd-scripts", source=str(upstream[0]), python=sys.executable, tell=told.append)
    state = read_state(home)
    assert state is not None
    assert state.package_folders
    found = packages_in(state.package_folders)
    assert found is not None
    assert "pytest" in found
    if "bitsandbytes" not in found:
        assert any("bitsandbytes" in line.en and "pip install NAME" in line.en for line in told)
