"""The quick way through an event file: rows of equal bytes are decoded as columns.

A trainer logs the same tags in the same order after every step, one frame each, so for long stretches the file is a
table: every row has the same length and differs only in times, steps, values and checksums. One row is read by hand as
a template; the rows after it are compared with it in one go and, where the fixed bytes agree, decoded as arrays. The
checksums are not skipped: CRC is affine, so the checksum of a row's data is that of the template combined with one table
entry for each byte that may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from orchestrator.observe.event_records import (
    FRAME_BYTES,
    HEADER_BYTES,
    BadRecordError,
    crc32c,
    crc_table,
    is_intact,
    length_at,
    read_event,
)

if TYPE_CHECKING:
    import numpy as np

MAX_ROW_FRAMES: Final = 64
_MIN_ROWS: Final = 8
"""Fewer rows than this are read by hand."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame of the template row; offsets are from the start of the row."""

    tag: bytes
    data_at: int
    length: int
    step_at: int
    step_bytes: int
    value_at: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Scalars decoded together: for each tag steps int64 (N,), values float64 (N,), times float64 (N,)."""

    columns: tuple[tuple[bytes, np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]], ...]
    end: int
    """Offset behind the last row."""


def _frame_at(buffer: bytes, at: int, row_at: int) -> _Frame | None:
    """Read a frame by hand, when it has the one shape trainers write: time, step, one summary value with tag and float."""
    length = length_at(buffer, at) if at + HEADER_BYTES <= len(buffer) else None
    if length is None or at + FRAME_BYTES + length > len(buffer) or not is_intact(buffer, at, length):
        return None
    start = at + HEADER_BYTES
    data = buffer[start : start + length]
    step_bytes = 1
    while step_bytes < 10 and 9 + step_bytes < length and data[9 + step_bytes] > 127:
        step_bytes += 1
    summary = 10 + step_bytes
    shape_is_known = length > summary + 10 and data[0] == 0x09 and data[9] == 0x10 and data[summary] == 0x2A
    if not shape_is_known or data[summary + 1] > 127 or data[summary + 2] != 0x0A or data[-5] != 0x15:
        return None
    try:
        scalars = read_event(data)
    except BadRecordError:
        return None
    if len(scalars) != 1:
        return None
    row_start = start - row_at
    return _Frame(scalars[0].tag, row_start, length, row_start + 10, step_bytes, row_start + length - 4)


def _template(buffer: bytes, at: int) -> tuple[_Frame, ...]:
    """Return the frames of one row: up to where the first tag comes again."""
    frames: list[_Frame] = []
    position = at
    while len(frames) < MAX_ROW_FRAMES:
        frame = _frame_at(buffer, position, at)
        if frame is None:
            return ()
        if frames and frame.tag == frames[0].tag:
            return tuple(frames)
        frames.append(frame)
        position += FRAME_BYTES + frame.length
    return ()


@lru_cache(maxsize=256)
def _byte_table(following: int) -> np.ndarray[Any, Any]:
    """Return what one byte with `following` bytes behind it adds to a CRC-32C: uint32 (256,)."""
    import numpy as np

    table = np.array(crc_table(), dtype=np.uint32)
    result: np.ndarray[Any, Any] = table.copy()
    for _ in range(following):
        result = table[result & 0xFF] ^ (result >> np.uint32(8))
    return np.asarray(result)


def _checksums_agree(rows: np.ndarray[Any, Any], frame: _Frame) -> np.ndarray[Any, Any]:
    """Return for each row whether the data of `frame` has its checksum: bool (rows,)."""
    import numpy as np

    varying = [*range(frame.data_at + 1, frame.data_at + 9), *range(frame.step_at, frame.step_at + frame.step_bytes)]
    varying += range(frame.value_at, frame.value_at + 4)
    fixed = rows[0, frame.data_at : frame.data_at + frame.length].copy()
    fixed[[at - frame.data_at for at in varying]] = 0
    crc = np.full(len(rows), crc32c(fixed.tobytes()), dtype=np.uint32)
    last = frame.data_at + frame.length - 1
    for at in varying:
        crc ^= _byte_table(last - at)[rows[:, at]]
    crc = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)
    stored = np.ascontiguousarray(rows[:, last + 1 : last + 5]).view("<u4").ravel()
    return np.asarray(crc == stored)


def _fixed_bytes(frames: tuple[_Frame, ...], row_bytes: int) -> np.ndarray[Any, Any]:
    """Return which bytes of a row must equal the template's: bool (row_bytes,). Length checksums are among them."""
    import numpy as np

    fixed = np.ones(row_bytes, dtype=bool)
    for frame in frames:
        fixed[frame.data_at + 1 : frame.data_at + 9] = False
        fixed[frame.step_at : frame.step_at + frame.step_bytes] = False
        fixed[frame.value_at : frame.value_at + 8] = False
    return fixed


def read_stretch(buffer: bytes, at: int) -> Stretch | None:
    """Decode as many rows as are alike from the frame at `at` on; None where the file has no such shape here."""
    frames = _template(buffer, at)
    if not frames:
        return None
    import numpy as np

    row_bytes = frames[-1].data_at + frames[-1].length + 4
    count = (len(buffer) - at) // row_bytes
    if count < _MIN_ROWS:
        return None
    # Blocks keep the comparison in cache and stop early where the shape ends.
    table = np.frombuffer(buffer, dtype=np.uint8, count=count * row_bytes, offset=at).reshape(count, row_bytes)
    fixed = _fixed_bytes(frames, row_bytes)
    good = 0
    while good < count:
        block = table[good : good + 4096]
        bad = _first_bad(block, table[0], fixed, frames)
        good += bad
        if bad < len(block):
            break
    if good < _MIN_ROWS:
        return None
    rows = table[:good]
    return Stretch(tuple((f.tag, *_decode(rows, f)) for f in frames), at + good * row_bytes)


def _first_bad(
    block: np.ndarray[Any, Any], template: np.ndarray[Any, Any], fixed: np.ndarray[Any, Any], frames: tuple[_Frame, ...]
) -> int:
    """Return the number of rows at the start of `block` that fit the template and have good checksums."""
    import numpy as np

    good = ~((block != template) & fixed).any(axis=1)
    for frame in frames:
        varint = block[:, frame.step_at : frame.step_at + frame.step_bytes]
        good &= (varint[:, :-1] > 127).all(axis=1) & (varint[:, -1] < 128)
        good &= _checksums_agree(block, frame)
    return len(block) if good.all() else int(np.argmin(good))


def _decode(
    rows: np.ndarray[Any, Any], frame: _Frame
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    import numpy as np

    steps = np.zeros(len(rows), dtype=np.uint64)
    for k in range(frame.step_bytes):
        steps |= (rows[:, frame.step_at + k].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * k)
    values = np.ascontiguousarray(rows[:, frame.value_at : frame.value_at + 4]).view("<f4").ravel().astype(np.float64)
    times = np.ascontiguousarray(rows[:, frame.data_at + 1 : frame.data_at + 9]).view("<f8").ravel()
    return steps.view(np.int64), values, times
