"""A look beside a run: what it brings, what it leaves undone, and that nothing of it can fail the run."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import ImageFilter

from orchestrator.dataset import looked as looked_module
from orchestrator.dataset import pairs as pairs_module
from orchestrator.dataset.below import scan_below
from orchestrator.dataset.looked import look_and_keep, recalled
from orchestrator.dataset.pixels import look as look_module
from orchestrator.dataset.pixels import measure as measuring
from orchestrator.dataset.pixels.measure import measure
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.diagnose.looking import Looking
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules import blurry_image
from tests.dataset.pixels.conftest import draw_scene
from tests.diagnose.cases import catches, catches_not, recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.pixels.model import PixelFacts

LONG_S = 60.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six pictures: one blurred, one a copy of another; and a cache of their own."""
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    made = tmp_path / "images"
    made.mkdir()
    for number in range(4):
        draw_scene(number).save(made / f"{number}.png")
    draw_scene(9).filter(ImageFilter.GaussianBlur(6)).save(made / "blurred.png")
    (made / "copy.png").write_bytes((made / "2.png").read_bytes())
    for path in made.iterdir():
        os.utime(path, (1e9, 1e9))  # not written to just now
    return made


def _case(folder: Path) -> Case:
    return Case(recipe=recipe(), dataset=scan_dataset([FolderRequest(folder)]))


def test_a_look_that_ends_brings_pictures_and_copies_and_nothing_to_say(folder: Path) -> None:
    looking = Looking(_case(folder))
    looking.begin()
    seen, told = looking.end(LONG_S)
    assert (told, looking.news()) == ((), None)
    assert seen is not None
    assert seen.looked is not None
    assert (seen.not_looked_at, seen.looked.is_whole) == ((), True)
    assert [[path.name for path in group.paths] for group in seen.looked.groups or ()] == [["2.png", "copy.png"]]
    assert [path.name for path in catches(blurry_image.RULE, Case(dataset=seen)).paths] == ["blurred.png"]


def test_an_unfinished_look_says_how_far_it_came_and_the_next_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third, is_let = threading.Event(), threading.Event()

    def slow(path: str, **more: object) -> PixelFacts:
        if path.endswith("1.png"):
            third.set()
            is_let.wait(LONG_S)
        return measure(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(look_module, "measure", slow)
    looking = Looking(_case(folder))
    looking.begin()
    assert third.wait(LONG_S)
    threading.Timer(0.2, is_let.set).start()
    seen, (told,) = looking.end(0.0)
    assert seen is not None
    assert seen.looked is not None
    names = sorted(path.name for path in seen.looked.facts)
    assert names[:2] == ["0.png", "1.png"]
    assert len(names) < 6
    assert seen.not_looked_at == ("pixels",)
    assert f"{len(names)} of 6 pictures" in told.en
    assert "lora-run dataset check RECIPE" in told.en
    assert f"6 张图片中的 {len(names)} 张" in told.zh
    monkeypatch.undo()
    catches_not(blurry_image.RULE, Case(dataset=seen))


def test_what_was_seen_before_is_not_looked_at_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Looking(_case(folder))
    first.begin()
    seen, _ = first.end(LONG_S)
    monkeypatch.setattr(look_module, "measure", None)  # would fail the look
    again = Looking(Case(dataset=looked_module.recalled(scan_dataset([FolderRequest(folder)]))))
    again.begin()
    assert again.end(0.0) == (seen, ())


@pytest.mark.parametrize("was_seen", [False, True])
def test_halves_of_pairs_are_compared_beside_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was_seen: bool
) -> None:
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    scene = draw_scene(1, (480, 600))
    for name, box in {"before": (0, 0, 440, 560), "after": (5, 0, 445, 560)}.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        scene.crop(box).save(tmp_path / "set" / name / "1.png")
        os.utime(tmp_path / "set" / name / "1.png", (1e9, 1e9))
    found = scan_below(tmp_path / "set")
    if was_seen:
        look_and_keep(found)
    looking = Looking(Case(recipe=recipe(), dataset=recalled(found)))
    looking.begin()
    seen, told = looking.end(LONG_S)
    assert told == ()
    assert seen is not None
    (pair,) = seen.pairs
    assert pair.shift is not None
    assert abs(pair.shift.right) == pytest.approx(5, abs=0.5)


def test_pairs_that_are_not_done_in_time_leave_what_was_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, is_let = threading.Event(), threading.Event()

    def slow(seen: Dataset, _cache: object, progress: Callable[[int, int], None], workers: int) -> Dataset:
        begun.set()
        is_let.wait(LONG_S)
        progress(workers, 2)
        return seen

    monkeypatch.setattr(pairs_module, "look_at_pairs", slow)
    looking = Looking(_case(folder))
    looking.begin()
    assert begun.wait(LONG_S)
    threading.Timer(0.2, is_let.set).start()
    seen, told = looking.end(0.0)
    assert seen is not None
    assert seen.looked is not None
    assert (len(seen.looked.facts), told) == (6, ())


def test_a_failure_is_told_and_raises_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(looked_module, "look_at", broken)
    case = _case(folder)
    looking = Looking(case)
    looking.begin()
    seen, told = looking.end(LONG_S)
    assert seen == case.dataset
    assert "RuntimeError: no such thing" in told[0].en
    assert "0 of 6" in told[1].en


def test_a_file_the_trainer_would_die_of_is_news_once(folder: Path) -> None:
    whole = (folder / "3.png").read_bytes()
    # Header and end are sound, so only decoding tells.
    (folder / "3.png").write_bytes(whole[: len(whole) // 2] + whole[-12:])
    looking = Looking(_case(folder))
    looking.begin()
    looking._thread.join(LONG_S)
    news = looking.news()
    assert news is not None
    assert "3.png" in news.en
    assert looking.news() is None


def test_one_thread_of_the_lowest_priority(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: set[tuple[int, int]] = set()

    def noted(path: str, **more: object) -> PixelFacts:
        own = threading.get_native_id()
        found.add((own, os.getpriority(os.PRIO_PROCESS, own)))
        return measure(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(look_module, "measure", noted)
    looking = Looking(_case(folder))
    looking.begin()
    looking.end(LONG_S)
    ((_, nice),) = found
    assert nice == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) < 19


def test_without_pictures_there_is_nothing_to_look_at() -> None:
    looking = Looking(Case(recipe=recipe()))
    looking.begin()
    assert looking.end(0.0) == (None, ())


@pytest.mark.parametrize("kind", ["person", "character"])
def test_faces_are_looked_for_where_the_subject_is_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: Literal["person", "character"]
) -> None:
    monkeypatch.setattr(look_module, "why_not", lambda: "")
    monkeypatch.setattr(measuring, "faces_in", lambda _: ())
    subject = {"kind": kind, "trigger": "alicexyz", "class_tokens": "girl"}
    looking = Looking(replace(_case(folder), recipe=recipe(subject=subject)))
    looking.begin()
    seen, _ = looking.end(LONG_S)
    assert seen is not None
    assert seen.looked is not None
    assert {facts.faces for facts in seen.looked.facts.values()} == {() if kind == "person" else None}
