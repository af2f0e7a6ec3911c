"""Whatever stands in a recipe or on the command line: it loads, or it is refused with a place and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import InputError
from orchestrator.recipe.dump import dump_resolved, to_yaml
from orchestrator.recipe.keys import all_keys
from orchestrator.recipe.load import LoadedRecipe, load_recipe
from tests.shown import render_problems

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WORDS = sorted({key.name for key in all_keys()} | {"extends", "lr", "epochs", "x", "huggingface_token", "loss_type"})
GOOD = {
    "recipe_version": 1,
    "name": "alice",
    "subject": {"kind": "character"},
    "base_model": {"family": "sdxl"},
    "concepts": [{"image_dir": "x"}, {"image_dir": "y", "is_reg": True}],
}
_SCALAR = (
    st.sampled_from(
        [
            "sdxl",
            "yes",
            "no",
            "auto",
            "1e-4",
            "1_000",
            "1024x1024",
            "",
            ".txt",
            "a/b",
            "nan",
            "off",
            "character",
            "fp16",
        ]
    )
    | st.text(max_size=8)
    | st.integers(-5, 5000)
    | st.floats(-10, 10)
    | st.booleans()
)
_TREE: st.SearchStrategy[Any] = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


def load(text: str, overrides: list[str], folder: Path) -> LoadedRecipe | str:
    """Return the recipe, or what is told about it in both languages."""
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        return load_recipe(path, overrides, {"loss_type"})
    except InputError as error:
        assert all(p.where is not None for p in error.problems)  # noqa: PT017  both outcomes are looked at
        return render_problems(error.problems) + render_problems(error.problems, "zh")


@settings(max_examples=60, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(WORDS), _TREE, max_size=6))
def test_any_recipe(changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = load(to_yaml({**GOOD, **changes}), [], folder)
    if isinstance(found, LoadedRecipe):
        again = load(dump_resolved(found), [], folder)
        assert isinstance(again, LoadedRecipe)
        assert again.recipe == found.recipe
    else:
        assert "pydantic" not in found.lower()


_PATH = st.lists(st.sampled_from([*WORDS, "0", "1", "7"]), min_size=1, max_size=4).map(".".join)


@settings(max_examples=60, deadline=None)
@given(
    overrides=st.lists(
        st.tuples(_PATH, _SCALAR.map(str) | st.sampled_from(["[1, 2]", "{a: 1}", "[", "*x", "!t", "~", "null"])).map(
            "=".join
        )
        | st.text(max_size=12),
        min_size=1,
        max_size=3,
    )
)
def test_any_override(overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    found = load(to_yaml(GOOD), overrides, tmp_path_factory.getbasetemp())
    assert isinstance(found, LoadedRecipe) or "错误[" in found
