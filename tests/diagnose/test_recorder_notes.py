"""Everything the recorder and the reader of its file may say is told in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.diagnose.recorder_notes import told_note
from orchestrator.observe.telemetry import read_telemetry
from tests.observe.recordings import end, head, picture, step, write

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2] / "orchestrator" / "telemetry"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _written() -> Iterator[str]:
    """Yield the notes in the recorder's source; what is put into them stands as 3."""
    for path in sorted(ROOT.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            names = [ast.unparse(node.func), *(ast.unparse(one) for one in node.args[:2])]
            if not any(name == "NotPossible" or name.endswith("recorder.note") for name in names):
                continue
            said = node.args[-1]
            if isinstance(said, ast.Constant):
                yield str(said.value)
            elif isinstance(said, ast.JoinedStr):
                yield "".join(str(p.value) if isinstance(p, ast.Constant) else "3" for p in said.values)


BOTH_WAYS = "3.3 3: what it tells is not recorded"
"""Of hooks: its middle is one of two."""


def test_every_note_of_the_recorder_has_its_chinese() -> None:
    notes = list(_written())
    assert len(notes) >= 14
    notes.remove(BOTH_WAYS)
    hooks = [
        f"hook-missing: T.x {why}: what it tells is not recorded" for why in ("is missing", "has no parameter a, b")
    ]
    off = ["error: pictures is off after step 7: ValueError: bad 'a.png'", "end: exception"]
    for note in (*notes, *hooks, *off):
        assert CHINESE.search(told_note(note).zh), note
        assert not CHINESE.search(told_note(note).en)
    assert told_note(off[0]).zh == "pictures 在第 7 步之后关闭：ValueError: bad 'a.png'"
    assert told_note(hooks[0]).en == "T.x is missing: what it tells is not recorded"


def test_damage_of_the_file_is_told_in_both_languages(tmp_path: Path) -> None:
    path = write(tmp_path, head(v=9), step(3), step(2), picture(1), picture(1, bucket=[1]), end(3), head(v=9), step(1))
    path.write_bytes(path.read_bytes() + b"rubbish\n")
    _, damage = read_telemetry([path, tmp_path / "rank1.jsonl"], lambda one: one.name)
    assert len(damage) >= 5
    for note in damage:
        assert CHINESE.search(told_note(note).zh), note


@pytest.mark.parametrize("note", ["", "something else", "rank0.jsonl"])
def test_what_nobody_knows_stays_as_it_was_written(note: str) -> None:
    assert (told_note(note).en, told_note(note).zh) == (note, note)
