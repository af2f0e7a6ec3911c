"""What `dataset check` says of a set as a whole, and when it looks for faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from orchestrator.dataset.pixels import look as looking
from orchestrator.dataset.pixels import measure as measuring
from orchestrator.dataset.pixels.model import Face
from orchestrator.dataset_check import look_into
from tests.dataset.pixels.conftest import draw_scene

if TYPE_CHECKING:
    from pathlib import Path

BIG = Face(0.2, 0.1, 0.7, 0.6)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        draw_scene(number, (200, 240)).save(folder / f"{number:02}.png")
    return folder


def _fired(folder: Path, kind: str | None) -> set[str]:
    return {finding.name for finding in look_into(folder, kind, keep=False).verdict.fired}


@pytest.mark.parametrize(("kind", "has_looked"), [("person", True), ("character", False), (None, False)])
def test_faces_are_looked_for_where_the_subject_is_a_person(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None, *, has_looked: bool
) -> None:
    asked: list[Any] = []

    def finder(grey: Any) -> tuple[Face, ...]:
        asked.append(grey)
        return (BIG,)

    monkeypatch.setattr(looking, "why_not", lambda: "")
    monkeypatch.setattr(measuring, "faces_in", finder)
    assert ("framing-imbalance" in _fired(pictures, kind)) is has_looked
    assert len(asked) == (12 if has_looked else 0)


def test_one_place_and_plain_backgrounds_are_told(pictures: Path) -> None:
    assert not _fired(pictures, "character") & {"low-variety", "plain-background"}
    place = draw_scene(99, (200, 240))
    for number, path in enumerate(sorted(pictures.iterdir())):
        shown = place.copy()
        shown.paste(draw_scene(number, (90, 130)), (55 + number, 80))
        shown.save(path)
    assert "low-variety" in _fired(pictures, "character")
    for number, path in enumerate(sorted(pictures.iterdir())):
        shown = Image.new("RGB", (200, 240), (240 - number, 240, 240))
        shown.paste(draw_scene(number, (90, 130)), (55, 80))
        shown.save(path)
    assert _fired(pictures, "character") >= {"plain-background"}


def test_the_pairs_of_a_recipe_are_known_and_measured(tmp_path: Path) -> None:
    for half, colour in (("source", "green"), ("target", "red")):
        (tmp_path / half).mkdir()
        for number in range(3):
            scene = draw_scene(number, (200, 240))
            scene.paste(colour, (60, 60, 120, 120))
            scene.save(tmp_path / half / f"{number}.png")
    draw_scene(9, (200, 240)).save(tmp_path / "target" / "alone.png")
    recipe = tmp_path / "edit.yaml"
    recipe.write_text(
        "recipe_version: 1\nname: edit\nsubject: {kind: object, trigger: zxq, class_tokens: thing}\nbase_model: {family: pocket}\n"
        "concepts:\n  - image_dir: source\n  - image_dir: target\n",
        encoding="utf-8",
    )
    seen = look_into(recipe, keep=False)
    assert seen.case.dataset is not None
    assert [pair.difference is not None for pair in seen.case.dataset.pairs] == [True, True, True, False]
    fired = {finding.name for finding in seen.verdict.fired}
    assert "pair-half-missing" in fired
    assert "near-duplicate-images" not in fired
