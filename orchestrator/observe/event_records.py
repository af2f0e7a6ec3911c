"""TensorBoard event files: frames of length, checksum, data, checksum; read around damage, nothing sampled.

A frame is `u64 length, u32 masked crc32c(length), data, u32 masked crc32c(data)`, little endian. Data is a protobuf
`Event`; only what a scalar needs is walked. A damaged frame is skipped, and after it the next offset is searched where
a length and its checksum agree.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_BYTES: Final = 12
FRAME_BYTES: Final = 16
"""Bytes of a frame around its data."""
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
"""No scalar, and nothing these trainers log, comes near; a longer length is damage."""
_MASK_DELTA: Final = 0xA282EAD8
_U64: Final = struct.Struct("<Q")
_U32: Final = struct.Struct("<I")
_F64: Final = struct.Struct("<d")
_F32: Final = struct.Struct("<f")
_F16: Final = struct.Struct("<e")
# A plausible length: three low bytes not all zero, five high bytes zero.
_LENGTH = re.compile(rb"(?s)(?=(?!\x00\x00\x00).{3}\x00{5})")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One logged number."""

    tag: bytes
    step: int
    value: float
    wall_time: float


class BadRecordError(ValueError):
    """The data of a frame is no event."""


@lru_cache(maxsize=1)
def crc_table() -> tuple[int, ...]:
    """Return the 256 entries of CRC-32C (Castagnoli, reflected)."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of `data`."""
    table = crc_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """Return `crc` as it stands in a file: rotated and shifted, so that data holding checksums stays checkable."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


@lru_cache(maxsize=4096)
def _length_checksum(header: bytes) -> int:
    return masked(crc32c(header))


def length_at(buffer: bytes, at: int) -> int | None:
    """Return the data length announced at `at`, or None where length and checksum disagree or the length is absurd.

    The caller makes sure that `HEADER_BYTES` bytes are there.
    """
    header = buffer[at : at + 8]
    if _U32.unpack_from(buffer, at + 8)[0] != _length_checksum(header):
        return None
    length: int = _U64.unpack(header)[0]
    return length if length <= MAX_RECORD_BYTES else None


def is_intact(buffer: bytes, at: int, length: int) -> bool:
    """Whether the data of the frame at `at` has its checksum."""
    start = at + HEADER_BYTES
    return bool(_U32.unpack_from(buffer, start + length)[0] == masked(crc32c(buffer[start : start + length])))


def next_frame(buffer: bytes, at: int) -> int | None:
    """Return the first offset from `at` on where a frame may begin, or None."""
    last = len(buffer) - HEADER_BYTES
    for match in _LENGTH.finditer(buffer, at):
        if match.start() > last:
            return None
        if length_at(buffer, match.start()) is not None:
            return match.start()
    return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise BadRecordError("a number of more than ten bytes")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of one protobuf message: int for varints, bytes for everything else."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise BadRecordError(f"wire type {kind}")
        if at + size > end:
            raise BadRecordError("a field runs past the end")
        yield key >> 3, data[at : at + size]
        at += size


def read_event(data: bytes) -> list[Scalar]:
    """Return the scalars of one event, in order.

    Raises BadRecordError when `data` is no protobuf message.
    """
    wall_time, step = 0.0, 0
    summaries: list[bytes] = []
    try:
        for number, value in _fields(data):
            if number == 1 and isinstance(value, bytes) and len(value) == 8:
                wall_time = _F64.unpack(value)[0]
            elif number == 2 and isinstance(value, int):
                step = _signed(value)
            elif number == 5 and isinstance(value, bytes):
                summaries.append(value)
        found = [_read_value(value) for summary in summaries for number, value in _fields(summary) if number == 1]
    except IndexError as error:
        raise BadRecordError("a number runs past the end") from error
    return [Scalar(tag, step, number, wall_time) for tag, number in (pair for pair in found if pair is not None)]


def _read_value(value: int | bytes) -> tuple[bytes, float] | None:
    if isinstance(value, int):
        raise BadRecordError("a summary value is a number")
    tag: bytes | None = None
    scalar: float | None = None
    for number, content in _fields(value):
        if number == 1 and isinstance(content, bytes):
            tag = content
        elif number == 2 and isinstance(content, bytes) and len(content) == 4:
            scalar = _F32.unpack(content)[0]
        elif number == 8 and isinstance(content, bytes):
            scalar = _read_tensor(content)
    return None if tag is None or scalar is None else (tag, scalar)


def _read_tensor(tensor: bytes) -> float | None:
    """Return the one number a tensor holds (the newer way to log a scalar); None when it is anything else."""
    kind = 0
    numbers: list[float] = []
    for number, content in _fields(tensor):
        if number == 1 and isinstance(content, int):
            kind = content
        elif number in (5, 6) and isinstance(content, bytes):
            width, unpack = (4, _F32) if number == 5 else (8, _F64)
            numbers += [unpack.unpack_from(content, at)[0] for at in range(0, len(content) - width + 1, width)]
        elif number in (7, 10) and isinstance(content, int):
            numbers.append(float(_signed(content)))
        elif number == 4 and isinstance(content, bytes):
            numbers += _read_content(kind, content)
    return numbers[0] if len(numbers) == 1 else None


def _read_content(kind: int, content: bytes) -> list[float]:
    # DataType numbers: 1 float, 2 double, 3 int32, 9 int64, 19 half.
    codes: dict[int, struct.Struct] = {1: _F32, 2: _F64, 3: struct.Struct("<i"), 9: struct.Struct("<q"), 19: _F16}
    code = codes.get(kind)
    if code is None or len(content) != code.size:
        return []
    return [float(code.unpack(content)[0])]
