"""The trigger is a word that the base model knows.

## What it looks for

A trigger that is a tag, an everyday English word or a common given name.

## Why it matters

A word that means something already brings its meaning along: the LoRA has to unlearn it first, and prompts that use the word in
its own sense are changed by the LoRA.

## How we tell

Our own list of tags and a small list of everyday words and names. Several words count when all of them are known.

## What to change

Choose a word that nobody writes: `al1ce` instead of `alice`. Replace it in the captions with `lora-run dataset tags DIR replace
OLD NEW` and in `subject.trigger`.

## When it is wrong

A LoRA that shall change what a known word means, on purpose. Words that are not in the lists may be known to the base all the
same.

## Sources

domain-rules T5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.tags import normal
from orchestrator.dataset.vocabulary import common_words, vocabulary
from orchestrator.diagnose.captions import given_trigger
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R109", "trigger-known")


def check(case: Case) -> Iterator[Finding]:
    """Look the trigger up."""
    trigger = given_trigger(case)
    if not trigger:
        yield SAYS.not_applicable(Text("There is no trigger.", "没有触发词。"))
        return
    tag, known = normal(trigger), vocabulary()
    words = tag.replace("-", " ").split()
    if tag not in known.categories and not all(word in common_words() or word in known.words for word in words):
        yield SAYS.clear(
            Text(f"`{trigger}` is no common word.", f"`{trigger}` 不是常见词。"), confidence=Confidence.MEDIUM
        )
        return
    category = known.category(tag)
    yield SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(f"The base model knows the trigger `{trigger}` already.", f"底模已经认识触发词 `{trigger}`。"),
        why=Text("It brings its own meaning along.", "它会带上自己原有的含义。"),
        evidence=[Evidence(Text("known as", "已知为"), category or "everyday word", None, "subject.trigger")],
        fix=Fix(Text("Choose a word that nobody writes, such as `al1ce`.", "选一个没有人会写的词，例如 `al1ce`。")),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
