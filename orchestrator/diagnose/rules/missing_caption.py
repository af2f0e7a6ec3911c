"""Pictures have no caption file.

## What it looks for

Pictures of the subject without a caption file beside them, where others have one or where nobody has one.

## Why it matters

A picture without a caption trains with the folder's class tokens alone. Everything in it, background, light and pose included, is
then bound to the trigger word.

## How we tell

A caption file is looked for as the trainer does: the picture's stem plus the caption extension. Edit pairs are left to
`edit-instruction`: the half before the edit needs no caption.

## What to change

Write the missing captions, or tag the pictures with a tagger and correct what it says. If none has one on purpose, that is the plain
DreamBooth way: ignore the rule with that reason.

## When it is wrong

Regularisation pictures often do without and are not looked at.

## Sources

sd-scripts 48d368fa, `train_util.py` (`load_dreambooth_dir`; "No caption file found for N images"); kohya_ss issues 927, 988, 1370;
practitioners' courses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.dataset.model import Folder

SAYS = Says("R009", "missing-caption")


def check(case: Case) -> Iterator[Finding]:
    """Count pictures without a caption file, folder by folder."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    is_clear = True
    paired = {path for pair in case.dataset.pairs for path in (pair.before, pair.after)}
    for folder, tokens in _subject_folders(case):
        asked = [picture for picture in folder.pictures if not paired or picture.path not in paired]
        bare = [picture.path for picture in asked if picture.caption_path is None]
        if bare:
            is_clear = False
            yield _fired(folder, bare, len(asked), tokens)
    if is_clear:
        yield SAYS.clear(Text("Every picture has a caption file.", "每张图片都有标注文件。"))


def _subject_folders(case: Case) -> list[tuple[Folder, str | None]]:
    """Return the folders of the subject, held-out ones too, each with the caption that its bare pictures get; None: not known."""
    folders = case.dataset.folders if case.dataset is not None else ()
    subsets = case.plan.subsets if case.plan is not None else ()
    tokens = [s.class_tokens for s in subsets] if len(subsets) == len(folders) else [None] * len(folders)
    return [(folder, one) for folder, one in zip(folders, tokens, strict=True) if not folder.is_reg]


def _fired(folder: Folder, bare: list[Path], total: int, tokens: str | None) -> Finding:
    name = folder.image_dir.name
    if len(bare) == total:
        message = Text(
            f"No picture in `{name}` has a `{folder.caption_extension}` caption.",
            f"`{name}` 中没有一张图片有 `{folder.caption_extension}` 标注。",
        )
    else:
        shown = names(bare)
        message = Text(
            f"{len(bare)} of {total} pictures in `{name}` {'has' if len(bare) == 1 else 'have'} no caption: {shown.en}.",
            f"`{name}` 的 {total} 张图片中有 {len(bare)} 张没有标注：{shown.zh}。",
        )
    return SAYS.fired(
        Severity.WATCH if len(bare) == total else Severity.FIX,
        Confidence.HIGH,
        message,
        why=Text(
            "They train with the class tokens alone, so everything in them is bound to the trigger.",
            "它们只用类别词训练，画面中的一切都会绑定到触发词上。",
        ),
        evidence=[
            Evidence(Text("pictures without a caption", "没有标注的图片"), len(bare), 0, name),
            *(
                []
                if tokens is None
                else [Evidence(Text("their caption will be", "它们的标注将是"), tokens, None, "class_tokens")]
            ),
        ],
        fix=Fix(Text("Write the missing captions.", "补写缺少的标注。")),
        paths=bare,
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
