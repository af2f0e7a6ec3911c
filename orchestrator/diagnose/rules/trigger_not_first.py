"""The trigger word is not first, or shuffling moves it.

## What it looks for

Lists of tags that hold the trigger in another place than the first, and captions in which shuffling moves it.

## Why it matters

When tags are shuffled, only the first `keep_tokens` stay in front, where the text encoder weighs them most and where tag dropout
does not reach them.

## How we tell

With shuffling on and `dataset.keep_tokens` at 0: to fix. Not in the first place with shuffling on: look at it. Without shuffling
it is a matter of habit and only mentioned. Without a recipe the unknown word that most captions begin with is taken for the
trigger.

## What to change

Put the trigger first (`lora-run dataset tags DIR move-first TRIGGER`), and `dataset.keep_tokens` to 1 where
`dataset.shuffle_caption` is on.

## When it is wrong

Captions of a second subject in the same LoRA. Sentences need the word, but not in the first place, and are held to it with
shuffling only.

## Sources

domain-rules T5; sd-scripts 48d368fa, `train_util.py` (`process_caption`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.captions import Captioned, captioned, shuffling, trigger, whole_word
from orchestrator.diagnose.facts import NO_DATASET, names, setting, where
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R108", "trigger-not-first")


def check(case: Case) -> Iterator[Finding]:
    """Look where the trigger stands in the captions that hold it."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    asked, captions = trigger(case), captioned(case)
    if not asked or not captions:
        yield SAYS.not_applicable(Text("There is no trigger or no caption.", "没有触发词或没有标注。"))
        return
    shuffles, keep = shuffling(case)
    if shuffles and keep == 0:
        yield _not_kept(case, asked)
        return
    word = whole_word(asked)
    has_prefix = word.search(str(setting(case, "caption_prefix") or "")) is not None
    moved = [one for one in captions if not has_prefix and _is_moved(one, asked, shuffles=shuffles)]
    if moved:
        yield _not_first(asked, moved, len(captions), shuffles=shuffles)
    else:
        yield SAYS.clear(Text("The trigger stands first.", "触发词在首位。"))


def _is_moved(one: Captioned, asked: str, *, shuffles: bool) -> bool:
    word, caption = whole_word(asked), one.text.caption.lstrip("\ufeff ")
    if one.text.style != "tags" and not shuffles:
        return False
    return word.search(caption) is not None and word.match(caption) is None


def _not_kept(case: Case, asked: str) -> Finding:
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            f"Tags are shuffled and `keep_tokens` is 0: the trigger `{asked}` moves about.",
            f"标签会被打乱而 `keep_tokens` 为 0：触发词 `{asked}` 的位置不固定。",
        ),
        evidence=[Evidence(Text("tags kept in place", "固定位置的标签数"), 0, 1, "keep_tokens")],
        fix=Fix(
            Text("Set `dataset.keep_tokens: 1`.", "设 `dataset.keep_tokens: 1`。"),
            (Change("dataset.keep_tokens", 1, 0, is_safe=True),),
        ),
        where=where(case, "keep_tokens") or where(case, "shuffle_caption"),
    )


def _not_first(asked: str, moved: list[Captioned], total: int, *, shuffles: bool) -> Finding:
    shown = names([one.path for one in moved])
    habit = Text("It is weighed most there.", "首位的权重最高。")
    lost = Text("Shuffling keeps only the first tags in place.", "打乱标签时只保留最前面的标签。")
    return SAYS.fired(
        Severity.WATCH if shuffles else Severity.INFO,
        Confidence.HIGH,
        Text(
            f"The trigger `{asked}` is not first in {len(moved)} of {total} captions: {shown.en}.",
            f"{total} 个标注中有 {len(moved)} 个的触发词 `{asked}` 不在最前：{shown.zh}。",
        ),
        why=lost if shuffles else habit,
        evidence=[Evidence(Text("captions that begin otherwise", "不以触发词开头的标注"), len(moved), 0, "captions")],
        fix=Fix(
            Text(
                f"Put it first: `lora-run dataset tags DIR move-first {asked}`.",
                f"放到最前：`lora-run dataset tags DIR move-first {asked}`。",
            )
        ),
        paths=[one.path for one in moved],
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable")
