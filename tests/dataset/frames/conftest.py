"""Videos made in the test: drawn scenes, moving, still, blurred, with cuts."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from orchestrator.dataset.frame_measures import Measures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]


def draw(seed: int, shift: int = 0, blur: float = 0.0, size: tuple[int, int] = (320, 240)) -> Frame:
    """Return a scene of many sharp edges: sixty rectangles in the colours and places of `seed`, moved by `shift` pixels."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(int(v) for v in rng.integers(0, 256, 3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y = int(rng.integers(-60, size[0])) + shift, int(rng.integers(-60, size[1]))
        wide, high = (int(v) for v in rng.integers(20, 120, 2))
        pen.rectangle((x, y, x + wide, y + high), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)) if blur else picture)


def film(
    path: Path, frames: Sequence[Frame], *, rate: int = 10, times_ms: Sequence[int] | None = None, codec: str = "libx264",
    turned: int = 0, aspect: Fraction | None = None, container: str | None = None,
) -> Path:  # fmt: skip
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"crf": "8", "preset": "ultrafast"}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if turned:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV reads rotations and does not write them")
            stream.set_display_rotation(turned)
        for number, one in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(one, format="rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def _sharpness(grey: Frame, _small: Frame) -> float | None:
    """Steepest slope over two pixels by the rise over eight, of the middle row."""
    values = grey.astype(np.int16)
    near = np.abs(values[:, 2:] - values[:, :-2]).max(axis=1)
    far = np.abs(values[:, 8:] - values[:, :-8]).max(axis=1)
    return float(np.median(near / np.maximum(far, 1))) if np.median(far) > 20 else None


def _fingerprint(small: Frame) -> bytes:
    return Image.fromarray(small).resize((48, 48), Image.Resampling.BOX).tobytes()


@pytest.fixture
def measures() -> Measures:
    """Plain stand-ins of the same kind as those of pictures, so that these tests are about the decisions."""
    return Measures(_sharpness, _fingerprint)


@pytest.fixture(name="draw")
def fixture_draw() -> Callable[..., Frame]:
    return draw


@pytest.fixture(name="film")
def fixture_film(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, frames: Sequence[Frame], **how: Any) -> Path:
        return film(tmp_path / name, frames, **how)

    return make
