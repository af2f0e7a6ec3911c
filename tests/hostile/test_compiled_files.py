"""What the trainer is told: only options it has, and only values its parser takes. Texts in JSON arrive as they were meant (TOML: test_t05_toml.py)."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
import toml

from orchestrator.backends.argspec import Option, load_options
from orchestrator.backends.option_values import value_problem
from orchestrator.backends.pocket.compile import pocket_options
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.core.record import json_text, read_record, to_plain, write_record
from tests.golden.test_golden import CASES, HERE, PIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS: dict[str, dict[str, Option]] = {family: load_options(PIN, facts.entry) for family, facts in FAMILIES.items()}
CHOICES = [(f, o) for f, options in OPTIONS.items() for o in options.values() if o.choices]
ALL = 50_000
RELIABILITY = {
    "E03": f"every key of {len(CASES)} compiled runs: an option of the trainer, with a value that its parser takes",
    "E04": f"{sum(len(o.choices or ()) for _, o in CHOICES)} choices of {len(CHOICES)} options taken, others refused",
    "E05": f"{ALL:,} texts through JSON and our own records: equal",
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


def test_a_text_arrives_in_json_as_it_was(tmp_path: Path) -> None:
    texts = list(hostile_texts(ALL))
    assert [text for text in texts if json.loads(json_text({"key": text}))["key"] != text] == []
    assert all("NaN" not in json_text(to_plain({"key": text, "n": 1.0})) or "NaN" in text for text in texts)
    write_record(tmp_path / "record.json", "hostile", 1, {"texts": texts})
    assert read_record(tmp_path / "record.json", "hostile", 1)["texts"] == texts
