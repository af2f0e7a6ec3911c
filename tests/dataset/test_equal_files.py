from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from orchestrator.dataset import equal_files
from orchestrator.dataset.scan import FolderRequest, scan_dataset

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _picture(path: Path, colour: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (96, 96), (colour, 20, 30)).save(path, "BMP")
    return path


def test_copies_in_all_folders_are_found_and_others_of_the_same_size_are_not(tmp_path: Path) -> None:
    first, other = _picture(tmp_path / "a" / "1.bmp", 10), _picture(tmp_path / "a" / "2.bmp", 11)
    copy = _picture(tmp_path / "b" / "9.bmp", 10)
    assert first.stat().st_size == other.stat().st_size
    found = scan_dataset([FolderRequest(tmp_path / "a"), FolderRequest(tmp_path / "b")])
    assert found.equal_files == ((first, copy),)


def test_a_difference_in_the_middle_is_seen(tmp_path: Path) -> None:
    first, second = _picture(tmp_path / "1.bmp", 10), _picture(tmp_path / "2.bmp", 10)
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    assert scan_dataset([FolderRequest(tmp_path)]).equal_files == ()
    second.write_bytes(first.read_bytes())
    assert scan_dataset([FolderRequest(tmp_path)]).equal_files == ((first, second),)


def test_regularisation_pictures_count_but_are_none_of_the_subject(tmp_path: Path) -> None:
    first, other = _picture(tmp_path / "a" / "1.bmp", 10), _picture(tmp_path / "reg" / "1.bmp", 10)
    requests = [FolderRequest(tmp_path / "a"), FolderRequest(tmp_path / "reg", is_reg=True)]
    found = scan_dataset(requests)
    assert found.equal_files == ((first, other),)
    assert found.copies_in_subject() == ()


def test_files_of_different_sizes_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(tmp_path / "1.bmp", 10)
    Image.new("RGB", (64, 64)).save(tmp_path / "2.bmp")
    opened: list[Path] = []
    monkeypatch.setattr(equal_files, "_ends", lambda _size, path: opened.append(path))
    scan_dataset([FolderRequest(tmp_path)])
    assert opened == []


def test_no_more_than_the_budget_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(tmp_path / "1.bmp", 10)
    _picture(tmp_path / "2.bmp", 10)
    monkeypatch.setattr(equal_files, "BUDGET", 1000)
    assert scan_dataset([FolderRequest(tmp_path)]).equal_files == ()
