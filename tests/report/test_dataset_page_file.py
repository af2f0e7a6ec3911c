"""Where the page of a data set is written, and that nothing else is touched."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.core.errors import InputError
from orchestrator.report.dataset_page.output import page_file, write_page
from tests.dataset.pixels.conftest import draw_scene


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of four pictures; the working directory is the one above."""
    place = tmp_path / "alice"
    place.mkdir()
    for number in range(4):
        draw_scene(number, (120, 150)).save(place / f"{number}.png")
        (place / f"{number}.txt").write_text("zxqchara, smile", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    return place


def _refused(*arguments: object, **named: bool) -> str:
    with pytest.raises(InputError) as caught:
        page_file(*arguments, **named)  # type: ignore[arg-type]
    return caught.value.problems[0].code


def test_the_page_lies_in_the_working_directory_and_is_called_after_the_set(folder: Path) -> None:
    assert page_file(Path("alice"), None).path == Path("alice-dataset.html")
    (folder.parent / "bob.yaml").write_text("x", encoding="utf-8")
    assert page_file(Path("bob.yaml"), None).path == Path("bob-dataset.html")


def test_nothing_lands_among_the_pictures_unless_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "deep").mkdir()
    for place in (folder, folder / "deep"):
        monkeypatch.chdir(place)
        assert _refused(folder, None) == "page-among-pictures"
        assert page_file(folder, Path("here.html")).path == Path("here.html")
    with pytest.raises(InputError):  # a recipe whose pictures lie here: known only once it was read
        write_page(page_file(Path("alice.yaml"), None), "x", [folder])
    assert not list(folder.rglob("*.html"))


def test_only_an_earlier_page_of_the_same_set_is_replaced(folder: Path) -> None:
    file = page_file(folder, None)
    write_page(file, f'<meta name="generator" content="{file.mark}">first', [folder])
    write_page(page_file(folder, None), "second", [folder])
    assert file.path.read_text(encoding="utf-8") == "second"
    assert _refused(folder, None) == "file-exists"  # no page of ours any more
    assert page_file(folder, None, is_forced=True).path == file.path
    file.path.write_text(f'<meta name="generator" content="{page_file(Path("other"), None).mark}">', encoding="utf-8")
    assert _refused(folder, None) == "file-exists"


def test_a_link_is_never_followed(folder: Path) -> None:
    mine = folder.parent / "mine.txt"
    mark = page_file(folder, None).mark
    mine.write_text(f'<meta name="generator" content="{mark}">', encoding="utf-8")
    link = folder.parent / "page.html"
    link.symlink_to(mine)
    assert _refused(folder, Path("page.html")) == "file-exists"
    write_page(page_file(folder, Path("page.html"), is_forced=True), "new", [folder])
    assert mine.read_text(encoding="utf-8").startswith("<meta")
    assert link.read_text(encoding="utf-8") == "new"


def test_a_name_that_is_no_page_is_refused_even_by_force(folder: Path) -> None:
    assert _refused(folder, folder / "1.png", is_forced=True) == "not-a-page"
    assert _refused(folder, Path("nowhere/page.html")) == "no-folder"
    Path("page.html").mkdir()
    assert _refused(folder, Path("page.html"), is_forced=True) == "file-exists"


def test_the_verb_writes_one_file_and_touches_no_picture(folder: Path) -> None:
    def digests() -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    before = digests()
    asked = ["dataset", "report", "alice", "--kind", "style", "--resolution", "512", "--lang", "en"]
    told = CliRunner().invoke(cli, [*asked, "--format", "json"], standalone_mode=False)
    assert told.exception is None, told.output
    body = json.loads(told.output)
    assert (body["file"], body["images_shown"], body["exit_code"]) == ("alice-dataset.html", 4, told.return_value)
    page = (folder.parent / "alice-dataset.html").read_text(encoding="utf-8")
    assert page.count("<image id=") == 4
    again = CliRunner().invoke(cli, asked, standalone_mode=False)
    assert again.return_value == told.return_value
    assert "4 pictures with 4 captions" in again.output
    assert "page: alice-dataset.html (4 of 4 pictures shown)" in again.output
    assert digests() == before
    assert sorted(os.listdir(folder.parent)) == ["alice", "alice-dataset.html", "home"]  # noqa: PTH208
