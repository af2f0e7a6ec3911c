"""What is written is what the trainer's own reader reads; what does not survive is named."""

from __future__ import annotations

from typing import Any

import pytest
import toml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.backends.toml_text import lost_values, render


@pytest.mark.parametrize(
    "value",
    [
        "C:\\models\\xl\\10_王小明",
        '/pictures/初音ミク/it\'s "here"',
        "a 'quoted' one",
        'say "hi"',
        "back\\slash and 'apostrophe'",
        "tab\there",
        "# not a comment",
        "[brackets] = 1",
        "",
        " edges ",
        1e-4,
        1e-05,
        2.0,
        0.0,
        1e300,
        0,
        -3,
        True,
        False,
        ["k=v", "betas=0.9,0.99"],
        [1e-4, 1e-05],
        [512, 768],
        [],
    ],
)
def test_values_survive(value: Any) -> None:
    content = {"key": value, "after": 1}
    text = render(content, "comment")
    assert lost_values(text, content) == ()
    assert toml.loads(text) == content


def test_paths_are_written_literally() -> None:
    assert "'C:\\models\\x.safetensors'" in render({"vae": "C:\\models\\x.safetensors"}, "c")


def test_tables_become_sections() -> None:
    content = {"general": {"resolution": 512}, "datasets": [{"subsets": [{"image_dir": "a"}, {"image_dir": "b"}]}]}
    text = render(content, "c")
    assert "[[datasets.subsets]]" in text
    assert toml.loads(text) == content


def test_a_value_that_is_read_otherwise_is_named() -> None:
    content = {"fine": 1, "table": {"mixed": 2}}
    assert lost_values("fine = 1\n[table]\nmixed = 3\n", content) == ("table.mixed",)
    assert lost_values("fine = 1\nextra = 2\n[table]\nmixed = 2\n", content) == ("extra",)
    assert lost_values("fine = 1.0\n[table]\nmixed = 2\n", content) == ("fine",)


def test_a_value_that_spoils_the_file_is_named() -> None:
    content = {"fine": 1, "numbers": [1, 2.5]}
    assert lost_values(render(content, "c"), content) == ("numbers",)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b"]), st.text(max_size=12) | st.floats(allow_nan=False) | st.integers(), max_size=2
    )
)
def test_nothing_changes_without_being_named(content: dict[str, Any]) -> None:
    text = render(content, "c")
    if not lost_values(text, content):
        assert toml.loads(text) == content
