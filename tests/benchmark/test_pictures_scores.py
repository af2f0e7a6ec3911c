"""What scores of pictures count as planted, named and false."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from benchmark import shift_score
from benchmark.dataset_score import score_equal
from benchmark.set_score import Shot, tags_of, with_tag
from orchestrator.dataset.model import Folder, Picture
from orchestrator.dataset.pairs import Pair
from orchestrator.dataset.pixels.model import PixelFacts
from orchestrator.dataset.pixels.shift import Shift
from orchestrator.report.tell_dataset import EXACT, NEAR
from tests.dataset.pixels.conftest import draw_scene


def test_equal_files_are_scored_by_their_own_groups() -> None:
    members = [{"file": "b", "level": "exact"}, {"file": "c", "level": "near"}]
    labels = {"families": [{"source": "a", "members": members}]}
    found = score_equal(labels, [{"kind": EXACT, "paths": ["a", "b"]}, {"kind": NEAR, "paths": ["a", "c"]}])
    assert (found["planted"], found["named"], found["false"]) == (1, 1, 0)
    found = score_equal(labels, [{"kind": EXACT, "paths": ["a", "c"]}])
    assert (found["planted"], found["named"], found["false"]) == (1, 0, 1)


def test_a_tag_is_written_once_or_taken_out() -> None:
    picture = Picture(Path("a.png"), 640, 800, 10, "png", caption="zxq, smile, hat")
    shot = Shot(picture, Folder(Path(), (picture,), ".txt"), PixelFacts(), "", "")
    assert with_tag(shot, "smile", is_there=True) == "zxq, hat, smile"
    assert tags_of(replace(shot, picture=replace(picture, caption=with_tag(shot, "smile", is_there=False)))) == [
        "zxq",
        "hat",
    ]


def test_halves_lie_apart_by_what_was_planted(tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.png")
        draw_scene(number, (320, 400)).save(paths[-1])
    made = shift_score.make(paths, random.Random(3), tmp_path)
    assert [one.length == 0 for one in made] == [True, False, False]
    assert made[1].right == round(made[1].right)
    assert all(one.error is not None and one.error < 0.5 for one in made)


def test_moved_pairs_are_planted_and_those_in_place_sound() -> None:
    still, far = Shift(0.0, 0.0, 0.9), Shift(3.0, 0.0, 0.9)

    def pair(name: str, shift: Shift) -> Pair:
        return Pair(name, Path(f"{name}-before"), Path(f"{name}-after"), shift=shift)

    made = [
        shift_score.Moved(pair("0-grey", far), 3.0, 0.0),
        shift_score.Moved(pair("1-grey", still), 3.0, 0.0),
        shift_score.Moved(pair("2-grey", far), 0.0, 0.0),
        shift_score.Moved(pair("3-grey", still), 0.0, 0.0),
        shift_score.Moved(pair("4-grey", far), 0.6, 0.0),
    ]
    found = shift_score.score(made)
    assert [found[word] for word in ("planted", "named", "sound", "false", "missed grey")] == [2, 1, 2, 1, 1]
