"""Write event files for the tests, frame by frame, as the trainers' writer does."""

from __future__ import annotations

import struct

from orchestrator.observe.event_records import crc32c, masked


def varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def frame(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(crc32c(length))) + data + struct.pack("<I", masked(crc32c(data)))


def scalar(tag: str, step: int, value: float, time: float = 1000.0) -> bytes:
    """One frame with a scalar; step 0 is left out, as protobuf does."""
    summary = field(1, field(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
    return frame(b"\x09" + struct.pack("<d", time) + (b"\x10" + varint(step) if step else b"") + field(5, summary))


def tensor_scalar(tag: str, step: int, tensor: bytes, time: float = 1000.0) -> bytes:
    """One frame with a scalar in the newer form: a tensor."""
    summary = field(1, field(1, tag.encode()) + field(8, tensor))
    return frame(b"\x09" + struct.pack("<d", time) + b"\x10" + varint(step) + field(5, summary))


def run(steps: int, tags: tuple[str, ...] = ("loss/current", "loss/average", "lr/unet"), first: int = 1) -> list[bytes]:
    """The frames of a whole run: the file version, then every tag after every step."""
    frames = [frame(b"\x09" + struct.pack("<d", 999.0) + b"\x1a\x0dbrain.Event:2")]
    for step in range(first, first + steps):
        frames += [scalar(tag, step, step * 0.5 + n, 1000.0 + step) for n, tag in enumerate(tags)]
    return frames
