"""The trigger word is not where it has to be.

## What it looks for

Captions that lack `subject.trigger`, and captions in which shuffling can move it from the first place.

## Why it matters

A word that is not in the captions learns nothing; prompting with it later has no effect. When tags are shuffled, only the first
`keep_tokens` stay in front, where the text encoder weighs them most and where tag dropout does not reach them.

## How we tell

The trigger is looked for as a whole word, in any case. In all captions missing, or in more than half: to fix. In some: look at it.
A caption prefix that holds the trigger counts. With shuffling on and `dataset.keep_tokens` at 0: to fix. Not in the first place
with shuffling on: look at it.

## What to change

Put the trigger first in every caption, and `dataset.keep_tokens` to 1 where `dataset.shuffle_caption` is on.

## When it is wrong

Captions of a second subject in the same LoRA; captions in sentences need the word, but not in the first place, and are not held to it
without shuffling.

## Sources

Practitioners' courses; sd-scripts 48d368fa, `train_util.py` (`process_caption`). One practitioner found a single trigger nearly without
effect: it is a habit that costs nothing, not a law.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, names, setting, subject_folders, where
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.dataset.model import Picture

MANY = 0.5
"""Share of captions without the trigger from which on it cannot be learned: more are taught without than with it."""

SAYS = Says("R012", "missing-trigger")


def check(case: Case) -> Iterator[Finding]:
    """Look for the trigger in every caption of the subject."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    trigger = _trigger(case)
    captioned = [p for folder in subject_folders(case) for p in folder.pictures if p.caption]
    if not trigger or not captioned:
        yield SAYS.not_applicable(Text("There is no trigger or no caption.", "没有触发词或没有标注。"))
        return
    word = re.compile(rf"(?<!\w){re.escape(trigger)}(?!\w)", re.IGNORECASE)
    has_prefix = word.search(str(setting(case, "caption_prefix") or "")) is not None
    without: list[Picture] = []
    moved: list[Picture] = []
    for picture in [] if has_prefix else captioned:
        caption = (picture.caption or "").lstrip("\ufeff ")
        if word.search(caption) is None:
            without.append(picture)
        elif word.match(caption) is None:
            moved.append(picture)
    if without:
        yield _missing(trigger, without, len(captioned))
    shuffles, keep = _shuffling(case)
    if shuffles and keep == 0:
        yield _not_kept(case, trigger)
    elif shuffles and moved:
        yield _not_first(trigger, moved, len(captioned))
    elif not without:
        yield SAYS.clear(
            Text(f"All {len(captioned)} captions hold the trigger.", f"全部 {len(captioned)} 个标注都含触发词。")
        )


def _trigger(case: Case) -> str | None:
    if case.plan is not None:
        return case.plan.trigger
    return case.recipe.subject.trigger if case.recipe is not None else None


def _shuffling(case: Case) -> tuple[bool, int]:
    """Return whether any subset shuffles tags, and how many the least careful of those keeps in place."""
    subsets = [s.options for s in case.plan.subsets if not s.is_reg] if case.plan is not None else [{}]
    kept = [
        int(options.get("keep_tokens", setting(case, "keep_tokens")) or 0)
        for options in subsets
        if options.get("shuffle_caption", setting(case, "shuffle_caption"))
    ]
    return bool(kept), min(kept, default=0)


def _missing(trigger: str, without: list[Picture], total: int) -> Finding:
    shown = names([picture.path for picture in without])
    return SAYS.fired(
        Severity.FIX if len(without) > MANY * total else Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{len(without)} of {total} captions {'lacks' if len(without) == 1 else 'lack'} the trigger `{trigger}`: {shown.en}.",
            f"{total} 个标注中有 {len(without)} 个缺少触发词 `{trigger}`：{shown.zh}。",
        ),
        why=Text("A word that is not in the captions learns nothing.", "标注里没有的词学不到任何东西。"),
        evidence=[Evidence(Text("captions without the trigger", "缺少触发词的标注"), len(without), 0, "captions")],
        fix=Fix(Text("Put the trigger first in each caption.", "把触发词放在每个标注的最前面。")),
    )


def _not_kept(case: Case, trigger: str) -> Finding:
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"Tags are shuffled and `keep_tokens` is 0: the trigger `{trigger}` moves about.",
            f"标签会被打乱而 `keep_tokens` 为 0：触发词 `{trigger}` 的位置不固定。",
        ),
        evidence=[Evidence(Text("tags kept in place", "固定位置的标签数"), 0, 1, "keep_tokens")],
        fix=Fix(
            Text("Set `dataset.keep_tokens: 1`.", "设 `dataset.keep_tokens: 1`。"),
            (Change("dataset.keep_tokens", 1, 0, is_safe=True),),
        ),
        where=where(case, "keep_tokens") or where(case, "shuffle_caption"),
    )


def _not_first(trigger: str, moved: list[Picture], total: int) -> Finding:
    shown = names([picture.path for picture in moved])
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"The trigger `{trigger}` is not first in {len(moved)} of {total} captions: {shown.en}.",
            f"{total} 个标注中有 {len(moved)} 个的触发词 `{trigger}` 不在最前：{shown.zh}。",
        ),
        why=Text("Shuffling keeps only the first tags in place.", "打乱标签时只保留最前面的标签。"),
        evidence=[Evidence(Text("captions that begin otherwise", "不以触发词开头的标注"), len(moved), 0, "captions")],
        fix=Fix(Text("Put the trigger first.", "把触发词放在最前面。")),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
