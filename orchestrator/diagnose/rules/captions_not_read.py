"""The trainer did not read captions that were meant for it.

## What it looks for

The trainer's line "No caption file found for N images".

## Why it matters

These pictures trained with the class tokens alone. It is one line among hundreds, and the run ends well.

## How we tell

The console, compared with the pictures the plan knows to be without a caption.

## What to change

`caption_extension` of the concept (the trainer's own default is `.caption`), or the missing files.

## When it is wrong

Pictures without captions on purpose.

## Sources

sd-scripts 48d368fa, `train_util.py` (`load_dreambooth_dir`); kohya_ss issues 927, 988, 1370.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events, fact
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R041", "captions-not-read")


def check(case: Case) -> Iterator[Finding]:
    """Compare the trainer's count with what was known before."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    count = int(
        fact(case, "captions_missing") or sum(int(e.values.get("count", 0)) for e in events(case, "captions-missing"))
    )
    evidence = [
        Evidence(Text("pictures the trainer found no caption for", "训练器未找到标注的图片"), count, 0, "console")
    ]
    if not count:
        yield SAYS.clear(Text("The trainer did not miss a caption.", "训练器没有漏读标注。"), evidence)
        return
    known = _known_bare(case)
    if known is not None and count <= known:
        yield SAYS.clear(
            Text(f"{count} pictures without a caption, as known before.", f"{count} 张图片没有标注，训练前已知。"),
            evidence,
        )
        return
    yield SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(f"The trainer found no caption for {count} pictures.", f"训练器没有找到 {count} 张图片的标注。"),
        why=Text("They trained with the class tokens alone.", "它们只用类别词训练。"),
        evidence=evidence,
        fix=Fix(
            Text(
                "Check `caption_extension`: the trainer reads `.caption` unless told otherwise.",
                "检查 `caption_extension`：未指定时训练器读取 `.caption`。",
            )
        ),
    )


def _known_bare(case: Case) -> int | None:
    if case.dataset is None:
        return None
    return sum(len(folder.pictures) - folder.captioned for folder in case.dataset.folders)


RULE = Rule(SAYS.id, SAYS.name, "after", check)
