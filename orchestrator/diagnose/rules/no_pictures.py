"""A folder of the recipe holds no pictures.

## What it looks for

A concept whose folder holds no file that the trainer takes for a picture.

## Why it matters

sd-scripts prints `No data found` and exits with code 0, as if all were well.

## How we tell

The folder is listed the way the trainer lists it: files ending in .png, .jpg, .jpeg, .webp or .bmp, all lower or all upper case;
sub-folders are not read.

## What to change

Point `image_dir` at the folder that holds the pictures themselves. Sub-folders with pictures are named.

## When it is wrong

Never.

## Sources

sd-scripts 48d368fa, `train_util.py` (`glob_images_pathlib`, `load_dreambooth_dir`) and its issues 78, 1294, 2076.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.dataset.model import Folder

SAYS = Says("R006", "no-pictures")


def check(case: Case) -> Iterator[Finding]:
    """Look for folders without pictures."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    empty = [folder for folder in case.dataset.folders if not folder.pictures]
    for folder in empty:
        yield _fired(folder)
    if not empty:
        count = sum(len(folder.pictures) for folder in case.dataset.folders)
        yield SAYS.clear(Text(f"{plural(count, 'picture', 'pictures')} found.", f"找到 {count} 张图片。"))


def _fired(folder: Folder) -> Finding:
    name = folder.image_dir.name
    if folder.nested:
        inner = names([path for path, _ in folder.nested])
        advice = Text(
            f"Its sub-folders hold pictures: {inner.en}. Name those.",
            f"子文件夹中有图片：{inner.zh}。请直接写子文件夹。",
        )
    elif folder.ignored:
        advice = Text(
            "It holds pictures of kinds the trainer does not read; convert them to PNG.",
            "其中的图片格式训练器不读取；请转换为 PNG。",
        )
    else:
        advice = Text("Write the folder that holds the pictures.", "请写存放图片的文件夹。")
    return SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(f"No pictures in `{name}`.", f"`{name}` 中没有图片。"),
        why=Text("The trainer would end at once, with exit code 0.", "训练器会立刻结束，且退出码为 0。"),
        evidence=[Evidence(Text("pictures the trainer takes", "训练器能读取的图片"), 0, 1, name)],
        fix=Fix(advice),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", suppresses=("few-pictures", "nested-pictures"))
