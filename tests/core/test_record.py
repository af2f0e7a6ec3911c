"""Records on disk and JSON on standard output: whatever a file is called, they are UTF-8 and say the same when read back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.record import json_parts, json_text, read_record, record_text, scrub, write_record, write_text
from orchestrator.report.json_text import print_json

if TYPE_CHECKING:
    from pathlib import Path


NAME = os.fsdecode(b"bad\xff\xfe, \xe5\x88\x9d\xe9\x9f\xb3.png")
"""Two bytes that are no UTF-8, two characters that are."""


def test_a_name_that_is_no_utf8_comes_back_from_a_record(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_record(path, "plan", 1, {"link": NAME})
    assert read_record(path, "plan", 1)["link"] == NAME
    assert path.read_bytes() == record_text("plan", 1, {"link": NAME}).encode("utf-8")
    assert "初音.png" in path.read_text(encoding="utf-8")


def test_a_page_that_names_it_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / "report.html", f"<p>{NAME}</p>")
    assert "初音.png</p>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_json_on_standard_output_is_utf8(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_json({"path": NAME})
    assert json.loads(capsysbinary.readouterr().out.decode("utf-8")) == {"path": NAME}


def test_a_long_record_comes_in_parts(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = [{"path": f"{number:04}.png", "findings": [NAME]} for number in range(1000)]
    parts = list(json_parts({"images": rows}))
    assert max(map(len, parts)) < 50_000
    assert "".join(parts) == json_text({"images": rows})
    print_json({"images": rows})
    assert capsysbinary.readouterr().out.decode("utf-8") == json_text({"images": rows})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2", "password=***"),
        ("api_key: abc", "api_key: ***"),
        ("https://me:word@there/x", "https://***@there/x"),
        ("hf_abcdefghijklmnopqrst", "***"),
        ("00017.png", "00017.png"),
    ],
)
def test_secrets_are_hidden_by_whatever_sign_they_have(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_what_cannot_be_written_is_told_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - which one is the system's to say
        write_text(tmp_path / "none" / "page.html", "x")
    assert caught.value.filename == str(tmp_path / "none" / "page.html")
