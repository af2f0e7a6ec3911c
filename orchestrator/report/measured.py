"""Evidence in words: units, and the names that the scan gives to what is wrong with a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.report.numbers import plain_value

if TYPE_CHECKING:
    from orchestrator.core.text import Language

UNITS: dict[str, tuple[str, str]] = {
    "steps": ("step", "步"),
    "times": ("time", "次"),
    "files": ("file", "个文件"),
    "pictures": ("picture", "张图片"),
    "buckets": ("bucket", "个桶"),
    "tokens": ("token", "个词元"),
    "bytes": ("byte", "字节"),
    "%": ("%", "%"),
    "samples per epoch": ("sample per epoch", "样本/轮"),
    "images": ("image", "张图片"),
    "groups": ("group", "组"),
    "pairs": ("pair", "对"),
    "x": ("x", "倍"),
    "of 255": ("of 255", "（满值 255）"),
    "of 1": ("of 1", "（满值 1）"),
    "bits": ("bit", "位"),
    "px": ("px", "像素"),
}
"""Unit as rules write it -> (English for exactly one, Chinese)."""
PLACES: dict[str, Text] = {"step": Text("step {}", "第 {} 步"), "epoch": Text("epoch {}", "第 {} 轮")}
"""Units that say where and not how many: `step 3`, never `3 step`."""
FILE_PROBLEMS: dict[str, Text] = {
    "empty-file": Text("empty file", "空文件"),
    "not-a-picture": Text("not a picture", "不是图片"),
    "truncated-header": Text("cut off in its header", "文件头不完整"),
    "truncated-file": Text("cut off, its end is missing", "文件不完整，缺少结尾"),
    "git-lfs-pointer": Text("Git LFS pointer, the picture was not fetched", "Git LFS 指针，图片没有下载"),
    "broken-link": Text("link to nothing", "失效的链接"),
    "not-a-file": Text("a folder or a device", "文件夹或设备"),
    "unreadable": Text("cannot be read", "无法读取"),
    "damaged-data": Text("its data is damaged", "数据已损坏"),
    "too-many-pixels": Text("more pixels than the reader takes", "像素数超出读取上限"),
    "too-many-bytes": Text("too large to be a picture", "文件过大，不像图片"),
    "out-of-memory": Text("too large for this machine's memory", "超出本机内存"),
    "empty-caption": Text("empty caption", "空标注"),
    "caption-not-utf8": Text("not UTF-8 text", "不是 UTF-8 文本"),
    "caption-unreadable": Text("cannot be read", "无法读取"),
    "caption-link-outside": Text("is a link that leads out of the folder", "是指向文件夹之外的链接"),
}
"""`Picture.problem`, `Picture.caption_problem` and `PixelFacts.problem`, as far as rules show them."""


SOURCES: dict[str, str] = {
    "captions": "标注",
    "console": "控制台",
    "data set": "数据集",
    "output folder": "输出文件夹",
    "pixels": "像素",
    "plan": "计划",
    "plan or console": "计划或控制台",
    "presets": "预设",
    "sample pictures": "样图",
    "telemetry": "遥测",
    "the trainer announced the same": "训练器报告的数字相同",
}
"""`Evidence.source`, as far as it is words; tags, keys and file names are the same in every language."""
_LINE = re.compile(r"^console: lines? (?P<number>\d+)(?P<rest>.*)$")


def source_text(source: str, language: Language) -> str:
    """Return where a fact was measured. Words are translated; tags, recipe keys and file names stay."""
    if language != "zh":
        return source
    line = _LINE.match(source)
    if line is not None:
        return f"控制台第 {line['number']} 行{line['rest']}"
    first, separator, rest = source.partition(": ")
    return SOURCES.get(source) or SOURCES.get(first, first) + separator + rest


def measured(value: float | str | None, unit: str, language: Language) -> str:
    """Return a measured value or its limit with its unit: `12 steps`, `12 步`, `step 3`. A text of others stays as it is."""
    if isinstance(value, str) and value in FILE_PROBLEMS:
        return FILE_PROBLEMS[value].to(language)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = short_number(value) if is_number else plain_value(value)  # type: ignore[arg-type]
    if not unit or value is None:
        return text
    if unit in PLACES:
        return PLACES[unit].to(language).format(text)
    one, chinese = UNITS.get(unit, (unit, unit))
    return f"{text} {chinese if language == 'zh' else one if value == 1 else unit}"
