"""YAML that surprises or explodes: refused at its place in little time, or read as the value that was meant."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.errors import InputError
from orchestrator.core.source import parse_document, read_document
from orchestrator.recipe.load import read_recipe
from tests.shown import one_line

if TYPE_CHECKING:
    from pathlib import Path

NINE = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
TAGS = (
    "!!python/object/apply:os.system ['touch canary']", "!!python/object/new:subprocess.Popen [touch]", "!!python/name:os.system",
    "!!python/module:antigravity", "!!python/object:builtins.dict {}", "!!python/tuple [1, 2]", "!!binary aGk=", "!!set {a}",
    "!!omap [a: 1]", "!!pairs [a: 1]", "!!timestamp 2024-01-01", "!!int '3'", "!!str 3", "!local 1", "! x", "!<tag:x> 1",
)  # fmt: skip
TOP = (
    "", "---\n", "5\n", "text\n", "[1, 2]\n", "'a'\n", "a: 1\n---\nb: 1\n", "a: 1\n...\n---\nb: 2\n", "%YAML 1.1\n---\na: 1\n",
    "%TAG ! tag:x,2000:\n---\na: 1\n",
)  # fmt: skip
SYNTAX = (
    "a: [1\n", "a: {b\n", "a: 'x\n", 'a: "\\q"\n', "a: b: c\n", "a\n b\nc: 1\n", "\ta: 1\n", "a:\t1\n", "a: 1\n  b: 2\n", "- a\nb: 1\n",
    "a: |x\n  y\n", "? [a]\n: 1\n", "'': 1\n", "a: @x\n", "a: `x`\n", "a: %x\n",
)  # fmt: skip
TWICE = ("a: 1\na: 2\n", "a: 1\n'a': 1\n", "a: {b: 1, b: 2}\n", "a:\n  b: 1\n  b: 2\n")
REFERENCES = (
    "a: &x 1\nb: *x\n", "a: &a [*a]\n", "b: *nobody\n", "<<: {a: 1}\n", "a: &x {b: 1}\nc:\n  <<: *x\n", "a0: &a0 [x]\n" + "\n".join(NINE),
)  # fmt: skip
BOMBS = {
    "lists": "[" * 30_000, "tables": "{a: " * 30_000, "dashes": "- " * 30_000, "keys": "".join(f"k{n}: 1\n" for n in range(30_000)),
    "items": "a: [" + "b, " * 30_000 + "]", "long": "a: " + "x" * (1 << 20), "digits": "a: 1" + "0" * 100_000,
}  # fmt: skip
BYTES = (
    b"\xff\xfea\0:\0",
    b"\xfe\xff\0a",
    b"\xef\xbb\xbfa: 1\n",
    b"a: caf\xe9\n",
    b"a: b\0c\n",
    b"PK\3\4\0\0\0\0",
    b"\0" * 4096,
)
REFUSED = [*(f"a: {tag}\n" for tag in TAGS), *TOP, *SYNTAX, *TWICE, *REFERENCES, *BOMBS.values()]
SURPRISES: dict[str, Any] = {
    "1e-4": 1e-4, "1.0e-4": 1e-4, "no": "no", "on": "on", "yes": "yes", "off": "off", "010": 10, "1_000": "1_000", "16:9": "16:9",
    "12:30:45": "12:30:45", "2024-01-01": "2024-01-01", "null": None, "~": None, "1.10": 1.1, "0x1F": 31, "1:30": "1:30", "0o17": 15,
    "NaN": "NaN", "3e3": 3e3, "+7": 7, "=": "=", "a#b": "a#b", "'1e-4'": "1e-4", '"no"': "no", "-0.0": -0.0, "1.2.3": "1.2.3", ".5": 0.5,
}  # fmt: skip
NO_NUMBERS = (".inf", "-.inf", ".nan", "1e999", "9223372036854775808", "1e-999")
MEASURED = (
    "import atexit, sys; from orchestrator.cli import main; sys.argv = sys.argv[1:]; "
    "atexit.register(lambda: print('KiB:', open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)); main()"
)
"""The verb, which tells at its end how much memory it took at most; `ru_maxrss` would begin with that of the tests."""
RELIABILITY = {
    "T01": f"{len(REFUSED) + len(BYTES)} files of YAML that is refused with its place, {len(BOMBS)} of them bombs",
    "E06": f"{len(SURPRISES)} surprises of YAML 1.1 read as meant, {len(NO_NUMBERS)} numbers that none can hold refused",
    "E07": f"{len(BOMBS) + 1} bombs, each refused within a second of CPU time",
}


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused_with_a_place_and_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(REFUSED[number], encoding="utf-8")
    begin = time.process_time()
    with pytest.raises(InputError) as caught:
        read_document(path)
    assert time.process_time() - begin < 1
    for problem in caught.value.problems:
        if problem.where is None:
            assert problem.code == "too-large"
            continue
        assert one_line(problem).startswith(f"recipe.yaml:{problem.where.line}:{problem.where.column}: ")
    assert list(tmp_path.iterdir()) == [path]  # nothing was run


@pytest.mark.parametrize("content", BYTES)
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_recipe(path)


@pytest.mark.parametrize("written", SURPRISES)
def test_a_surprise_of_yaml_1_1_is_read_as_meant(written: str) -> None:
    value = parse_document(f"a: {written}\n", "f").data["a"]
    assert (type(value), value) == (type(SURPRISES[written]), SURPRISES[written])


@pytest.mark.parametrize("written", NO_NUMBERS)
def test_numbers_that_nothing_can_hold_are_refused(written: str) -> None:
    with pytest.raises(InputError):
        parse_document(f"a: {written}\n", "f")


def test_the_verb_ends_with_2_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(REFERENCES[-1], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "lora-run", "check", str(path)],
        capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert int(done.stderr.rpartition("KiB: ")[2]) < 200 * 1024
