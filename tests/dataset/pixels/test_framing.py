"""Head, upper body, full body: what words and faces say."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from orchestrator.dataset.pixels import framing as module
from orchestrator.dataset.pixels.framing import (
    NO_OPENCV,
    Face,
    Framing,
    faces_in,
    framing,
    framing_from_faces,
    framing_from_tags,
)


def face(share: float) -> Face:
    return Face(0.4, 0.1, 0.4 + share, 0.1 + share)


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        (["1girl", "portrait"], "head"),
        (["close-up", "smile"], "head"),
        (["A close up of a young woman's face, soft light."], "head"),
        (["headshot of a man"], "head"),
        (["upper_body", "1girl"], "upper-body"),
        (["(cowboy shot:1.2)"], "upper-body"),
        (["photo of a man from the waist up"], "upper-body"),
        (["full body"], "full-body"),
        (["fullbody"], "full-body"),
        (["A full body shot of a dancer on a stage."], "full-body"),
        (["full-length portrait of a king"], "full-body"),
        (["upper body portrait"], "upper-body"),
        (["no humans", "scenery"], "none"),
        (["全身", "站立"], "full-body"),
        (["女孩的上半身照"], "upper-body"),
        (["人物特写"], "head"),
    ],
)
def test_words_say_what_is_in_the_picture(tags: list[str], kind: str) -> None:
    found = framing_from_tags(tags)
    assert found.kind == kind
    assert found.confidence >= 0.9
    assert found.source == "caption"


@pytest.mark.parametrize(
    "tags",
    [
        [],
        ["1girl", "solo", "smile"],
        ["not a close-up"],
        ["portraiture"],
        ["a self-portraitist"],
        ["without full body"],
        ["shot on film"],
    ],
)
def test_words_that_say_nothing(tags: list[str]) -> None:
    assert framing_from_tags(tags) == Framing()


def test_a_thing_seen_from_near_is_a_weak_word_for_a_head() -> None:
    found = framing_from_tags(["a close-up of a watch"])
    assert found.kind == "head"
    assert found.confidence == pytest.approx(0.5)


def test_contradicting_words_are_worth_little() -> None:
    assert framing_from_tags(["close-up", "full body"]).confidence == pytest.approx(0.3)


@pytest.mark.parametrize(("share", "kind"), [(0.5, "head"), (0.2, "upper-body"), (0.05, "full-body")])
def test_the_share_of_the_face_decides(share: float, kind: str) -> None:
    assert framing_from_faces([face(share)]).kind == kind


def test_the_largest_face_counts() -> None:
    assert framing_from_faces([face(0.05), face(0.5)]).kind == "head"


def test_near_a_limit_and_far_away_faces_are_less_sure() -> None:
    assert framing_from_faces([face(0.31)]).confidence < framing_from_faces([face(0.5)]).confidence
    assert framing_from_faces([face(0.04)]).confidence < framing_from_faces([face(0.2)]).confidence


def test_no_face_says_nothing() -> None:
    assert framing_from_faces([]) == Framing("none", 0.0, "")


def test_words_win_over_faces() -> None:
    both = framing(["full body"], [face(0.5)])
    assert (both.kind, both.source) == ("full-body", "caption")
    assert both.confidence < framing_from_tags(["full body"]).confidence


def test_a_face_that_agrees_makes_it_surer() -> None:
    both = framing(["portrait"], [face(0.5)])
    assert (both.kind, both.source) == ("head", "both")
    assert both.confidence > framing_from_tags(["portrait"]).confidence


def test_a_face_alone_is_worth_less_on_a_drawing() -> None:
    photograph, drawing = framing(["smile"], [face(0.5)]), framing(["smile"], [face(0.5)], is_drawn=True)
    assert (photograph.kind, photograph.source) == (drawing.kind, drawing.source) == ("head", "face")
    assert math.isclose(drawing.confidence, photograph.confidence / 2)


def test_without_opencv_nobody_looked_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    found = faces_in(np.zeros((64, 64), dtype=np.uint8))
    assert found.not_looked == NO_OPENCV
    assert found.boxes == ()


def test_opencv_without_cascades_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    monkeypatch.setattr(module, "_cascades", lambda: None)
    assert faces_in(np.zeros((64, 64), dtype=np.uint8)).not_looked == "opencv-without-cascades"


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
    grey = shaded_face(200)
    found = faces_in(grey)
    if found.not_looked:
        pytest.skip(f"this OpenCV has no cascades: {found.not_looked}")
    assert len(found.boxes) == 1
    box = found.boxes[0]
    assert box.x0 < 0.5 < box.x1
    assert box.y0 < 200 / 480 < box.y1
    assert framing_from_faces(found.boxes).kind == "head"
    assert faces_in(np.full_like(grey, 120)).boxes == ()
