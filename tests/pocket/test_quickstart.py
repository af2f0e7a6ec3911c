"""The quickstart's subject is unknown to the shipped base and is learnt from its twenty pictures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

pytest.importorskip("torch", reason="the pocket extra is not installed")

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "recipes" / "quickstart" / "images"


def script(name: str) -> ModuleType:
    """A module of `scripts/`, which is no package."""
    if str(ROOT / "scripts") not in sys.path:
        sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_shipped_pictures_are_the_ones_the_script_draws(tmp_path: Path) -> None:
    trophies = script("draw_trophies")
    trophies.write_folder(tmp_path, 20, 128)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in IMAGES.iterdir())
    for path in IMAGES.iterdir():
        if path.suffix == ".txt":
            assert path.read_bytes() == (tmp_path / path.name).read_bytes()
            assert path.read_text(encoding="utf-8").startswith("glxtrophy, ")
        else:
            with Image.open(path) as shipped, Image.open(tmp_path / path.name) as drawn:
                assert shipped.tobytes() == drawn.tobytes()


def test_no_base_picture_shows_the_subject() -> None:
    scenes = script("pocket_scenes")
    assert "trophy" not in scenes.OBJECTS
    cups = [name for name, (_, colours) in scenes.OBJECTS.items() if {"yellow", "orange", "brown"} & set(colours)]
    assert not {"mug", "vase"} & set(cups)


def test_held_out_trophies_are_not_training_pictures() -> None:
    trophies = script("draw_trophies")
    shown = {trophies.draw_trophy(trophies.TRAINING_SEED * 100 + index)[0].tobytes() for index in range(20)}
    assert not shown & {picture.tobytes() for picture, _ in trophies.held_out_trophies(24)}


@pytest.mark.slow
def test_the_base_draws_what_it_was_taught() -> None:
    from orchestrator.backends.pocket.trainer.model import load_model
    from orchestrator.backends.pocket.trainer.sampling import draw_sample

    picture = draw_sample(load_model("pocket"), "a large red ball, blue background", sample_steps=20, scale=4, seed=1)
    colours: Any = picture.resize((8, 8), Image.Resampling.BOX)
    red, _, blue = colours.getpixel((4, 4))
    assert red > blue + 60
    red, _, blue = colours.getpixel((0, 0))
    assert blue > red + 10


def test_nearness_has_three_readings() -> None:
    prove = script("prove_pocket")
    red, blue, grey, white = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", (128, 0, 128), "white"))
    pictures = [(red, "a"), *[(blue, "b")] * 3]
    held_out = prove.HeldOut(pictures, {"a": [red], "b": [blue]}, 0.0, [grey] * 4)
    # The second is a trophy, but not the one that was asked for.
    assert held_out.count_nearer([red, red, blue, white]) == prove.Nearer(same_caption=2, all_trophies=1, nearest=3)


@pytest.mark.slow
def test_the_quickstart_learns_its_subject(tmp_path: Path) -> None:
    prove = script("prove_pocket")
    prove.train(tmp_path, dict(prove.SETTINGS), seed=1)
    found = prove.measure(tmp_path, prove.look_at_base())
    assert found.gain > prove.JITTERS_NEEDED * prove.jitter(found.losses)
    assert found.gain > 0.1 * found.losses[0]
    assert found.nearer.same_caption >= prove.NEARER_NEEDED
