"""The verbs on captions take one folder; of a folder of folders they say which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator.core.errors import InputError
from orchestrator.dataset.captioned import scan_captioned

if TYPE_CHECKING:
    from pathlib import Path


def _picture(folder: Path) -> None:
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    (folder / "a.txt").write_text("smile", encoding="utf-8")


def _refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        scan_captioned(folder)
    (problem,) = caught.value.problems
    assert problem.code == "pictures-only-below"
    assert problem.fix is not None
    return problem.fix.en


def test_a_folder_of_folders_is_refused_with_those_to_name(tmp_path: Path) -> None:
    _picture(tmp_path / "wrap" / "10_bob")
    assert _refusal(tmp_path / "wrap") == f"name it: `{tmp_path / 'wrap' / '10_bob'}`"
    _picture(tmp_path / "valset" / "train" / "10_alice")
    _picture(tmp_path / "valset" / "val")
    fix = _refusal(tmp_path / "valset")
    assert fix.startswith("name one of them: ")
    assert str(tmp_path / "valset" / "train" / "10_alice") in fix
    assert str(tmp_path / "valset" / "val") in fix


def test_a_folder_with_pictures_and_an_empty_one_are_read(tmp_path: Path) -> None:
    _picture(tmp_path / "set")
    _picture(tmp_path / "set" / "more")
    assert len(scan_captioned(tmp_path / "set").pictures) == 1
    (tmp_path / "empty").mkdir()
    assert scan_captioned(tmp_path / "empty").pictures == ()
