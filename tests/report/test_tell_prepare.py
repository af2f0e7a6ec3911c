"""What `dataset prepare` says: counts, reasons, arithmetic, in both languages, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.text import Text
from orchestrator.dataset.model import Picture
from orchestrator.dataset.pixels.model import PixelFacts
from orchestrator.dataset.prepare.model import Bucket, Draft, Exposure, Prepared, PrepareOptions, Reason
from orchestrator.report import tell_prepare

if TYPE_CHECKING:
    from orchestrator.core.text import Language

ROOT = Path("images")


def _draft(name: str, *reasons: Reason, is_left_out: bool = False) -> Draft:
    facts = PixelFacts(width=100, height=80, size_bytes=1000)
    files = [] if is_left_out else [PurePosixPath(name)]
    picture = Picture(ROOT / name, 100, 80, 1000, "png")
    return Draft(picture, facts, ROOT, ".txt", list(reasons), is_left_out=is_left_out, files=files)


def _prepared(*drafts: Draft) -> Prepared:
    return Prepared(
        ROOT, Path("new"), PrepareOptions(fit="crop"), drafts, (Bucket((512, 768), 3),), 0.0521,
        (Exposure("4_alice", "full-body", 3, 4),), (ROOT / "b.gif",), (Text("a note", "一条说明"),),
    )  # fmt: skip


COPY = Reason("copy", Text("a copy of a.png: resized", "与 a.png 重复：缩放"))
BROKEN = Reason("empty-file", Text("an empty file", "空文件"))


def _said(
    result: Prepared, capsys: pytest.CaptureFixture[str], language: Language = "en", *, dry_run: bool = False
) -> str:
    tell_prepare.prepared(result, dry_run=dry_run, form="text", language=language)
    return capsys.readouterr().out


def test_reasons_counts_and_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(_prepared(_draft("a.png"), _draft("b.png", COPY, is_left_out=True)), capsys)
    assert "b.png: left out: a copy of a.png: resized\n" in said
    assert "     1 left out\n" in said
    assert "     1 copied byte for byte\n" in said
    assert "shape 512x768: 3 pictures\n" in said
    assert "cut away on average: 5.2 % of a picture\n" in said
    assert "full-body: 3 pictures x 4 = 12 exposures (4_alice)\n" in said
    assert "b.gif: not taken: the trainer does not take `.gif`" in said
    assert "a note\n" in said
    assert "1 picture in new; every decision stands in manifest.json\n" in said
    assert not any(line.startswith("a.png") for line in said.splitlines())


def test_what_befalls_the_whole_set_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    cut = Reason("cropped", Text("cut", "裁"))
    said = _said(_prepared(_draft("a.png", cut), _draft("b.png", cut, COPY), _draft("c.png")), capsys)
    assert "     2 cut to their shape\n" in said
    assert "b.png: copied byte for byte: cut; a copy of a.png" in said
    assert "a.png: " not in said.replace("of a.png: ", "")


def test_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(_prepared(_draft("a.png"), _draft("b.png", COPY, is_left_out=True)), capsys, "zh")
    assert "b.png: 未带入: 与 a.png 重复：缩放" in said
    assert "full-body：3 张 x 4 = 12 次" in said


def test_a_dry_run_says_that_nothing_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(_prepared(_draft("a.png")), capsys, dry_run=True)
    assert "would write 1 picture to new, 0.0 MiB at most; nothing was written" in said


def test_many_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    drafts = [_draft(f"{number:03d}.png", COPY, is_left_out=True) for number in range(25)]
    said = _said(_prepared(*drafts), capsys)
    assert said.count(": left out: ") == tell_prepare.MOST_SHOWN
    assert "... and 5 more left out: see manifest.json" in said


@pytest.mark.parametrize(("reason", "code"), [(COPY, 0), (BROKEN, 1)])
def test_the_exit_code_says_whether_the_user_is_needed(
    reason: Reason, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Prepared(ROOT, Path("new"), PrepareOptions(), (_draft("b.png", reason, is_left_out=True),))
    assert tell_prepare.prepared(result, dry_run=False, form="json", language="zh") == code
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["is_written"], told["folder"]) == (code, True, "new")
    assert told["pictures"][0]["why"][0]["text"] == reason.text.zh
