"""Captions are written once, whole, and never over what somebody wrote, unless that was asked for."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.caption_models.caption import CaptionOptions, caption_folder, run_captioner
from orchestrator.dataset.caption_models.existing import captioned, write_atomically
from orchestrator.dataset.caption_models.unfinished import NAME
from orchestrator.dataset.caption_models.wd14 import TaggerOptions, open_tagger
from orchestrator.dataset.scan import scan_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.dataset.caption_models.result import CaptionResult

    Make = Callable[..., Path]

RED = "red theme, hatsune miku, simple background, ^_^"


class Killed(BaseException):
    """Stands for a process that ends without a word."""


@pytest.fixture
def options(make_tagger: Make) -> CaptionOptions:
    return CaptionOptions(model=str(make_tagger()), batch_size=2)


def run(tmp_path: Path, options: CaptionOptions, **how: object) -> CaptionResult:
    return caption_folder(scan_folder(tmp_path / "pictures"), options, **how)  # type: ignore[arg-type]


def texts(tmp_path: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted((tmp_path / "pictures").glob("*.txt"))}


def test_each_picture_without_a_caption_gets_one(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    for name in ("a.png", "b.jpg", "c.webp"):
        paint(name)
    told: list[tuple[int, int]] = []
    result = run(tmp_path, options, progress=lambda *at: told.append(at))
    assert texts(tmp_path) == dict.fromkeys("abc", RED + "\n")
    assert told == [(2, 3), (3, 3)]
    assert (result.model, result.device) == ("tagger", "cpu")
    assert [one.picture.name for one in result.written] == ["a.png", "b.jpg", "c.webp"]
    assert not list((tmp_path / "pictures").glob(".*"))


def test_what_is_there_stays(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.png", caption="mine")
    paint("b.png", caption=b"\xff\xfe\x00")
    paint("c.png", caption="\n\nbelow")
    paint("d.png")
    result = run(tmp_path, options)
    assert [path.name for path in result.kept] == ["a.png", "b.png", "c.png"]
    assert (tmp_path / "pictures/a.txt").read_text() == "mine"
    assert (tmp_path / "pictures/b.txt").read_bytes() == b"\xff\xfe\x00"
    assert (tmp_path / "pictures/c.txt").read_text() == "\n\nbelow"


def test_an_empty_caption_is_none(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    """The trainer dies at it, so nobody means it."""
    paint("a.png", caption="")
    paint("b.png", caption=" \n")
    run(tmp_path, options)
    assert texts(tmp_path) == {"a": RED + "\n", "b": RED + "\n"}


def test_nothing_to_do_opens_no_model(tmp_path: Path, paint: Make) -> None:
    paint("a.png", caption="mine")
    result = run(tmp_path, CaptionOptions(model="nobody/nothing"))
    assert (result.model, len(result.kept)) == ("", 1)


def test_a_model_that_cannot_be_is_refused_though_nothing_is_to_do(tmp_path: Path, paint: Make) -> None:
    paint("a.png", caption="mine")
    with pytest.raises(InputError):
        run(tmp_path, CaptionOptions(model=str(tmp_path / "nomodel")))


def test_the_trigger_stands_first_and_once(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.png")
    paint("b.png", caption="1girl, Hatsune_Miku")
    run(tmp_path, replace(options, trigger="hatsune miku", existing="append"))
    assert texts(tmp_path) == {
        "a": "hatsune miku, red theme, simple background, ^_^\n",
        "b": "hatsune miku, 1girl, red theme, simple background, ^_^",
    }


def test_replace_takes_the_whole_file(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.png", caption=b"\xff\xfe\nmore")
    os.chmod(tmp_path / "pictures/a.txt", 0o640)  # noqa: PTH101
    run(tmp_path, replace(options, existing="replace"))
    assert texts(tmp_path) == {"a": RED + "\n"}
    assert (tmp_path / "pictures/a.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one, two", b"one, two, three"),
        (b"\xef\xbb\xbfone\r\nnote\r\n", b"\xef\xbb\xbfone, two, three\r\nnote\r\n"),
        (b"one,Three, two\n", b"one,Three, two\n"),
        (b"", b"two, three\n"),
        (None, b"two, three\n"),
    ],
)
def test_append_changes_the_line_the_trainer_reads_and_no_other(before: bytes | None, after: bytes) -> None:
    assert captioned(before, ("two", "three"), "append") == after


def test_a_sentence_is_appended_once() -> None:
    sentence = ("a girl, seen from behind",)
    once = captioned(b"1girl", sentence, "append")
    assert once == b"1girl, a girl, seen from behind"
    assert captioned(once, sentence, "append") == once


def test_bad_pictures_are_told_and_the_others_captioned(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.png")
    paint("b.png").write_bytes(b"no picture")
    whole = paint("c.jpg", size=(400, 400)).read_bytes()
    (tmp_path / "pictures/c.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pictures/d.png").mkdir()
    paint("e.png").with_suffix(".txt").symlink_to(tmp_path / "elsewhere.txt")
    result = run(tmp_path, options)
    assert [one.picture.name for one in result.written] == ["a.png"]
    assert sorted(one.picture.name for one in result.failed) == ["b.png", "c.jpg", "d.png", "e.png"]
    assert not (tmp_path / "elsewhere.txt").exists()


def test_pictures_that_share_a_caption_are_told(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.jpg")
    paint("a.png", "blue")
    result = run(tmp_path, options)
    assert [one.picture.name for one in result.failed] == ["a.png"]
    assert texts(tmp_path) == {"a": RED + "\n"}


def test_unsure_of_everything_writes_nothing(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.png")
    strict = replace(options, tagger=TaggerOptions(general_above=1.5, character_above=1.5))
    assert [path.name for path in run(tmp_path, strict).silent] == ["a.png"]
    assert texts(tmp_path) == {}
    run(tmp_path, replace(strict, trigger="ohwx"))
    assert texts(tmp_path) == {"a": "ohwx\n"}


def test_dry_run_writes_nothing(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    paint("a.png", caption="mine")
    result = run(tmp_path, replace(options, existing="append", dry_run=True))
    assert [one.after.decode() for one in result.written] == [f"mine, {RED}"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["a.png", "a.txt"]


@pytest.mark.parametrize("existing", ["skip", "append", "replace"])
def test_a_killed_run_loses_a_batch_at_most(
    tmp_path: Path, paint: Make, options: CaptionOptions, existing: str
) -> None:
    caption = None if existing == "skip" else "mine"
    for letter in "abcde":
        paint(f"{letter}.png", caption=caption)
    options = replace(options, existing=existing)  # type: ignore[arg-type]

    def dies_at_d(path: Path, before: bytes | None, after: bytes) -> None:
        if path.stem == "d":
            raise Killed
        write_atomically(path, before, after)

    with pytest.raises(Killed):
        run(tmp_path, options, write_caption=dies_at_d)
    written: list[str] = []

    def counts(path: Path, before: bytes | None, after: bytes) -> None:
        written.append(path.stem)
        write_atomically(path, before, after)

    result = run(tmp_path, options, write_caption=counts)
    # c was written but not noted, its batch having died: it is described again, which changes nothing
    assert written == ["d", "e"]
    assert len(result.resumed) == (0 if existing == "skip" else 2)
    assert set(texts(tmp_path).values()) == {f"mine, {RED}" if existing == "append" else RED + "\n"}
    assert not (tmp_path / "pictures" / NAME).exists()


def test_other_settings_begin_anew(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    for letter in "abc":
        paint(f"{letter}.png", caption="mine")
    options = replace(options, existing="replace")

    def dies_at_c(path: Path, before: bytes | None, after: bytes) -> None:
        if path.stem == "c":
            raise Killed
        write_atomically(path, before, after)

    with pytest.raises(Killed):
        run(tmp_path, options, write_caption=dies_at_c)
    assert len(run(tmp_path, replace(options, dry_run=True)).resumed) == 0
    assert len(run(tmp_path, replace(options, trigger="ohwx")).written) == 3


def test_a_caption_that_was_changed_since_is_not_done(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    for letter in "abc":
        paint(f"{letter}.png", caption="mine")
    options = replace(options, existing="replace")

    def dies_at_c(path: Path, before: bytes | None, after: bytes) -> None:
        if path.stem == "c":
            raise Killed
        write_atomically(path, before, after)

    with pytest.raises(Killed):
        run(tmp_path, options, write_caption=dies_at_c)
    (tmp_path / "pictures/a.txt").write_text("changed")
    journal = tmp_path / "pictures" / NAME
    journal.write_bytes(journal.read_bytes() + b'["b.txt", "cut')
    result = run(tmp_path, options)
    assert [path.name for path in result.resumed] == ["b.png"]
    assert [one.picture.name for one in result.written] == ["a.png", "c.png"]


def test_a_caption_that_cannot_be_written_ends_the_run(tmp_path: Path, paint: Make, options: CaptionOptions) -> None:
    for letter in "ab":
        paint(f"{letter}.png")

    def full(path: Path, before: bytes | None, after: bytes) -> None:
        if path.stem == "b":
            raise OSError(28, "No space left on device")
        write_atomically(path, before, after)

    with pytest.raises(EnvironmentFault, match="No space left"):
        run(tmp_path, options, write_caption=full)
    assert texts(tmp_path) == {"a": RED + "\n"}


def test_a_model_that_breaks_down_is_told(tmp_path: Path, paint: Make, make_tagger: Make) -> None:
    paint("a.png")
    folder = make_tagger(batch=1, side=32)
    options = CaptionOptions(model=str(folder))
    broken = replace(open_tagger(folder), side_px=16)
    with pytest.raises(EnvironmentFault) as caught:
        run_captioner(scan_folder(tmp_path / "pictures"), broken, options)
    assert caught.value.problems[0].code == "model-run-failed"
