from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.telemetry.lines import LineFile, one_line, rounded
from orchestrator.telemetry.settings import Settings, default_interval, is_due, probe_interval, read_settings

GOOD = {"version": 1, "mode": "probe", "folder": "attempts/001/telemetry"}


def _read(tmp_path: Path, **changes: Any) -> Settings:
    path = tmp_path / "telemetry.json"
    path.write_text(json.dumps(GOOD | changes))
    return read_settings(path)


def test_settings_have_defaults_and_ignore_what_is_unknown(tmp_path: Path) -> None:
    assert _read(tmp_path, later="x") == Settings("probe", Path("attempts/001/telemetry"))
    given = _read(tmp_path, probe_every_steps=25, probe_timesteps=[50, 950], total_steps=320, probe_pictures=2)
    assert (given.probe_every_steps, given.probe_timesteps, given.total_steps, given.probe_pictures) == (
        25, (50.0, 950.0), 320, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 1 is expected, found 2"),
        ({"mode": "off"}, "mode must be one of log, probe, found 'off'"),
        ({"folder": ""}, "folder must name"),
        ({"probe_timesteps": [0, 500]}, "must lie between 0 and 1000"),
        ({"probe_every_steps": -1}, "probe_every_steps must be a whole number"),
        ({"probe_pictures": True}, "probe_pictures must be a whole number"),
        ({"trigger": 3}, "trigger must be a text, found 3"),
    ],
)
def test_wrong_settings_are_told(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _read(tmp_path, **changes)


def test_no_trigger_is_none(tmp_path: Path) -> None:
    found = [_read(tmp_path, trigger=word).trigger for word in (None, "", "  ", " alice xyz ")]
    assert found == [None, None, None, "alice xyz"]


@pytest.mark.parametrize(
    ("total", "interval"), [(1, 1), (7, 1), (8, 1), (320, 40), (1500, 187), (1600, 200), (9999, 200)]
)
def test_the_interval_between_probes(total: int, interval: int) -> None:
    assert default_interval(total) == interval
    assert total < 8 or total // interval >= 8


@pytest.mark.parametrize("total", [8, 9, 15, 16, 17, 320, 327, 1499, 1500, 1503, 1600, 9999, 100_000])
def test_no_probe_is_spent_just_before_the_last_and_eight_remain(total: int) -> None:
    interval = default_interval(total)
    due = [number for number in range(1, total) if is_due(number, interval, total)]
    assert len(due) + 1 >= 8
    assert all(2 * (total - number) >= interval for number in due)
    assert all(late - early == interval for early, late in itertools.pairwise(due))


def test_an_asked_interval_never_costs_the_eight_probes() -> None:
    assert probe_interval(25, 1000) == 25
    assert probe_interval(500, 1000) == 125
    assert probe_interval(25, 100) == 12
    assert probe_interval(None, 1000) == 125


def test_a_torn_line_stays_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rank0.jsonl"
    first = LineFile(path)
    first.write([{"k": "s", "n": 1}, {"k": "s", "l": [float("nan"), float("inf")]}])
    first.close()
    with path.open("a") as file:
        file.write('{"k":"s","n":3,"l":[0.1')
    second = LineFile(path)
    second.write([{"k": "head"}])
    second.close()
    assert path.read_text() == (
        '{"k":"s","n":1}\n{"k":"s","l":[NaN,Infinity]}\n{"k":"s","n":3,"l":[0.1\n{"k":"head"}\n'
    )


def test_lines_of_one_call_go_out_in_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LineFile(tmp_path / "rank0.jsonl")
    written: list[int] = []
    write = os.write

    def counted(number: int, data: Any) -> int:
        written.append(len(data))
        return write(number, data)

    monkeypatch.setattr(os, "write", counted)
    file.write({"n": number} for number in range(5000))
    assert len(written) == 1
    file.close()
    assert len((tmp_path / "rank0.jsonl").read_text().splitlines()) == 5000


def test_notes_are_one_line_without_the_users_folders() -> None:
    text = "cannot open '/home/user name/secret/a.png'\n  at C:\\Users\\me\\b.py and x/y.py"
    assert one_line("cannot open '/home/someone/secret/a.png'\n\n at /usr/lib/b.py") == "cannot open 'a.png' at b.py"
    assert "me" not in one_line(text).split()
    assert one_line("no '/home/john smith/data set (old): b/a.png' here") == "no 'a.png' here"
    assert one_line("bad \\\\nas\\j smith\\a.png in C:\\My Own\\b.png") == "bad a.png in b.png"
    assert one_line("OSError: /mnt/Client ACME/a.png: 1/2 read, see 10_a/b.png") == (
        "OSError: a.png: 1/2 read, see 10_a/b.png"
    )
    assert len(one_line("x" * 1000)) == 300


def test_numbers_are_cut_to_what_they_hold() -> None:
    assert rounded(0.1234567891) == 0.1234568
    assert rounded(float("inf")) == float("inf")
    assert json.dumps(rounded(1e-4)) == "0.0001"
