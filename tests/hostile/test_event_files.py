"""Event files as crashes, full disks and strangers leave them: read around what is damaged, and what was not read is told."""

from __future__ import annotations

import itertools
import math
import random
import re
import struct
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.observe.event_file import read_event_file
from orchestrator.observe.event_records import crc32c, masked
from orchestrator.observe.scalars import read_scalars
from orchestrator.report.judged import diagnose
from tests.hostile.counts import IS_FULL, count
from tests.hostile.fuzz_page import note
from tests.observe.event_writer import run, scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TAGS = ("loss/current", "loss/average", "lr/unet")
FRAMES = run(101, TAGS)
"""304 records, as in a run of 101 steps."""
STARTS = list(itertools.accumulate(map(len, FRAMES), initial=0))
WHOLE = b"".join(FRAMES)
HALF = 152
"""The record that is damaged: TensorBoard stops there without a word, and returns the 152 before it."""
AT, NEXT = STARTS[HALF], STARTS[HALF + 1]
_LENGTH = struct.pack("<Q", 1 << 40)

Damage = tuple[bytes, int, int, int]
"""The file, where it is damaged, bytes that cannot be read, records behind the damage that can."""
DAMAGED: dict[str, Damage] = {
    "H01 cut in a record": (WHOLE[: AT + 20], AT, 20, 0),
    "H02 cut in a header": (WHOLE[: AT + 5], AT, 5, 0),
    "H03 wrong checksum of the data": (
        WHOLE[: AT + 20] + bytes([WHOLE[AT + 20] ^ 1]) + WHOLE[AT + 21 :], AT, NEXT - AT, len(FRAMES) - HALF - 1,
    ),
    "H04 a length of 2^40": (
        WHOLE[:AT] + _LENGTH + struct.pack("<I", masked(crc32c(_LENGTH))) + WHOLE[AT + 12 :],
        AT, NEXT - AT, len(FRAMES) - HALF - 1,
    ),
    "H05 a tail of zeros": (WHOLE[:AT] + b"\0" * (len(WHOLE) - AT), AT, len(WHOLE) - AT, 0),
    "H06 a hole of zeros": (
        WHOLE[:AT] + b"\0" * (STARTS[HALF + 30] - AT) + WHOLE[STARTS[HALF + 30] :],
        AT, STARTS[HALF + 30] - AT, len(FRAMES) - HALF - 30,
    ),
}  # fmt: skip
NO_DATA = {
    "empty": b"",
    "text": b"step,loss\n1,0.5\n" * 100,
    "a picture": b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(5000),
    "random": random.Random(2).randbytes(200_000),
    "zeros": b"\0" * 100_000,
    "ones": b"\xff" * 100_000,
    "half a header": WHOLE[:7],
}
MOST_CUTS, MOST_POINTS = 5_000, 1_000_000
"""With LORA_FULL=1; a part of them at each change."""
CUTS = FLIPS = count(MOST_CUTS, 300)
POINTS = count(MOST_POINTS, 30_000)


def write(folder: Path, data: bytes, name: str = "events.out.tfevents.1.host.1.0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


def points_of(frames: list[int]) -> set[tuple[str, int]]:
    """The (tag, step) of records by their number in the file."""
    return {(TAGS[(n - 1) % 3], (n - 1) // 3 + 1) for n in frames if n}


def found(path: Path) -> tuple[set[tuple[str, int]], list[tuple[int, int]]]:
    file = read_event_file(path)
    return {(tag, int(step)) for tag, c in file.tags.items() for step in c.joined()[0]}, file.damage


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_whole_is_read_and_what_is_not_is_told(name: str, tmp_path: Path) -> None:
    data, at, unread, behind = DAMAGED[name]
    path = write(tmp_path, data)
    points, damage = found(path)
    assert points == points_of([*range(HALF), *range(len(FRAMES) - behind, len(FRAMES))])
    assert sum(size for _, size in damage) == unread
    assert damage[0][0] == at
    reading = read_scalars([path], lambda p: p.name)
    assert re.fullmatch(rf"{re.escape(path.name)}: damaged at byte {at}, \d+ bytes unread", reading.damage[0])


@pytest.mark.parametrize("name", [name for name in DAMAGED if not name.startswith("H04")])
def test_tensorboard_itself_stops_there(name: str, tmp_path: Path) -> None:
    """Of a length of 2^40 it is not asked: it would read a terabyte."""
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader", reason="tensorboard is not installed"
    )
    read = sum(1 for _ in loader.RawEventFileLoader(str(write(tmp_path, DAMAGED[name][0]))).Load())
    assert read == HALF
    assert len(found(tmp_path / "events.out.tfevents.1.host.1.0")[0]) + 1 >= read


def test_any_cut_keeps_what_is_before_it_and_any_flip_costs_one_record(tmp_path: Path) -> None:
    draw = random.Random(20261129)
    for _ in range(CUTS):
        cut = draw.randrange(len(WHOLE))
        whole = sum(start <= cut for start in STARTS[1:])
        points, damage = found(write(tmp_path, WHOLE[:cut]))
        assert points == points_of(list(range(whole)))
        assert sum(size for _, size in damage) == cut - STARTS[whole]
    for _ in range(FLIPS):
        at, bit = draw.randrange(len(WHOLE)), draw.randrange(8)
        data = bytearray(WHOLE)
        data[at] ^= 1 << bit
        lost = next(n for n, start in enumerate(STARTS[1:]) if at < start)
        points, damage = found(write(tmp_path, bytes(data)))
        assert points == points_of([n for n in range(len(FRAMES)) if n != lost])
        assert damage == [(STARTS[lost], len(FRAMES[lost]))]
    note("H01-H06", f"{CUTS:,} cuts and {FLIPS:,} flipped bits", "every whole record read, every other told")


@pytest.mark.parametrize("name", NO_DATA)
def test_a_file_that_is_none_gives_no_data_and_no_error(name: str, tmp_path: Path) -> None:
    data = NO_DATA[name]
    reading = read_scalars([write(tmp_path, data)], lambda p: p.name)
    assert reading.series == {}
    told = sum(int(line.rpartition(", ")[2].split()[0]) for line in reading.damage)
    assert told == len(data)


def test_two_writers_in_one_folder_become_one_course(tmp_path: Path) -> None:
    """60 points, then 40 of a second attempt that began again at step 31: the newest value of each step."""
    first = b"".join(scalar("loss/current", s, 1.0, 1000.0 + s) for s in range(1, 61))
    second = b"".join(scalar("loss/current", s, 2.0, 2000.0 + s) for s in range(31, 71))
    paths = [write(tmp_path, first, "events.out.tfevents.1"), write(tmp_path, second, "events.out.tfevents.2")]
    for order in (paths, paths[::-1]):
        series = read_scalars(order, lambda p: p.name).series["loss/current"]
        assert list(series.steps) == list(range(1, 71))
        assert list(series.values) == [1.0] * 30 + [2.0] * 40
    woven = b"".join(part for pair in zip(FRAMES, FRAMES, strict=True) for part in pair)
    series = read_scalars([write(tmp_path / "woven", woven)], lambda p: p.name).series["lr/unet"]
    assert list(series.steps) == list(range(1, 102))


ODD: dict[str, Callable[[], bytes]] = {
    "steps that go back": lambda: b"".join(scalar("lr/unet", s, 1.0) for s in (5, 4, 3, 9, 1)),
    "the same step thrice": lambda: b"".join(scalar("lr/unet", 7, v) for v in (1.0, 2.0, 3.0)),
    "negative and huge steps": lambda: b"".join(scalar("lr/unet", s, 1.0) for s in (-5, 0, 1 << 40, (1 << 63) - 1)),
    "no number": lambda: b"".join(scalar("lr/unet", s, v) for s, v in enumerate((math.nan, math.inf, -math.inf, 3e38), 1)),
    "1970 and 2100": lambda: scalar("lr/unet", 1, 1.0, 0.0) + scalar("lr/unet", 2, 1.0, 4.1e9) + scalar("lr/unet", 3, 1.0, math.nan),
    "a script as tag": lambda: b"".join(scalar("<script>alert(1)</script>", s, 1.0) for s in range(1, 50)),
    "an escape as tag": lambda: scalar("\x1b]52;c;aGk=\x07loss", 1, 1.0) + scalar("lr/\u202eunet", 1, 1.0),
}  # fmt: skip


RELIABILITY = {
    **{
        name[:3]: f"{name[4:]}: the same points as before it, all that is whole behind it, and the bytes unread"
        for name in DAMAGED
    },
    "H01-H03": f"{MOST_CUTS:,} other cuts and {MOST_CUTS:,} flipped bits (with LORA_FULL=1)",
    "H07": f"{len(NO_DATA)} files that are none",
    "H08": "two writers in one folder",
    "H09": f"{len(ODD)} kinds of odd numbers, times, orders and tags; {MOST_POINTS:,} points (with LORA_FULL=1)",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_numbers_reach_a_report_that_is_whole_and_harmless(name: str, tmp_path: Path) -> None:
    log = WHOLE + ODD[name]()
    write(tmp_path / "logs" / "20261129010101" / "network_train", log)
    series = read_scalars(sorted((tmp_path / "logs").rglob("*tfevents*")), lambda p: p.name).series
    assert all(list(s.steps) == sorted(set(s.steps)) for s in series.values())
    started = time.process_time()
    done = diagnose(tmp_path / "logs", "en", tmp_path / "out")
    assert time.process_time() - started < 20  # some seconds on a quiet machine
    page = done.files["report.html"].read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert page.rstrip().endswith("</html>")


def test_a_very_long_run_is_read_soon(tmp_path: Path) -> None:
    data = b"".join(run(POINTS // 3, TAGS))
    path = write(tmp_path, data)
    started = time.process_time()
    reading = read_scalars([path], lambda p: p.name)
    seconds = time.process_time() - started
    assert [len(s) for s in reading.series.values()] == [POINTS // 3] * 3
    note("H09", f"{POINTS:,} points", f"read in {seconds:.1f} s CPU")
    if IS_FULL:
        assert seconds < 5
