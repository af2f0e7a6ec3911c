"""Wrong recipes and the exact words each gets. `LORA_GOLDEN=write` writes the file `wrong_recipes.txt` anew: read the diff."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.recipe.load import load_recipe
from tests.shown import one_line, render_problems

if TYPE_CHECKING:
    from orchestrator.core.finding import Problem

CORPUS = Path(__file__).with_name("wrong_recipes.txt")
GOOD = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechr}
base_model: {family: sdxl, pretrained_model_name_or_path: base.safetensors}
concepts: [{image_dir: pictures}]
"""
OPTIONS = {"prior_loss_weight", "loss_type", "huggingface_repo_id"}


def cases() -> dict[str, list[str]]:
    """Return the lines of each case: the recipe (`+` continues the good one), then the expected messages (`! `)."""
    found: dict[str, list[str]] = {}
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        if line.startswith("=== "):
            found[line[4:]] = []
        else:
            list(found.values())[-1].append(line)
    return found


def recipe_of(lines: list[str]) -> str:
    body = [line for line in lines if not line.startswith("! ")]
    if body[0].startswith("+"):
        return GOOD + "".join(line[1:] + "\n" for line in body)
    return "\n".join(body) + "\n"


def problems_of(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Problem, ...]:
    monkeypatch.chdir(tmp_path)
    path = Path("recipe.yaml")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(path, known_trainer_options=OPTIONS)
    return caught.value.problems


def told(problem: Problem) -> str:
    fix = f" => {problem.fix.en}" if problem.fix is not None else ""
    return f"! {one_line(problem)} [{problem.code}]{fix}"


@pytest.mark.parametrize("name", cases())
def test_the_mistake_is_told_at_its_place(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = cases()[name]
    problems = problems_of(recipe_of(lines), tmp_path, monkeypatch)
    expected = [line for line in lines if line.startswith("! ")]
    if os.environ.get("LORA_GOLDEN") == "write":
        body = [line for line in lines if not line.startswith("! ")]
        write_case(name, body + [told(p) for p in problems])
        return
    assert [told(p) for p in problems] == expected


def write_case(name: str, lines: list[str]) -> None:
    found = {**cases(), name: lines}
    CORPUS.write_text(
        "".join(f"=== {n}\n" + "".join(f"{line}\n" for line in ls) for n, ls in found.items()), encoding="utf-8"
    )


@pytest.mark.parametrize("name", cases())
def test_every_sentence_stands_in_both_languages(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for problem in problems_of(recipe_of(cases()[name]), tmp_path, monkeypatch):
        for text in (problem.what, problem.why, problem.fix):
            assert text is None or (text.en and text.zh)
        assert problem.what.en != problem.what.zh
        shown = render_problems([problem], "zh")
        assert shown.startswith("错误[")
        assert "pydantic" not in shown.lower()


def test_the_good_recipe_is_good(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_recipe(path).recipe.name == "alice"
