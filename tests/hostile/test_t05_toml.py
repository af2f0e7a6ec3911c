"""Text made to break TOML: what is written is read back as it was by the trainer's own reader, or named and not launched."""

from __future__ import annotations

import importlib
import random
import sys
from typing import TYPE_CHECKING, Any

import pytest
import toml

from orchestrator.backends.toml_text import lost_values, render
from tests.hostile.counts import count
from tests.hostile.trying import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

ALL, TRIED, BATCH = 50_000, count(50_000, 4_000), 25
ALPHABET = (
    *"\"'\\\\\\'''\"\"\"=[]{},.#:; \t", *"abxunrt0123456789_-/", "\\x", "\\u", "\\U", "\n", "\r", "\x00", "\x07", "\x1b", "\x7f", "\x85",
    "\u2028", "\u00e9", "\u5f20", "\U0001f600", "\ufeff", "true", "nan", "[[a]]", "\nevil = 1\n", "'''", '"""',
)  # fmt: skip
WINDOWS = (
    r"C:\models\x64\sd.safetensors", r"D:\data\xbox_char", r"\\nas\share\u0041", r"C:\new\tmp\run", r"C:\Users\Ann O'Neil\a", r"C:\x\ ",
    r"\\?\C:\long", r"E:\a\b\"", r"C:\\double", r"C:\0\1", r"D:\U0001", r"C:\ends\\", r"F:\#hash", r"F:\a=b", r"F:\[x]", r"F:\{x}", "F:\\,a",
    "F:\\\u5f20\u4e09", "C:/mixed\\way", "C:\\tab\\\\x",
)  # fmt: skip
RELIABILITY = {
    "T05": f"{ALL} strings of quotes, backslashes, controls and brackets (with LORA_FULL=1; {4_000} at each change), {len(WINDOWS)} Windows paths",
    "E05": f"{ALL} strings: equal after the trainer's reader, or refused; no key more, none less",
}


def strings(number: int) -> list[str]:
    chance = random.Random(5)
    return ["".join(chance.choices(ALPHABET, k=chance.randrange(1, 14))) for _ in range(number)]


def test_every_string_is_equal_or_named() -> None:
    drawn, named = strings(TRIED), 0
    for start in range(0, len(drawn), BATCH):
        content: dict[str, Any] = {f"k{n}": text for n, text in enumerate(drawn[start : start + BATCH])}
        content["list"] = drawn[start : start + 3]
        text = render(content, "made by a test")
        lost = lost_values(text, content)
        named += len(lost)
        kept = {key: value for key, value in content.items() if key not in lost}
        assert not lost or kept != content
        again = render(kept, "made by a test")
        if not lost_values(again, kept):
            assert toml.loads(again) == kept
            assert strict(again) == kept
    assert named < TRIED / 2  # most survive: naming everything would be no art


def strict(text: str) -> dict[str, Any]:
    """What a correct reader gives; before Python 3.11 there is none here, and the writer's own stands in."""
    if sys.version_info >= (3, 11):
        read: dict[str, Any] = importlib.import_module("tomllib").loads(text)
        return read
    import tomlkit

    return tomlkit.parse(text).unwrap()


@pytest.mark.parametrize("path", WINDOWS)
def test_windows_paths_arrive(path: str) -> None:
    content = {"pretrained_model_name_or_path": path}
    text = render(content, "x")
    assert lost_values(text, content) == ()
    assert toml.loads(text) == content


def test_in_a_recipe_the_field_is_named(recipe: Write) -> None:
    refused = arrived = 0
    for text in strings(count(2_000, 60)):
        build, problems = look(recipe(metadata={"description": text}))
        if build is None:
            assert all(p.code == "control-character" or "description" in p.what.en for p in problems), problems
            refused += 1
        else:
            read = toml.loads(build.files["train.toml"])
            assert read.get("metadata_description") == text
            assert "evil" not in read
            arrived += 1
    assert refused
    assert arrived
