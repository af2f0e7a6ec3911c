"""Faces in photographs: found where OpenCV is, and asked for again once it is there."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from orchestrator.dataset.pixels import look as looking
from orchestrator.dataset.pixels import measure as measuring
from orchestrator.dataset.pixels.cache import Cache
from orchestrator.dataset.pixels.faces import NO_CASCADES, NO_OPENCV, faces_in, why_not
from orchestrator.dataset.pixels.framing import framing_from_faces
from orchestrator.dataset.pixels.look import kept, look
from orchestrator.dataset.pixels.model import Face, PixelFacts, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = 1_600_000_000
BOX = Face(0.25, 0.125, 0.5, 0.5)


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """What is there is asked once a process; here it changes."""
    why_not.cache_clear()
    yield
    why_not.cache_clear()


def test_without_opencv_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert why_not() == NO_OPENCV


def test_opencv_without_cascades_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", object())
    assert why_not() == NO_CASCADES


def shaded_face(side: int) -> Any:
    """Light skin, dark hair and brows, eyes in shadow, a mouth: what the cascade's features measure."""
    picture = Image.new("L", (480, 480), 120)
    draw = ImageDraw.Draw(picture)

    def oval(x: float, y: float, across: float, down: float, tone: int) -> None:
        draw.ellipse(
            [240 + (x - across) * side, 200 + (y - down) * side, 240 + (x + across) * side, 200 + (y + down) * side],
            fill=tone,
        )

    oval(0, -0.05, 0.52, 0.68, 50)
    oval(0, 0.08, 0.43, 0.58, 205)
    for sign in (-1, 1):
        oval(sign * 0.19, -0.06, 0.14, 0.085, 120)
        oval(sign * 0.19, -0.15, 0.14, 0.025, 70)
        oval(sign * 0.19, -0.05, 0.085, 0.038, 235)
        oval(sign * 0.19, -0.05, 0.04, 0.04, 25)
        oval(sign * 0.055, 0.235, 0.03, 0.018, 90)
    oval(0, 0.1, 0.045, 0.13, 225)
    oval(0, 0.385, 0.155, 0.04, 105)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(side / 60)))


def test_a_shaded_face_is_found_and_an_empty_picture_holds_none() -> None:
    pytest.importorskip("cv2")
    if why_not():
        pytest.skip(f"this OpenCV has no cascades: {why_not()}")
    grey = shaded_face(200)
    found = faces_in(grey)
    assert len(found) == 1
    box = found[0]
    assert box.x0 < 0.5 < box.x1
    assert box.y0 < 200 / 480 < box.y1
    assert framing_from_faces(found).kind == "head"
    assert faces_in(np.full_like(grey, 120)) == ()


def test_faces_survive_packing() -> None:
    for faces in (None, (), (BOX,)):
        facts = PixelFacts(digest=bytes(32), faces=faces)
        assert unpack(bytes(32), *pack(facts)) == facts


def test_once_there_is_something_to_find_them_with_kept_pictures_are_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.arange(40_000, dtype=np.uint32).astype(np.uint8).reshape(200, 200)).save(path)
    os.utime(path, (OLD, OLD))
    asked: list[tuple[int, int]] = []

    def finder(grey: Any) -> tuple[Face, ...]:
        asked.append(grey.shape)
        return (BOX,)

    def seen() -> PixelFacts:
        with Cache(tmp_path / "cache") as cache:
            return next(facts for _, facts in look([path], cache=cache, with_faces=True))

    monkeypatch.setattr(measuring, "faces_in", finder)
    monkeypatch.setattr(looking, "why_not", lambda: NO_OPENCV)
    assert (seen().faces, seen().faces, asked) == (None, None, [])
    monkeypatch.setattr(looking, "why_not", lambda: "")
    assert (seen().faces, seen().faces, asked) == ((BOX,), (BOX,), [(200, 200)])
    # Removed again: what was found stays, and a look that opens nothing finds it too.
    monkeypatch.setattr(looking, "why_not", lambda: NO_OPENCV)
    with Cache(tmp_path / "cache") as cache:
        assert [facts.faces for _, facts in kept([path], cache)] == [(BOX,)]
    assert (seen().faces, asked) == ((BOX,), [(200, 200)])


def test_faces_are_looked_for_where_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (200, 200), "red").save(path)
    monkeypatch.setattr(looking, "why_not", lambda: "")
    monkeypatch.setattr(measuring, "faces_in", lambda _: pytest.fail("looked for faces"))
    assert [facts.faces for _, facts in look([path])] == [None]
    assert [facts.faces for _, facts in look([path], only_fingerprint=True, with_faces=True)] == [None]


def test_what_cannot_be_read_is_kept_and_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture at all, whatever the name says")
    os.utime(path, (OLD, OLD))
    monkeypatch.setattr(looking, "why_not", lambda: "")
    with Cache(tmp_path / "cache") as cache:
        assert [facts.problem for _, facts in look([path], cache=cache, with_faces=True)] == ["not-a-picture"]
    monkeypatch.setattr(looking, "measure", lambda *_, **__: pytest.fail("opened again"))
    with Cache(tmp_path / "cache") as cache:
        assert [facts.faces for _, facts in look([path], cache=cache, with_faces=True)] == [None]
