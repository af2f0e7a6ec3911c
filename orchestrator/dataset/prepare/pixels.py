"""A picture's pixels as the trainer should see them: upright, opaque, 8 bits, sRGB; what of that makes it necessary to write it anew."""

from __future__ import annotations

import contextlib
import io
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.dataset.header import known_formats
from orchestrator.dataset.pixels.decode import BIG_PIXELS
from orchestrator.dataset.pixels.quiet import quiet
from orchestrator.dataset.prepare.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from PIL import Image

    from orchestrator.dataset.pixels.model import PixelFacts
    from orchestrator.dataset.prepare.model import Draft

OTHER_COLOURS_ABOVE: Final = 8
"""Levels of 255 by which a profile moves some colour. Profiles that are sRGB in all but name: up to 3; others: 19 and more (docs/log.md, 2026-11-29)."""
UPRIGHT: Final = Text(
    "turned upright: the trainer does not read the EXIF orientation", "已转正：训练器不读取 EXIF 方向"
)
FLATTENED: Final = Text(
    "laid on white: the trainer would show what is under the transparency",
    "透明处已铺白：否则训练器会看到透明之下的内容",
)
EIGHT_BITS: Final = Text(
    "brought from 16 to 8 bits: the trainer would see white", "已由 16 位转为 8 位：否则训练器看到的是一片白"
)
RGB: Final = Text("converted from CMYK to RGB", "已由 CMYK 转为 RGB")
FIRST_FRAME: Final = Text("the first frame of an animation", "取动画的第一帧")
SRGB: Final = Text(
    "converted to sRGB: the trainer does not read colour profiles", "已转为 sRGB：训练器不读取色彩配置文件"
)
_big = threading.Lock()
_TURNS: Final = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation -> Pillow's `Transpose` that undoes it."""


def note_changes(drafts: Iterable[Draft]) -> None:
    """Say of each picture that stays why its pixels must be written anew, where they must."""
    for draft in drafts:
        if not draft.is_left_out:
            for reason in _changes(draft.path, draft.facts):
                draft.rewrite(reason)


def _changes(path: Path, facts: PixelFacts) -> Iterable[Reason]:
    if facts.orientation != 1:
        yield Reason("exif-orientation", UPRIGHT)
    if facts.alpha_share > 0:
        yield Reason("alpha-flattened", FLATTENED)
    if facts.is_deep_grey:
        yield Reason("sixteen-bit", EIGHT_BITS)
    if facts.mode == "CMYK":
        yield Reason("cmyk", RGB)
    # Phones keep a second picture behind the first (MPO): nothing moves there.
    if facts.frames > 1 and facts.format != "mpo":
        yield Reason("first-frame", FIRST_FRAME)
    profile = _profile_of(path)
    if profile is not None and facts.mode != "CMYK" and _moves_colours(profile, _profiled_mode(facts.mode)):
        yield Reason("colour-profile", SRGB)


def upright_pixels(raw: bytes, facts: PixelFacts) -> Image.Image:
    """Return the picture in `raw` upright, in RGB or L. Raises OSError where it cannot be decoded any more."""
    from PIL import Image

    is_big = facts.width * facts.height > BIG_PIXELS
    with (
        _big if is_big else contextlib.nullcontext(),
        quiet(),
        Image.open(io.BytesIO(raw), formats=known_formats()) as file,
    ):
        file.load()
        image = _opaque(file, facts)
        turn = _TURNS.get(facts.orientation)
        return image if turn is None else image.transpose(Image.Transpose(turn))


def _opaque(image: Image.Image, facts: PixelFacts) -> Image.Image:
    from PIL import Image

    if facts.is_deep_grey:
        return _eight_bits(image)
    profile = image.info.get("icc_profile")
    if image.mode == "L":
        return _in_srgb(image, profile)
    if image.mode == "CMYK":
        return _in_srgb(image, profile) if profile else image.convert("RGB")
    if facts.alpha_share <= 0:
        return _in_srgb(image.convert("RGB"), profile)
    clear = image.convert("RGBA")
    white = Image.new("RGB", clear.size, (255, 255, 255))
    white.paste(_in_srgb(clear.convert("RGB"), profile), mask=clear.getchannel("A"))
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return 16 or 32 bits of grey as 8: the whole range, not its lowest 256 values."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image, dtype=np.float32)
    top = 65535.0 if image.mode.startswith("I;16") or values.max() > 255 else 255.0
    return Image.fromarray((values * (255.0 / top)).round().clip(0, 255).astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture converted where its profile moves colours that can be seen; damaged profiles are passed by, as everywhere."""
    from PIL import ImageCms

    if not profile or not _moves_colours(profile, image.mode):
        return image if image.mode != "CMYK" else image.convert("RGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None  # noqa: S101  None is for conversions in place
    return converted


@lru_cache(maxsize=64)
def _moves_colours(profile: bytes, mode: str) -> bool:
    """Return whether a picture of `mode` (`RGB`, `L`, `CMYK`) looks different through `profile` than without."""
    import numpy as np
    from PIL import Image, ImageChops, ImageCms

    levels = range(0, 256, 51)
    samples = {
        "L": bytes(range(256)),
        "RGB": bytes(v for r in levels for g in levels for b in levels for v in (r, g, b)),
        "CMYK": bytes(v for c in levels for m in levels for y in levels for v in (c, m, y, 0)),
    }[mode]
    colours = Image.frombytes(mode, (len(samples) // len(Image.new(mode, (1, 1)).getbands()), 1), samples)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        seen = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return False
    assert seen is not None  # noqa: S101  None is for conversions in place
    moved = np.asarray(ImageChops.difference(seen, colours.convert("RGB")))
    return int(moved.max()) > OTHER_COLOURS_ABOVE


def _profiled_mode(mode: str) -> str:
    return "L" if mode == "L" else "RGB"


def _profile_of(path: Path) -> bytes | None:
    """Return the colour profile of a picture that was decoded before, from its header."""
    from PIL import Image

    with quiet(), Image.open(path, formats=known_formats()) as file:
        profile = file.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile else None
