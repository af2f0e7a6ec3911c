"""What the trainer is told: only options it has, only values its parser takes, and texts that arrive as they were meant."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
import toml
import tomlkit

from orchestrator.backends.argspec import Option, load_options
from orchestrator.backends.option_values import value_problem
from orchestrator.backends.pocket.compile import pocket_options
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.backends.toml_text import lost_values, render
from orchestrator.core.record import json_text, read_record, to_plain, write_record
from tests.golden.test_golden import CASES, HERE, PIN
from tests.hostile.effort import count, note

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS: dict[str, dict[str, Option]] = {family: load_options(PIN, facts.entry) for family, facts in FAMILIES.items()}
CHOICES = [(f, o) for f, options in OPTIONS.items() for o in options.values() if o.choices]
TEXTS = count(1_000, 50_000)
RELIABILITY = {
    "E03": f"every key of {len(CASES)} compiled runs and of all accepted made-up recipes",
    "E04": f"{sum(len(o.choices or ()) for _, o in CHOICES)} choices of {len(CHOICES)} options taken, others refused",
    "E05": "1,000 hostile texts in CI, 50,000 with `make fuzz`, through TOML and JSON: equal or refused",
}
_PIECES = (
    *"ab019 \t'\"\\#[]{}=,.:;/-_%$`|<>!?*&~^()", "\\x64", "\\u0041", "\\U0001F98A", "\\n", "\\\\", '\\"', "\\'", "'''", '"""', "''", '""',
    "\x00", "\x01", "\x1b[31m", "\x7f", "\x80", "\x85", "\u00a0", "\u2028", "\u202e", "\u200b", "\ufeff", "\ufffd", "é", "王小明", "初音ミク", "🦊", "e\u0301",
    "\n", "\r", "\r\n", "C:\\models\\x64", "\\\\server\\share", "a = 1", "[table]", "[[x]]", "true", "nan", "1e-4", "2024-01-01", "k=v", "${A}", "`id`",
)  # fmt: skip


def family_of(case: str) -> str:
    text = (HERE / case / "expected" / "command.txt").read_text(encoding="utf-8")
    entries = {facts.entry: family for family, facts in FAMILIES.items()}
    return next((family for entry, family in entries.items() if f"/{entry}.py" in text), "pocket")


@pytest.mark.parametrize("case", CASES)
def test_every_key_is_an_option_and_every_value_one_that_its_parser_takes(case: str) -> None:
    family = family_of(case)
    options = pocket_options() if family == "pocket" else OPTIONS[family]
    values = toml.loads((HERE / case / "expected" / "train.toml").read_text(encoding="utf-8"))
    assert values
    assert values.keys() <= options.keys()
    wrong = {name: value_problem(options[name], value) for name, value in values.items()}
    assert {name: text for name, text in wrong.items() if text is not None} == {}


def test_each_choice_is_taken_and_nothing_else() -> None:
    for family, option in CHOICES:
        for choice in option.choices or ():
            one = [choice] if option.is_list else choice
            assert choice in (None, "") or value_problem(option, one) is None, (family, option.name, choice)
        for other in ("no such word", 7_777_777):
            assert value_problem(option, [other] if option.is_list else other) is not None, (family, option.name)


def hostile_texts(number: int) -> Iterator[str]:
    """Yield `number` texts of up to a dozen pieces that quoting gets wrong."""
    draw = random.Random(20261129)
    for _ in range(number):
        yield "".join(draw.choices(_PIECES, k=draw.randint(0, 12)))


def both_files(text: str) -> dict[str, Any]:
    """Return a run's values with `text` in every place that a recipe's words get to."""
    return {
        "output_name": text,
        "network_args": ["conv_dim=8", f"key={text}"],
        "after": 1,
        "general": {"caption_separator": text, "resolution": [512, 768]},
        "datasets": [{"subsets": [{"image_dir": text, "class_tokens": text, "num_repeats": 3}]}],
    }


def test_a_text_arrives_in_toml_as_it_was_or_is_refused() -> None:
    started, refused, corrupt = time.process_time(), 0, []
    for text in hostile_texts(TEXTS):
        content = both_files(text)
        written = render(content, "comment")
        if lost_values(written, content):
            refused += 1
        elif toml.loads(written) != content or tomlkit.parse(written).unwrap() != content:
            corrupt.append(text)
    assert corrupt == []
    assert 0 < refused < TEXTS / 2
    seconds = time.process_time() - started
    note(
        "E05",
        f"{TEXTS:,} texts through TOML",
        f"{TEXTS - refused:,} equal, {refused:,} refused, 0 corrupt; {seconds:.0f} s",
    )


def test_a_text_arrives_in_json_as_it_was(tmp_path: Path) -> None:
    texts = list(hostile_texts(TEXTS))
    assert [text for text in texts if json.loads(json_text({"key": text}))["key"] != text] == []
    assert all("NaN" not in json_text(to_plain({"key": text, "n": 1.0})) or "NaN" in text for text in texts)
    write_record(tmp_path / "record.json", "hostile", 1, {"texts": texts})
    assert read_record(tmp_path / "record.json", "hostile", 1)["texts"] == texts
    note("E05 JSON", f"{TEXTS:,} texts through JSON", "all equal")
