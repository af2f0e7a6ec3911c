"""How a copy differs from the picture to keep, in words: for the rule, the page of a set, and what `prepare` leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.dataset.near import Relation

RELATIONS: Final[Mapping[Relation, Text]] = {
    "crop": Text("cropped", "裁剪"),
    "flip": Text("mirrored", "左右翻转"),
    "turned": Text("turned a little", "略微旋转"),
    "framed": Text("framed", "加了边框"),
    "altered": Text("altered or marked", "有改动或标记"),
    "brightness": Text("lightened or darkened", "亮度不同"),
    "resized": Text("resized", "缩放"),
    "recompressed": Text("recompressed", "重新压缩"),
    "same-pixels": Text("of the same pixels", "像素相同"),
    "exact": Text("the same file", "同一文件"),
    "through-another": Text("like another copy", "与另一副本相近"),
}
"""Words for each; a summary tells them in this order."""
