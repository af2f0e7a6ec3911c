"""Folders as users have them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Location
from orchestrator.dataset.scan import FolderRequest, scan_dataset, scan_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Put = Callable[..., Path]

WHERE = Location("recipe.yaml", 7, 5)


def test_pictures_with_their_captions_sorted_by_name(tmp_path: Path, put: Put) -> None:
    put("b.png", "second", (100, 50))
    put("a.png", "first")
    put("C.PNG")
    folder = scan_folder(tmp_path)
    assert [p.path.name for p in folder.pictures] == ["C.PNG", "a.png", "b.png"]
    assert [p.caption for p in folder.pictures] == [None, "first", "second"]
    assert (folder.pictures[2].width, folder.pictures[2].height) == (100, 50)
    assert folder.captioned == 2


def test_takes_what_the_trainer_takes(tmp_path: Path, put: Put) -> None:
    for name in (
        "a.png",
        "b.PNG",
        "c.jpg",
        "d.JPEG",
        "e.webp",
        "f.bmp",
        "g.Png",
        "h.gif",
        "i.tiff",
        "j.heic",
        ".hidden.png",
    ):
        put(name)
    (tmp_path / "notes.md").write_text("x")
    folder = scan_folder(tmp_path)
    assert [p.path.name for p in folder.pictures] == ["a.png", "b.PNG", "c.jpg", "d.JPEG", "e.webp", "f.bmp"]
    assert [p.name for p in folder.ignored] == ["g.Png", "h.gif", "i.tiff", "j.heic"]


def test_most_common_caption_extension_is_taken(tmp_path: Path, put: Put) -> None:
    put("a.png", "x", extension=".caption")
    put("b.png", "x", extension=".caption")
    put("c.png", "x")
    folder = scan_folder(tmp_path)
    assert (folder.caption_extension, folder.captioned, folder.other_captions) == (".caption", 2, 1)


@pytest.mark.parametrize("wanted", [".caption", "caption"])
def test_recipes_extension_wins_and_the_other_files_are_counted(tmp_path: Path, put: Put, wanted: str) -> None:
    put("a.png", "x")
    folder = scan_folder(tmp_path, wanted)
    assert (folder.caption_extension, folder.captioned, folder.other_captions) == (".caption", 0, 1)


def test_txt_where_there_are_no_captions(tmp_path: Path, put: Put) -> None:
    put("a.png")
    assert scan_folder(tmp_path).caption_extension == ".txt"


def test_captions_without_pictures(tmp_path: Path, put: Put) -> None:
    put("a.png", "x")
    put("face_1_2_3_4.png")
    for name in ("gone.txt", "face.txt", "README.txt", "old.caption"):
        (tmp_path / name).write_text("x")
    folder = scan_folder(tmp_path)
    assert [p.name for p in folder.orphan_captions] == ["gone.txt", "old.caption"]


def test_two_pictures_of_one_stem_share_a_caption(tmp_path: Path, put: Put) -> None:
    put("a.png", "x")
    put("a.webp")
    folder = scan_folder(tmp_path)
    assert folder.shared_stems == ("a",)
    assert [p.caption for p in folder.pictures] == ["x", "x"]


def test_nested_folders_are_told_and_not_read(tmp_path: Path, put: Put) -> None:
    put("a.png")
    put("sub/b.png")
    put("sub/deep/c.png")
    put("sub/deep/d.png")
    put(".thumbnails/e.png")
    (tmp_path / "empty").mkdir()
    folder = scan_folder(tmp_path)
    assert len(folder.pictures) == 1
    assert folder.nested == ((tmp_path / "sub", 1), (tmp_path / "sub" / "deep", 2))


def test_link_that_leads_back_does_not_loop(tmp_path: Path, put: Put) -> None:
    put("a.png")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert scan_folder(tmp_path).nested == ()


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names there")
def test_things_with_the_name_of_a_picture(tmp_path: Path, put: Put) -> None:
    put("a.png", "x")
    (tmp_path / "b.png").mkdir()
    os.mkfifo(tmp_path / "c.png")
    (tmp_path / "d.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "e.png").symlink_to(tmp_path / "e.png")
    (tmp_path / "f.png").write_bytes(b"")
    (tmp_path / "g.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "g.txt").mkdir()
    problems = {p.path.name: p.problem for p in scan_folder(tmp_path).pictures}
    assert problems == {
        "a.png": "", "b.png": "not-a-file", "c.png": "not-a-file", "d.png": "broken-link", "e.png": "broken-link",
        "f.png": "empty-file", "g.png": "",
    }  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_read_only_folder_is_fine(tmp_path: Path, put: Put) -> None:
    put("set/a.png", "x")
    (tmp_path / "set").chmod(0o555)
    try:
        assert scan_folder(tmp_path / "set").captioned == 1
    finally:
        (tmp_path / "set").chmod(0o755)


def test_names_of_all_kinds(tmp_path: Path, put: Put) -> None:
    for name in ("初音ミク.png", 'say "hi".png', "a b.png", "it's.png", "emoji 🏆.png"):
        put(name, name)
    folder = scan_folder(tmp_path)
    assert folder.captioned == 5
    assert all(p.caption == p.path.name for p in folder.pictures)


def _code(folder: Path) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        scan_folder(folder, where=WHERE)
    (problem,) = caught.value.problems
    assert problem.where == WHERE
    return problem.code, problem.fix.en if problem.fix else ""


def test_missing_folder_names_the_nearest(tmp_path: Path, put: Put) -> None:
    put("alice/a.png")
    code, fix = _code(tmp_path / "alise")
    assert code == "image-dir-missing"
    assert str(tmp_path / "alice") in fix


def test_missing_folder_without_a_near_one(tmp_path: Path) -> None:
    assert _code(tmp_path / "nowhere" / "x")[0] == "image-dir-missing"


def test_file_instead_of_a_folder(tmp_path: Path, put: Put) -> None:
    code, fix = _code(put("alice/a.png"))
    assert code == "image-dir-not-a-folder"
    assert str(tmp_path / "alice") in fix


def test_parent_of_trainer_folders_names_them(tmp_path: Path, put: Put) -> None:
    put("10_alice girl/a.png")
    put("3_style/b.png")
    put("7_empty/notes.md.txt.x")
    code, fix = _code(tmp_path)
    assert code == "image-dir-is-parent"
    assert f"{tmp_path / '10_alice girl'}, num_repeats: 10, class_tokens: alice girl" in fix
    assert "3_style" in fix
    assert "7_empty" not in fix


def test_folder_without_anything_is_an_empty_folder(tmp_path: Path) -> None:
    assert scan_folder(tmp_path).pictures == ()


def test_all_bad_folders_are_told_at_once(tmp_path: Path, put: Put) -> None:
    put("a/a.png")
    dataset = scan_dataset([FolderRequest(tmp_path / n) for n in ("x", "a", "y")])
    assert [p.code for p in dataset.problems] == ["image-dir-missing"] * 2
    assert [f.is_unread for f in dataset.folders] == [True, False, True]
    assert not dataset.is_whole
    assert dataset.train_picture_count == 1


def test_a_folder_that_nobody_could_name_is_no_problem_of_its_own(tmp_path: Path, put: Put) -> None:
    put("a/a.png")
    dataset = scan_dataset([None, FolderRequest(tmp_path / "a")])
    assert dataset.problems == ()
    assert [f.is_unread for f in dataset.folders] == [True, False]


def test_dataset_counts_without_regularisation(tmp_path: Path, put: Put) -> None:
    put("a/a.png")
    put("r/a.png")
    dataset = scan_dataset([FolderRequest(tmp_path / "a"), FolderRequest(tmp_path / "r", is_reg=True)])
    assert dataset.train_picture_count == 1
    assert dataset.not_looked_at == ("pixels",)


def test_scan_leaves_the_heavy_libraries_alone(tmp_path: Path, put: Put) -> None:
    import subprocess

    put("a.png", "x")
    code = (
        "import sys; from pathlib import Path; from orchestrator.dataset.scan import scan_folder; "
        "scan_folder(Path(sys.argv[1])); print([m for m in ('torch', 'numpy', 'PIL', 'git') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
