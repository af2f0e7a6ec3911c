"""A caption file cannot be opened.

## What it looks for

Caption files that cannot be opened or read: no permission, a broken link, a damaged disk. Also captions that
are links to a text which is no caption of their picture: these are not read on purpose.

## Why it matters

The trainer dies at the first of them, or trains the picture with the class tokens alone. A link
that leads out of the folder is worse: a data set from elsewhere can name any file of yours that way, and its text would be trained and
stand in the metadata of the LoRA.

## How we tell

The file is opened and read. A link may lead into the folder itself, or, under the caption's extension, to where the picture's own
file lies, as in folders that are made of links. It may also lead to a file that bears the hash of its own content in its name (MD5,
SHA-1, SHA-256, git's): git-annex, DVC and the cache of Hugging Face keep files so, and whoever can name one knows what it says.

## What to change

Mend the permissions or the link, or write the caption anew; put a copy in the place of a link that leads elsewhere. Where recipe and
data set are your own, such as pictures with a second set of captions linked beside them, `lora-run trust RECIPE` lets its captions
lead anywhere.

## When it is wrong

Never.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_caption` opens every caption file before the run).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

UNREAD = ("caption-unreadable", "caption-link-outside")

SAYS = Says("R100", "unreadable-caption")


def check(case: Case) -> Iterator[Finding]:
    """Look for captions that cannot be opened."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    bad = [p for folder in case.dataset.folders for p in folder.pictures if p.caption_problem in UNREAD]
    if not bad:
        yield SAYS.clear(Text("Every caption file can be opened.", "所有标注文件都能打开。"))
        return
    shown = names([picture.caption_path or picture.path for picture in bad])
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(
            f"{plural(len(bad), 'caption file', 'caption files')} cannot be opened, or are links that lead elsewhere: {shown.en}.",
            f"{len(bad)} 个标注文件无法打开，或是指向别处的链接：{shown.zh}。",
        ),
        why=Text(
            "The trainer dies at the first of them, or trains a text of yours that is no caption.",
            "训练器遇到第一个就会崩溃，或把你的其他文本当作标注训练。",
        ),
        evidence=[Evidence(Text("captions that cannot be opened", "无法打开的标注"), len(bad), 0)],
        fix=Fix(Text("Mend their permissions, or put copies in their place.", "修复权限，或换成副本。")),
        paths=[picture.path for picture in bad],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
