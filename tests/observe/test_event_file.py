from __future__ import annotations

import itertools
import math
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.observe.event_columns import read_stretch
from orchestrator.observe.event_file import MAX_TAGS, EventFile, read_event_file
from orchestrator.observe.event_records import crc32c, masked
from tests.observe.event_writer import field, frame, run, scalar, tensor_scalar, varint

LOGS = Path(__file__).parents[1] / "logs"
RELAXED = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEPS = 300
FRAMES = run(STEPS)
STARTS = list(itertools.accumulate(map(len, FRAMES), initial=0))
WHOLE = b"".join(FRAMES)

Points = dict[str, list[tuple[int, float, float]]]


def read(tmp_path: Path, data: bytes) -> EventFile:
    path = tmp_path / "events.out.tfevents.1.host.1.0"
    path.write_bytes(data)
    return read_event_file(path)


def points(file: EventFile) -> Points:
    joined = {tag: columns.joined() for tag, columns in file.tags.items()}
    return {tag: list(zip(*(part.tolist() for part in parts), strict=True)) for tag, parts in joined.items()}


def expected(frames: list[int]) -> Points:
    """The points in these frames (numbers into FRAMES), by plain counting."""
    found: Points = {}
    tags = ("loss/current", "loss/average", "lr/unet")
    for number in frames:
        if number:
            step, tag = divmod(number - 1, 3)
            found.setdefault(tags[tag], []).append((step + 1, (step + 1) * 0.5 + tag, 1001.0 + step))
    return found


def test_checksum_is_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"\x00" * 32) == 0x8A9136AA


def test_every_scalar_is_read_in_order(tmp_path: Path) -> None:
    file = read(tmp_path, WHOLE)
    assert points(file) == expected(list(range(len(FRAMES))))
    assert file.damage == []
    assert file.record_count == len(FRAMES)


def test_the_quick_way_is_taken_and_agrees_with_the_slow_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stretch = read_stretch(WHOLE, STARTS[1])
    assert stretch is not None
    # Steps below 128 take one byte, so the first stretch ends there.
    assert stretch.end == STARTS[1 + 3 * 127]
    quick = points(read(tmp_path, WHOLE))
    monkeypatch.setattr("orchestrator.observe.event_file.read_stretch", lambda _buffer, _at: None)
    assert points(read(tmp_path, WHOLE)) == quick


@RELAXED
@given(cut=st.integers(0, len(WHOLE)))
def test_a_torn_tail_keeps_all_before_it_and_says_so(tmp_path: Path, cut: int) -> None:
    file = read(tmp_path, WHOLE[:cut])
    whole_frames = sum(start <= cut for start in STARTS[1:])
    assert points(file) == expected(list(range(whole_frames)))
    rest = cut - STARTS[whole_frames]
    assert file.damage == ([(STARTS[whole_frames], rest)] if rest else [])


@RELAXED
@given(at=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_costs_one_record(tmp_path: Path, at: int, bit: int) -> None:
    data = bytearray(WHOLE)
    data[at] ^= 1 << bit
    file = read(tmp_path, bytes(data))
    lost = next(n for n, start in enumerate(STARTS[1:]) if at < start)
    assert points(file) == expected([n for n in range(len(FRAMES)) if n != lost])
    assert file.damage == [(STARTS[lost], len(FRAMES[lost]))]


@RELAXED
@given(
    at=st.integers(0, len(WHOLE) - 1),
    size=st.integers(1, 3000),
    kind=st.sampled_from(["zeros", "ones", "lost", "added"]),
)
def test_a_hole_is_read_around(tmp_path: Path, at: int, size: int, kind: str) -> None:
    end = min(len(WHOLE), at + size)
    middle = {
        "zeros": b"\0" * (end - at),
        "ones": b"\xff" * (end - at),
        "lost": b"",
        "added": b"\x07" * size + WHOLE[at:end],
    }[kind]
    data = WHOLE[:at] + middle + WHOLE[end:]
    file = read(tmp_path, data)
    before = [n for n in range(len(FRAMES)) if STARTS[n + 1] <= at]
    after = [n for n in range(len(FRAMES)) if STARTS[n] >= (at if kind == "added" else end)]
    # A change inside one frame that leaves it as it was is none; at least all frames outside the hole are there.
    found, sure = points(file), expected(before + after)
    assert all(set(sure[tag]) <= set(found.get(tag, [])) for tag in sure)
    assert all(set(found[tag]) <= set(expected(list(range(len(FRAMES))))[tag]) for tag in found)
    unread = sum(size for _, size in file.damage)
    read_bytes = sum(len(FRAMES[n]) for n in range(len(FRAMES))) if data == WHOLE else None
    assert unread <= len(data)
    if read_bytes is None and kind in ("ones", "added"):
        assert file.damage


@RELAXED
@given(st.binary(max_size=3000))
def test_any_bytes_are_read(tmp_path: Path, data: bytes) -> None:
    file = read(tmp_path, data)
    assert points(file) == {}
    assert sum(size for _, size in file.damage) == len(data)


def test_records_behind_a_hole_of_zeros_come_back(tmp_path: Path) -> None:
    start, end = STARTS[100], STARTS[100] + 10_000
    file = read(tmp_path, WHOLE[:start] + b"\0" * 10_000 + WHOLE[end:])
    next_whole = next(n for n, at in enumerate(STARTS) if at >= end)
    assert points(file) == expected([*range(100), *range(next_whole, len(FRAMES))])
    assert file.notes("x") == (f"x: damaged at byte {start}, {STARTS[next_whole] - start} bytes unread",)


def test_an_absurd_length_with_a_good_checksum_is_damage(tmp_path: Path) -> None:
    length = struct.pack("<Q", 1 << 40)
    file = read(tmp_path, FRAMES[0] + length + struct.pack("<I", masked(crc32c(length))) + b"".join(FRAMES[1:]))
    assert points(file) == expected(list(range(len(FRAMES))))
    assert file.damage == [(len(FRAMES[0]), 12)]


def test_empty_and_text_files_are_no_error(tmp_path: Path) -> None:
    assert read(tmp_path, b"").notes("x") == ()
    assert read(tmp_path, b"step,loss\n" * 50).notes("x") == ("x: damaged at byte 0, 500 bytes unread",)


def test_many_damaged_places_are_told_in_few_lines(tmp_path: Path) -> None:
    frames = [b"\x01" * 20 + f if n % 3 == 1 else f for n, f in enumerate(FRAMES[:200])]
    notes = read(tmp_path, b"".join(frames)).notes("x")
    assert len(notes) == 21
    assert notes[-1].startswith("x: damaged at ")


def test_nan_infinities_and_odd_steps_survive(tmp_path: Path) -> None:
    values = [math.nan, math.inf, -math.inf, 3.0000000054977558e38]
    data = b"".join(scalar("a", step, value, -5.0) for step, value in zip((5, 3, 1 << 40, -2), values, strict=True))
    found = points(read(tmp_path, data))["a"]
    assert [p[0] for p in found] == [5, 3, 1 << 40, -2]
    assert math.isnan(found[0][1])
    assert found[1][1:] == (math.inf, -5.0)


def test_the_newer_form_of_a_scalar_is_read(tmp_path: Path) -> None:
    tensors = [
        varint(1 << 3) + b"\x01" + field(5, struct.pack("<f", 0.5)),
        varint(1 << 3) + b"\x01" + field(4, struct.pack("<f", 0.5)),
        varint(1 << 3) + b"\x02" + field(6, struct.pack("<d", 0.5)),
        varint(1 << 3) + b"\x02" + field(4, struct.pack("<d", 0.5)),
        varint(1 << 3) + b"\x13" + field(4, struct.pack("<e", 0.5)),
        varint(1 << 3) + b"\x01" + b"\x2d" + struct.pack("<f", 0.5),
    ]
    data = b"".join(tensor_scalar("a", n + 1, t) for n, t in enumerate(tensors))
    vector = tensor_scalar("b", 1, varint(1 << 3) + b"\x01" + field(5, struct.pack("<ff", 1, 2)))
    assert points(read(tmp_path, data + vector)) == {"a": [(n + 1, 0.5, 1000.0) for n in range(len(tensors))]}


def test_events_without_scalars_and_unknown_fields_are_passed(tmp_path: Path) -> None:
    odd = frame(
        b"\x09"
        + struct.pack("<d", 1.0)
        + b"\x10\x05"
        + field(99, b"?")
        + b"\x9d\x06"
        + b"abcd"
        + field(5, field(1, field(1, b"img") + field(4, b"png")))
    )
    file = read(tmp_path, odd + scalar("a", 1, 2.0))
    assert points(file) == {"a": [(1, 2.0, 1000.0)]}
    assert file.damage == []


def test_a_sound_frame_with_nonsense_inside_is_told(tmp_path: Path) -> None:
    nonsense = frame(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
    file = read(tmp_path, nonsense + scalar("a", 1, 2.0))
    assert file.damage == [(0, len(nonsense))]
    assert len(points(file)["a"]) == 1


def test_strange_tags_are_text(tmp_path: Path) -> None:
    found = points(read(tmp_path, scalar("<script>alert(1)</script>", 1, 1.0) + scalar("损失", 1, 1.0)))
    assert set(found) == {"<script>alert(1)</script>", "损失"}


def test_a_flood_of_tags_is_cut_and_told(tmp_path: Path) -> None:
    file = read(tmp_path, b"".join(scalar(f"t{n}", 1, 1.0) for n in range(MAX_TAGS + 7)))
    assert len(file.tags) == MAX_TAGS
    assert file.notes("x") == (f"x: more than {MAX_TAGS} different tags, 7 numbers left out",)


@pytest.mark.parametrize("path", sorted(LOGS.glob("*/logs/**/*tfevents*")), ids=lambda p: p.relative_to(LOGS).parts[0])
def test_real_files_read_as_tensorboard_reads_them(path: Path) -> None:
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader", reason="tensorboard is not installed"
    )
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    wanted: Points = {}
    for record in loader.RawEventFileLoader(str(path)).Load():
        event = event_pb2.Event.FromString(record)
        for value in event.summary.value:
            wanted.setdefault(value.tag, []).append((event.step, value.simple_value, event.wall_time))
    file = read_event_file(path)
    assert repr(points(file)) == repr(wanted)
    assert file.damage == []
