"""Names that name folders: what every file system takes passes, what leads elsewhere does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import InputError
from orchestrator.recipe.dump import scalar_text
from orchestrator.recipe.form import file_name_reason
from orchestrator.recipe.load import load_recipe

RECIPE = "recipe_version: 1\nname: {name}\nsubject: {{kind: style, class_tokens: {tokens}}}\nbase_model: {{family: sd15}}\nconcepts: [{{image_dir: x}}]\n"


def problems(tmp_path: Path, name: str = "alice", tokens: str = "girl") -> list[str]:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.format(name=scalar_text(name), tokens=scalar_text(tokens)), encoding="utf-8")
    try:
        load_recipe(path)
    except InputError as error:
        return [p.code for p in error.problems]
    return []


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "初音ミク",
        'it\'s "her"',
        "a b",
        "a.b",
        "v1.0-final_2",
        "é",
        "con1",
        "console",
        "100%",
        "a" * 100,
        "初" * 66,
    ],
)
def test_good_names(name: str, tmp_path: Path) -> None:
    assert problems(tmp_path, name=name) == []


@pytest.mark.parametrize(
    "name",
    [
        "../x", "..\\x", "/etc/x", "C:x", "a/b", "a\\b", ".", "..", ".hidden", "x.", " x", "x ", "CON", "con.txt", "Nul", "COM1", "lpt9.a", "AUX.",
        "a\tb", "a\u202eb", "a\u200bb", "初" * 67, "a*", "a?", "<a>", "a|b", "a\u2066b",
    ],
)  # fmt: skip
def test_bad_names(name: str, tmp_path: Path) -> None:
    assert problems(tmp_path, name=name) == ["bad-name"]


@pytest.mark.parametrize("name", ["", "a" * 101])
def test_empty_and_endless_names(name: str, tmp_path: Path) -> None:
    assert problems(tmp_path, name=name) == ["wrong-value"]


@pytest.mark.parametrize(
    ("tokens", "is_good"),
    [("1girl, solo", True), ("it's a girl: x", True), ("../x", False), ("a\\b", False), (".x", False), (" a", False)],
)
def test_class_tokens_stay_in_their_folder(tokens: str, is_good: bool, tmp_path: Path) -> None:
    assert (problems(tmp_path, tokens=tokens) == []) is is_good


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_what_passes_stays_in_one_folder(name: str) -> None:
    if name and file_name_reason(name) is None:
        assert Path("runs") / name == Path(f"runs/{name}")
        assert Path(name).name == name
        assert len(name.encode()) <= 200
