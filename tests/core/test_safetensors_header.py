"""A header of any length is read as one; a pickle under the same name is told."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.core.safetensors_header import TensorFileError, read_header

if TYPE_CHECKING:
    from pathlib import Path


def test_no_length_of_a_header_looks_like_a_pickle(tmp_path: Path) -> None:
    """The first two bytes of the lengths 640, 896, 1152 and 1408 are those of a pickle."""
    path = tmp_path / "x.safetensors"
    for extra in range(0, 1600, 8):
        save_file({"a": np.ones(8192, np.float32)}, path, {"title": "x" * extra})
        assert read_header(path).metadata["title"] == "x" * extra


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_under_the_name_is_told(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "x.safetensors"
    for content in ("", "x" * 5000, [0] * 2000, {"a": b"\0" * 100_000}):
        path.write_bytes(pickle.dumps(content, protocol))
        with pytest.raises(TensorFileError, match="a pickle or zip archive"):
            read_header(path)
