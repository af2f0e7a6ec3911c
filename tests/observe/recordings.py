"""Files as the recorder writes them, built line by line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def head(**changes: Any) -> dict[str, Any]:
    return {
        "k": "head", "v": 1, "entry": "train_network", "rank": 0, "world": 1, "mode": "probe", "started": 1.7e9,
        "objective": "epsilon", "hooks": {"process_batch": True}, **changes,
    }  # fmt: skip


def picture(index: int, name: str = "", **changes: Any) -> dict[str, Any]:
    named = name or f"10_a b/{index:03d}.png"
    return {
        "k": "pic", "i": index, "name": named, "caption": "ab12cd34", "bucket": [512, 768], "held_out": False, **changes
    }  # fmt: skip


def step(number: int, *pictures: int, **changes: Any) -> dict[str, Any]:
    """A step with one sample per picture; the numbers tell which step and picture they are of."""
    return {
        "k": "s", "n": number, "t": [100 * i + 1 for i in pictures], "l": [number + i / 10 for i in pictures],
        "g": [1.0 for _ in pictures], "i": list(pictures), "gn": number / 100, "cl": number % 2 == 0,
        "lr": [1e-4, 5e-5], **changes,
    }  # fmt: skip


def probe(number: int, *, is_on: bool = True, when: str = "train", **changes: Any) -> dict[str, Any]:
    return {
        "k": "p", "n": number, "on": is_on, "when": when, "t": [100.0, 900.0], "i": [0, 1],
        "l": [[0.5, 0.01], [0.6, 0.02]], "g": [[1.0, 1.0], [1.0, 1.1]], "s": 0.25, **changes,
    }  # fmt: skip


def note(what: str, text: str) -> dict[str, Any]:
    return {"k": "note", "what": what, "text": text}


def end(number: int, **changes: Any) -> dict[str, Any]:
    return {"k": "end", "n": number, "reason": "finished", "log_s": 0.8, "probe_s": 3.1, **changes}


def lines(*parts: dict[str, Any] | bytes) -> bytes:
    """Lines as bytes; bytes are put in as they are, without a newline."""
    return b"".join(p if isinstance(p, bytes) else json.dumps(p).encode() + b"\n" for p in parts)


def write(folder: Path, *parts: dict[str, Any] | bytes, rank: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rank{rank}.jsonl"
    path.write_bytes(lines(*parts))
    return path


def whole(steps: int = 3) -> list[dict[str, Any]]:
    """A short run that ended."""
    return [
        head(), picture(0), picture(1, held_out=True), probe(0, is_on=False, when="start"),
        *(step(n, 0, -1) for n in range(1, steps + 1)), probe(steps, when="end"),
        probe(steps, is_on=False, when="end"), end(steps),
    ]  # fmt: skip
