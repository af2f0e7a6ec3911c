"""The trigger word is missing in captions.

## What it looks for

Captions that lack `subject.trigger`.

## Why it matters

A word that is not in the captions learns nothing; prompting with it later has no effect.

## How we tell

The trigger is looked for as a whole word, in any case. In all captions missing, or in more than half: to fix. In some: look at it.
A caption prefix that holds the trigger counts. Without a recipe the unknown word that three of four captions begin with is taken for it.

## What to change

Put the trigger first in every caption: `lora-run dataset tags DIR add TRIGGER --first`.

## When it is wrong

Captions of a second subject in the same LoRA.

## Sources

Practitioners' courses; domain-rules T5; sd-scripts 48d368fa, `train_util.py` (`process_caption`). One practitioner found a single trigger
nearly without effect: it is a habit that costs nothing, not a law.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.captions import captioned, trigger, whole_word
from orchestrator.diagnose.facts import NO_DATASET, names, setting
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
    asked, captions = trigger(case), captioned(case)
    if not asked or not captions:
        yield SAYS.not_applicable(Text("There is no trigger or no caption.", "没有触发词或没有标注。"))
        return
    word = whole_word(asked)
    has_prefix = word.search(str(setting(case, "caption_prefix") or "")) is not None
    without = [] if has_prefix else [one.picture for one in captions if word.search(one.text.caption) is None]
    if without:
        yield _missing(asked, without, len(captions), is_presumed=case.plan is None and case.recipe is None)
    else:
        yield SAYS.clear(
            Text(f"All {len(captions)} captions hold the trigger.", f"全部 {len(captions)} 个标注都含触发词。")
        )


def _missing(asked: str, without: list[Picture], total: int, *, is_presumed: bool) -> Finding:
    shown = names([picture.path for picture in without])
    return SAYS.fired(
        Severity.FIX if len(without) > MANY * total else Severity.WATCH,
        Confidence.MEDIUM if is_presumed else Confidence.HIGH,
        Text(
            f"{len(without)} of {total} captions {'lacks' if len(without) == 1 else 'lack'} the trigger `{asked}`: {shown.en}.",
            f"{total} 个标注中有 {len(without)} 个缺少触发词 `{asked}`：{shown.zh}。",
        ),
        why=Text("A word that is not in the captions learns nothing.", "标注里没有的词学不到任何东西。"),
        evidence=[Evidence(Text("captions without the trigger", "缺少触发词的标注"), len(without), 0, "captions")],
        fix=Fix(Text("Put the trigger first in each caption.", "把触发词放在每个标注的最前面。")),
        paths=[picture.path for picture in without],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
