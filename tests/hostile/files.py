"""Files that mean harm, and small ones that do not."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from typing import Any

FLOAT: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def tensors(header: Any = None, data: bytes = b"\0" * 8, *, length: int | None = None) -> bytes:
    """A safetensors file: a good one of a single tensor unless told otherwise. `length`: what it claims of its header."""
    text = header if isinstance(header, bytes) else json.dumps({"a": FLOAT} if header is None else header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


class _Calls:
    """Unpickled, it calls `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def calling(function: Any, *arguments: Any, protocol: int = 2) -> bytes:
    """A pickle that calls `function` when it is opened."""
    return pickle.dumps(_Calls(function, *arguments), protocol=protocol)


def archive(**members: bytes) -> bytes:
    """What torch writes: a zip archive that holds pickles."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(f"archive/{name}.pkl", content)
    return out.getvalue()
