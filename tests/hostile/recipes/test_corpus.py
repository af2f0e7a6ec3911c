"""Wrong recipes as users write them: each refused with exit 2, at its place, with the reason and the way out.

`told.txt` holds what is printed for each. `LORA_GOLDEN=write` (`make golden`) writes it anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EXIT_OK, EXIT_REFUSED
from orchestrator.core.problem_text import render_problem
from tests.hostile.recipes.case import ALL, GOOD
from tests.hostile.recipes.corpus import CORPUS, GROUPS, Told, check
from tests.hostile.recipes.world import make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

RELIABILITY = {
    "E01": f"{len(CORPUS)} wrong recipes, {len(GROUPS)} kinds of mistakes",
    "E10": "among them, with did-you-mean",
}
TOLD = Path(__file__).with_name("told.txt")
_HEAD = "=== "
_WITHOUT_PLACE = {"too-large", "unreadable-file"}
"""Mistakes of a whole file."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("world")
    make_world(root)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("HOME", str(root))
        yield root


@pytest.fixture(scope="module")
def told(world: Path) -> dict[str, Told]:
    """What is told about every recipe of the corpus."""
    found = {}
    recipe = Path("recipe.yaml")
    for name, case in CORPUS.items():
        recipe.write_text(case.text, encoding="utf-8", newline="")
        found[name] = check(recipe)
    if os.environ.get("LORA_GOLDEN") == "write":
        blocks = (f"{_HEAD}{name}\n{_shown(name, one, world)}" for name, one in found.items())
        TOLD.write_text("".join(blocks), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    blocks = TOLD.read_text(encoding="utf-8").split(f"\n{_HEAD}")
    named = (block.removeprefix(_HEAD).partition("\n") for block in blocks)
    return {name: text.rstrip("\n") + "\n" for name, _, text in named}


def _shown(name: str, one: Told, world: Path) -> str:
    """The lines that were changed, and what is printed about them."""
    case = CORPUS[name]
    lines = (case.new if case.old != ALL else case.text).splitlines()[:6]
    changed = "".join(f"+ {line}\n" for line in lines)
    return changed + one.refused.replace(str(world), "<folder>").rstrip("\n") + "\n"


def test_the_good_recipe_is_good(world: Path) -> None:
    (world / "recipe.yaml").write_text(GOOD, encoding="utf-8")
    assert check(Path("recipe.yaml")).code == EXIT_OK


@pytest.mark.parametrize("name", CORPUS)
def test_the_mistake_is_told_as_before(name: str, told: dict[str, Told], expected: dict[str, str], world: Path) -> None:
    assert told[name].code == EXIT_REFUSED
    assert _shown(name, told[name], world) == expected[name]


def test_every_mistake_has_a_place_and_a_way_out_in_both_languages(told: dict[str, Told]) -> None:
    for name, one in told.items():
        for problem in one.problems:
            assert problem.where is not None or problem.code in _WITHOUT_PLACE, name
            assert problem.fix is not None, name
            texts = [text for text in (problem.what, problem.why, problem.fix) if text is not None]
            assert all(text.en and text.zh for text in texts), name
            assert render_problem(problem, "zh")[0].startswith("错误["), name
            assert problem.what.en != problem.what.zh, name


def test_nothing_internal_is_told(told: dict[str, Told]) -> None:
    for name, one in told.items():
        assert "Traceback" not in one.printed, name
        assert "pydantic" not in one.printed.lower(), name
        assert "NoneType" not in one.printed, name


def test_a_token_is_never_repeated(told: dict[str, Told]) -> None:
    assert all("abcdefghijklmnopqrstuvwxyz012345" not in one.printed for one in told.values())
