"""Head, upper body, full body: what words and faces say."""

from __future__ import annotations

import math

import pytest

from orchestrator.dataset.pixels.framing import Framing, framing, framing_from_faces, framing_from_tags
from orchestrator.dataset.pixels.model import Face


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


def test_a_caption_and_its_tags_say_the_same() -> None:
    tags = ["zxq", "not full body", "(upper body:1.2)", "full-length portrait"]
    assert framing_from_tags([", ".join(tags)]) == framing_from_tags(tags) == Framing("full-body", 0.3, "caption")


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
