"""The trainer found no pictures and ended as if all were well.

## What it looks for

The trainer's line "No data found".

## Why it matters

Nothing was trained, and the exit code is 0.

## How we tell

The console, or a run that announced no training pictures.

## What to change

The image folder has to hold pictures itself. With a `train_data_dir` of your own it has to be the *parent* of folders named
`<repeats>_<name>`; a recipe of this tool makes that layout for you.

## When it is wrong

Never.

## Sources

sd-scripts 48d368fa, `train_network.py`; its issues 78, 1294, 2076; kohya_ss issues 216, 1725, 2148, 3374.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events, fact
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R040", "no-data-found")


def check(case: Case) -> Iterator[Finding]:
    """Look for the trainer's line."""
    if case.observations is None and case.outcome is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    lines = events(case, "no-data")
    has_none = fact(case, "train_images") == 0
    if not lines and not has_none and (case.outcome is None or case.outcome.cause != "no-data"):
        yield SAYS.clear(Text("The trainer found pictures.", "训练器找到了图片。"))
        return
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text("The trainer found no pictures; nothing was trained.", "训练器没有找到图片；什么都没训练。"),
        why=Text("It ends with exit code 0 all the same.", "尽管如此，它的退出码仍是 0。"),
        evidence=[Evidence(Text("training pictures", "训练图片数"), 0, 1, "console")],
        fix=Fix(
            Text(
                "Point `image_dir` at the folder that holds the pictures themselves.",
                "把 `image_dir` 指向直接存放图片的文件夹。",
            )
        ),
    )


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    suppresses=(
        "final-file-missing",
        "trainer-crashed",
        "steps-short",
        "still-falling",
        "loss-trend",
        "steps-arithmetic",
    ),
)
