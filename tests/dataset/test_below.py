from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator.core.finding import Verdict
from orchestrator.dataset.below import scan_below
from orchestrator.diagnose.facts import subject_folders
from orchestrator.diagnose.rule import Case
from orchestrator.report.dataset_page.model import SeenSet
from orchestrator.report.dataset_page.summary import facts

if TYPE_CHECKING:
    from pathlib import Path


def _folders(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for place in range(number + 1):
            Image.new("RGB", (64, 64), (10 * number, place, 0)).save(root / name / f"{place}.png")


@pytest.mark.parametrize(("apart", "is_reg"), [("val", False), ("reg/1_girl", True)])
def test_a_folder_that_is_none_to_train_on_counts_nowhere_as_one(tmp_path: Path, apart: str, *, is_reg: bool) -> None:
    _folders(tmp_path, "train/10_alice", apart)
    (tmp_path / apart / "0.png").write_bytes((tmp_path / "train/10_alice/0.png").read_bytes())
    found = scan_below(tmp_path)
    assert {(one.is_reg, one.is_held_out) for one in found.folders if not one.is_subject} == {(is_reg, not is_reg)}
    assert found.train_picture_count == 1
    assert len(found.equal_files) == 1
    assert found.copies_in_subject() == ()
    case = Case(dataset=found)
    assert [folder.image_dir.name for folder in subject_folders(case)] == ["10_alice"]
    tiles = dict(facts(SeenSet("set", tmp_path, case, Verdict()), found, "en"))
    assert (tiles["Pictures"], tiles["Regularisation" if is_reg else "Held out"]) == ("1", "2")


def test_a_folder_of_its_own_is_trained_on_whatever_it_is_called(tmp_path: Path) -> None:
    _folders(tmp_path, "val")
    assert [folder.role for folder in scan_below(tmp_path).folders] == ["train"]
