from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Location
from orchestrator.dataset.scan import FolderRequest, scan_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Put = Callable[..., Path]

SECOND = Location("recipe.yaml", 9, 5, "- image_dir: ./set", 4)


def test_a_folder_that_is_named_twice_is_refused_at_the_second_place(tmp_path: Path, put: Put) -> None:
    put("set/a.png", "girl")
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "set")
    for again in (tmp_path / "set", tmp_path / "other" / ".." / "set", tmp_path / "link"):
        (problem,) = scan_dataset([FolderRequest(tmp_path / "set"), FolderRequest(again, where=SECOND)]).problems
        assert (problem.code, problem.where) == ("image-dir-twice", SECOND)
        assert problem.fix is not None
        assert "`num_repeats`" in problem.fix.en


@pytest.mark.parametrize("is_reg", [True, False])
def test_the_subject_cannot_be_its_own_regularisation(tmp_path: Path, put: Put, *, is_reg: bool) -> None:
    put("set/a.png", "girl")
    named = [FolderRequest(tmp_path / "set", is_reg=is_reg), FolderRequest(tmp_path / "set", is_reg=not is_reg)]
    (problem,) = scan_dataset(named).problems
    assert problem.why is not None
    assert "cannot be the subject and" in problem.why.en


def test_equal_pictures_in_two_folders_are_another_matter(tmp_path: Path, put: Put) -> None:
    put("one/a.png", "girl")
    put("two/a.png", "girl")
    assert scan_dataset([FolderRequest(tmp_path / "one"), FolderRequest(tmp_path / "two")]).problems == ()


def test_a_missing_folder_that_is_named_twice_is_missing_and_no_more(tmp_path: Path) -> None:
    found = scan_dataset([FolderRequest(tmp_path / "no"), FolderRequest(tmp_path / "no")])
    assert {problem.code for problem in found.problems} == {"image-dir-missing"}
