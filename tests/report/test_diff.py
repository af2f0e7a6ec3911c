from __future__ import annotations

from orchestrator.report.diff import caption_diff, recipe_diff
from orchestrator.report.next_recipe import HEADER

RECIPE = "# yaml-language-server: $schema=a.json\nname: x\nconcepts:\n  - image_dir: a\n    num_repeats: 2\ntrain:\n  seed: 1\n"


def test_only_decisions_are_shown() -> None:
    following = HEADER + "h\n" + RECIPE.replace("a.json", "../a.json").replace("image_dir: a", "image_dir: ../../a")
    assert recipe_diff(RECIPE, following) == []
    rows = recipe_diff(RECIPE, following.replace("seed: 1", "seed: 2  # R001 x"))
    assert rows == [
        ("hunk", "@@ 5 @@"),
        ("same", "      num_repeats: 2"),
        ("same", "  train:"),
        ("del", "-   seed: 1"),
        ("add", "+   seed: 2  # R001 x"),
    ]


def test_without_a_next_recipe_there_is_nothing() -> None:
    assert recipe_diff(RECIPE, None) == recipe_diff(None, RECIPE) == recipe_diff(RECIPE, RECIPE) == []


def test_each_caption_is_shown_as_its_line_before_and_after() -> None:
    assert caption_diff([("a.txt", "zxq, hat", "zxq")]) == [
        ("hunk", "@@ a.txt @@"),
        ("del", "- zxq, hat"),
        ("add", "+ zxq"),
    ]
