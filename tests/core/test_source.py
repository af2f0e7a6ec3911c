"""YAML with positions: values as YAML 1.2 means them, everything else refused at its place, nothing else ever raised."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import InputError
from orchestrator.core.source import MAX_BYTES, Document, dotted, parse_document, read_document
from tests.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.finding import Problem


def value_of(text: str) -> Any:
    return parse_document(f"a: {text}\n", "f").data["a"]


def refusal(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_document(text, "f")
    return [f"{p.code} {one_line(p)}" for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("1E-4", 1e-4), ("1.0e-4", 1e-4), (".5", 0.5), ("5.", 5.0), ("1.10", 1.1), ("-0.0", -0.0), ("+7", 7),
        ("010", 10), ("0x1F", 31), ("0o17", 15), ("1_1", "1_1"), ("1_000", "1_000"), ("1:30", "1:30"), ("16:9", "16:9"),
        ("12:30:45", "12:30:45"), ("2024-01-01", "2024-01-01"), ("yes", "yes"), ("No", "No"), ("on", "on"), ("OFF", "OFF"),
        ("true", True), ("False", False), ("TRUE", True), ("tRue", "tRue"), ("null", None), ("~", None), ("NULL", None),
        ("nan", "nan"), ("inf", "inf"), ("'1e-4'", "1e-4"), ('"true"', "true"), ("0", 0), ("1e", "1e"), ("e5", "e5"),
        ("0b1", "0b1"), ("1.2.3", "1.2.3"), ("=", "="), ("9223372036854775807", 9223372036854775807),
        ("初音ミク", "初音ミク"), ("a#b", "a#b"), ("a b # c", "a b"), ("'it''s'", "it's"), ('"\\u00e9"', "é"),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [".inf", "-.inf", "+.INF", ".nan", ".NaN", "1e999", "-1e999", "1e-999", "9" * 5000, "9" * 19, "-" + "9" * 19],
)
def test_numbers_nobody_can_train_with_are_refused(text: str) -> None:
    assert refusal(f"a: {text}\n")[0].startswith("number-out-of-range f:1:4:")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key f:3:1: `a` is written twice: in line 1 and in line 3"),
        ("a:\n  b: 1\n  b: 1\n", "duplicate-key f:3:3: `b` is written twice: in line 2 and in line 3"),
        ("a: 1\n'a': 2\n", "duplicate-key f:2:1: `a` is written twice: in line 1 and in line 2"),
        ("a: {b: 1, b: 2}\n", "duplicate-key f:1:11: `b` is written twice: in line 1 and in line 1"),
        ("a: !x 1\n", "tag f:1:4: a type tag (`!...`) is not read here"),
        ("a: ! 1\n", "tag f:1:4: a type tag (`!...`) is not read here"),
        ("a: !!map {}\n", "tag f:1:4: a type tag (`!...`) is not read here"),
        ("a: !e!x 1\n", "tag f:1:4: a type tag (`!...`) is not read here"),
        ("!x a: 1\n", "tag f:1:1: a type tag (`!...`) is not read here"),
        ("a: &x 1\n", "anchor f:1:4: the anchor `&x` is not read here"),
        ("<<: {b: 1}\n", "merge-key f:1:1: the merge key `<<` is not read here"),
        ("\ta: 1\n", "tab f:1:1: a tab stands where YAML wants spaces"),
        ("a:\t1\n", "tab f:1:3: a tab stands where YAML wants spaces"),
        ("a: 1\n---\nb: 1\n", "second-document f:2:1: a second document begins here"),
        ("", "not-a-recipe f:1:1: the file is empty"),
        ("---\n", "not-a-recipe f:1:1: the file is empty"),
        ("5\n", "not-a-recipe f:1:1: the file holds no `key: value` lines"),
        ("? [a]\n: 1\n", "no-key f:1:3: a key must be a word"),
        ("a: 1\n'': 2\n", "no-key f:2:1: a key must be a word"),
        ("%YAML 1.2\n---\na: 1\n", "directive f:1:1: a directive (`%...`) is not read here"),
        ("a: b\x00c\n", "control-character f:1:5: an invisible control character (U+0000) stands here"),
        ("a: 1\nb: \x1b[0m\n", "control-character f:2:4: an invisible control character (U+001B) stands here"),
        ("a: b\u2028c\n", "control-character f:1:5: an invisible control character (U+2028) stands here"),
    ],
)
def test_what_recipes_do_without_is_refused_at_its_place(text: str, told: str) -> None:
    assert refusal(text) == [told]


def test_all_mistakes_are_told_at_once() -> None:
    assert [line.split()[0] for line in refusal("a: &x 1\nb: .nan\nc: !t 1\na: 2\n")] == [
        "anchor",
        "number-out-of-range",
        "tag",
        "duplicate-key",
    ]


def test_a_forgiving_reader_goes_on_and_keeps_the_first_value() -> None:
    text = "a: 1\nb: .nan\nc: !t 1\nd: {x: 1}\nd: {x: 2, y: *q}\na: 2\ne: *q\nf: end\n---\ng: 1\n"
    document = parse_document(text, "f", is_forgiving=True)
    assert document.data == {"a": 1, "b": None, "c": 1, "d": {"x": 1}, "e": None, "f": "end"}
    assert str(document.spots["d", "x"].value) == "f:4:8"
    assert ("d", "y") not in document.spots
    found = [p.code for p in document.problems]
    codes = ["number-out-of-range", "tag", "duplicate-key", "alias", "duplicate-key", "alias", "second-document"]
    assert found == codes
    assert [line.split()[0] for line in refusal(text)] == codes


@pytest.mark.parametrize("text", ["a: 1\na: 2\nb: 'c\n", "&x [a]\n", "a: 1\na: " + "[" * 40 + "]" * 40])
def test_a_forgiving_reader_still_refuses_what_it_cannot_read_to_the_end(text: str) -> None:
    with pytest.raises(InputError):
        parse_document(text, "f", is_forgiving=True)


def test_self_reference_and_alias_bombs_are_refused() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert {line.split()[0] for line in refusal("\n".join(lines))} == {"anchor", "alias"}
    assert {line.split()[0] for line in refusal("a: &a [*a]\n")} == {"anchor", "alias"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 30_000, "too-deep"),
        ("{a: " * 30_000, "too-deep"),
        ("- " * 30_000, "too-deep"),
        ("? " * 30_000, "too-deep"),
        ("".join(f"k{i}: 1\n" for i in range(30_000)), "too-large"),
        ("a: [" + "b, " * 30_000 + "]", "too-large"),
        ("a" * (MAX_BYTES + 1), "too-large"),
    ],
    ids=["lists", "tables", "dashes", "keys in keys", "30000 keys", "30000 items", "1 MiB"],
)
def test_bombs_end_soon(text: str, code: str) -> None:
    started = time.process_time()
    assert code in {line.split()[0] for line in refusal(text)}
    assert time.process_time() - started < 1.0


def test_places_of_keys_and_values() -> None:
    document = parse_document("a: 1\ns:\n  k:  [x, {m: 'text'}]   # why\n\n  l: 2\nt: |\n  one\n  two\n", "r.yaml")
    spots = {dotted(path): spot for path, spot in document.spots.items()}
    where = {name: str(spot.value) for name, spot in spots.items()}
    assert where["s.k"] == "r.yaml:3:7"
    assert where["s.k[1].m"] == "r.yaml:3:15"
    key = spots["s.k"].key
    assert key is not None
    assert (key.line, key.column, key.length, key.source) == (3, 3, 1, "  k:  [x, {m: 'text'}]   # why")
    assert spots["s.k[1].m"].value.length == len("'text'")
    assert document.text[spots["s.k"].start : spots["s.k"].end] == "[x, {m: 'text'}]"
    assert document.text[spots["s"].start : spots["s"].end].endswith("l: 2")
    assert spots["s"].is_block
    assert not spots["s.k"].is_block
    assert (spots["a"].raw, spots["s.k[1].m"].raw) == ("1", None)


def test_crlf_counts_lines_as_editors_do() -> None:
    document = parse_document("a: 1\r\nb:\r\n  c: 2\r\n", "f")
    assert document.data == {"a": 1, "b": {"c": 2}}
    spot = document.spots["b", "c"]
    assert (spot.value.line, spot.value.column, spot.value.source) == (3, 6, "  c: 2")
    assert document.text[spot.start : spot.end] == "2"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: 1\n".encode("utf-16"), "f.yaml:1:1: the file is UTF-16"),
        ("a: 1\n".encode("utf-16-be"), "f.yaml:1:1: an invisible control character (U+0000) stands here"),
        (b"\xfe\xff\x00a", "f.yaml:1:1: the file is UTF-16"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "`f.yaml` is no recipe: it holds no text"),
        (b"\x40\0\0\0\0\0\0\0{}" + b" " * MAX_BYTES, "`f.yaml` is no recipe: it holds no text"),
        (b"\xef\xbb\xbfa: 1\n", "f.yaml:1:1: the file begins with an invisible byte order mark (BOM)"),
        ("a: 1\nb: café\n".encode("latin-1"), "f.yaml:2:7: the byte 0xe9 here is no UTF-8"),
        ("a: 初音\n".encode("gbk"), "f.yaml:1:4: the byte 0xb3 here is no UTF-8"),
        (b"a: 1\nb: \xff\xfe\n", "f.yaml:2:4: the byte 0xff here is no UTF-8"),
        (b"a: \x00\n", "f.yaml:1:4: an invisible control character (U+0000) stands here"),
    ],
)
def test_encodings_are_named(content: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_document(Path("f.yaml"))
    assert one_line(caught.value.problems[0]) == told


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "file").write_text("a: 1\n", encoding="utf-8")
    wrong = {
        "no.yaml": "文件不存在",
        ".": "它是文件夹",
        "file/a.yaml": "路径中间有一段不是文件夹",
        "loop.yaml": "链接指向了自己",
        f"{'a' * 300}.yaml": "名字太长",
        "bad\0name": "这不是合法的文件名",
    }
    for name, reason in wrong.items():
        with pytest.raises(InputError, match="cannot read") as caught:
            read_document(tmp_path / name)
        problem = caught.value.problems[0]
        assert problem.fix is not None
        assert problem.why is not None
        assert problem.why.zh == reason


_TEXT = st.text() | st.text(alphabet="ab: -[]{},'\"\n#&*!|>%@`?\t1e.\\\r<=~") | st.text(alphabet="- \n:a?")


def outcome(read: Callable[[], Document]) -> Document | tuple[Problem, ...]:
    try:
        return read()
    except InputError as error:
        return error.problems


@settings(max_examples=400, deadline=None)
@given(_TEXT)
def test_no_text_raises_anything_else(text: str) -> None:
    found = outcome(lambda: parse_document(text, "f", is_any_top=True))
    forgiven = outcome(lambda: parse_document(text, "f", is_forgiving=True))
    assert not isinstance(forgiven, Document) or isinstance(forgiven.data, dict)
    if isinstance(found, Document):
        assert all(0 <= s.start <= s.end <= len(text) for s in found.spots.values())
    else:
        places = [p.where for p in found if p.where is not None]
        assert found
        assert all(w.line >= 1 and w.column >= 1 and w.length >= 1 for w in places)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60))
def test_no_bytes_raise_anything_else(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    assert outcome(lambda: read_document(path))
