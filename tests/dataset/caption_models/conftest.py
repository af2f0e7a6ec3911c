"""Tiny ONNX models of the real shapes, made in the test: no weights of anybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Paint = Callable[..., Path]
    MakeTagger = Callable[..., Path]

# Each tag is sure where its channel is strong: blue, green, red in the order of the model's input.
ROWS = (
    ("general", 9, (0.0, 0.0, 0.0), 2.0),
    ("explicit", 9, (0.0, 0.0, 0.0), -4.0),
    ("blue_theme", 0, (20.0, -20.0, -20.0), -8.0),
    ("red_theme", 0, (-20.0, -20.0, 20.0), -8.0),
    ("simple_background", 0, (0.0, 0.0, 0.0), 1.0),
    ("^_^", 0, (0.0, 0.0, 0.0), 0.5),
    ("faint_tag", 0, (0.0, 0.0, 0.0), -0.7),
    ("hatsune_miku", 4, (0.0, 0.0, 0.0), 3.0),
    ("maybe_somebody", 4, (0.0, 0.0, 0.0), 1.0),
    ("some_artist", 1, (0.0, 0.0, 0.0), 9.0),
)
SIDE = 32


def save_model(
    path: Path, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], constants: dict[str, Any]
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    graph = onnx.helper.make_graph(
        list(nodes), "tiny", list(inputs), list(outputs),
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def tagger_files(
    folder: Path,
    *,
    batch: int | str = "N",
    rows: Sequence[Any] = ROWS,
    outputs: int | str | None = None,
    is_raw: bool = False,
    side: int = SIDE,
) -> Path:
    """Mean of each channel, one linear layer, sigmoid: what a WD tagger looks like from outside."""
    onnx = pytest.importorskip("onnx")
    make = onnx.helper.make_node
    weights = np.array([row[2] for row in rows], np.float32).T / 255
    is_unsaid = isinstance(outputs, str)
    nodes = [
        make("ReduceMean", ["input"], ["mean"], axes=[1, 2], keepdims=0),
        make("MatMul", ["mean", "weights"], ["scaled"]),
        make("Add", ["scaled", "bias"], ["raw" if not is_unsaid else "all"]),
        # A selection whose size no shape inference knows beforehand.
        *([make("Compress", ["all", "every"], ["raw"], axis=1)] if is_unsaid else []),
        make("Identity" if is_raw else "Sigmoid", ["raw"], ["output"]),
    ]
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    folder.mkdir(parents=True, exist_ok=True)
    save_model(
        folder / "model.onnx",
        nodes,
        [value("input", kind, [batch, side, side, 3])],
        [value("output", kind, [batch, len(rows) if outputs is None else outputs])],
        {"weights": weights, "bias": np.array([row[3] for row in rows], np.float32), "every": np.ones(len(rows), bool)},
    )
    lines = ["tag_id,name,category,count", *(f'{k},"{row[0]}",{row[1]},1' for k, row in enumerate(rows))]
    (folder / "selected_tags.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def save() -> Callable[..., None]:
    return save_model


@pytest.fixture
def make_tagger(tmp_path: Path) -> MakeTagger:
    return lambda name="tagger", **how: tagger_files(tmp_path / name, **how)


@pytest.fixture
def paint(tmp_path: Path) -> Paint:
    """Write a picture of one colour under `pictures/`, with a caption where one is given."""

    def write(
        name: str, colour: str = "red", caption: str | bytes | None = None, size: tuple[int, int] = (40, 40)
    ) -> Path:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        if caption is not None:
            path.with_suffix(".txt").write_bytes(caption if isinstance(caption, bytes) else caption.encode())
        return path

    return write
