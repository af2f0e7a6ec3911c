"""There are few pairs for an edit.

## What it looks for

An edit LoRA (a picture before and after) with fewer than 50 pairs, and after the run whether that was enough all the same.

## Why it matters

An edit is learned from what the pairs have in common. From few pairs the model learns what is in the pictures instead.

## How we tell

Before the run, where the family has pairs at all (`check` refuses the others): fewer than 50 pictures of the subject. Without a recipe, in
`lora-run dataset check DIR`: fewer than 50 whole pairs by the names of folders and files, whatever the subject is said to be. After the
run: is the probe better than the base model by three jitters after a third of it? If so the pairs were few and did no visible harm.

## What to change

More pairs, 50 or better 100, with other motifs and the same edit. If after a third of the run nothing is learned, stop: more epochs do
not replace pairs.

## When it is wrong

Simple edits, such as one colour filter, need fewer.

## Sources

Practitioners' courses on Qwen edits: 50 pairs, 15 epochs, and a run that is not sound by epoch 5 does not get better. Not measured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import kind, significant, subject_folders
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_PAIRS = 50
EARLY = 1 / 3
"""Epoch 5 of 15."""

SAYS = Says("R066", "edit-pairs-few")


def check(case: Case) -> Iterator[Finding]:
    """Count the pairs; after the run look whether they were enough."""
    if kind(case) != "edit" and not (case.dataset is not None and case.dataset.pairs):
        yield SAYS.not_applicable(Text("This is no edit.", "不是编辑类训练。"))
        return
    if case.recipe is not None and case.plan is None and case.observations is None:
        # A family without pairs was refused, and more of them would not help.
        yield SAYS.not_applicable(Text("There is no plan for an edit.", "没有编辑类训练的计划。"))
        return
    pairs = _pairs(case)
    if pairs is None:
        yield SAYS.inconclusive(
            Text("The pairs were not counted.", "没有统计图片对。"),
            Text("The data set's folders.", "数据集文件夹。"),
        )
        return
    facts = [Evidence(Text("pairs", "图片对数"), pairs, LEAST_PAIRS, "data set", "pairs")]
    if pairs >= LEAST_PAIRS:
        yield SAYS.clear(Text(f"{pairs} pairs.", f"共 {pairs} 对图片。"), facts)
        return
    early = _learned_early(case) if case.observations is not None else None
    if early is not None:
        from orchestrator.diagnose.course import PROBE

        facts.append(
            Evidence(
                Text("loss against the base after a third of the run", "训练三分之一时相对底模的损失"),
                significant(early[1], 3),
                0,
                PROBE,
                "%",
            )
        )
    yield _fired(pairs, facts, is_learned=None if early is None else early[0])


def _pairs(case: Case) -> int | None:
    if case.dataset is not None and case.dataset.pairs:
        return sum(pair.is_whole for pair in case.dataset.pairs)
    if case.dataset is not None and case.dataset.is_whole:
        return sum(len(folder.pictures) for folder in subject_folders(case))
    if case.plan is not None:
        return sum(len(subset.sizes) for subset in case.plan.subsets if not subset.is_reg)
    return None


def _learned_early(case: Case) -> tuple[bool, float] | None:
    """Return whether the probe after a third of the run was better than the base, and by what; None without a probe."""
    from orchestrator.diagnose.course import course
    from orchestrator.diagnose.signals.jitter import is_better

    seen = course(case)
    if seen is None:
        return None
    curve = seen.decisive
    until = [c for s, c in zip(curve.steps, curve.changes, strict=True) if s <= EARLY * curve.steps[-1]]
    return (is_better(until[-1], curve.late_jitter), until[-1]) if until else None


def _fired(pairs: int, facts: list[Evidence], *, is_learned: bool | None) -> Finding:
    ends = {
        None: Text(f"{LEAST_PAIRS} are usual for an edit", f"编辑类训练通常需要 {LEAST_PAIRS} 对"),
        True: Text("the run learned from them early all the same", "不过训练很早就学到了内容"),
        False: Text("nothing was learned after a third of the run", "训练三分之一时仍未学到内容"),
    }
    end = ends[is_learned]
    return SAYS.fired(
        Severity.INFO if is_learned else Severity.WATCH,
        Confidence.LOW if is_learned is None else Confidence.MEDIUM,
        Text(f"{plural(pairs, 'pair is', 'pairs are')} few: {end.en}.", f"{pairs} 对图片偏少：{end.zh}。"),
        why=Text(
            "From few pairs the motifs are learned, not the edit.", "图片对太少时学到的是画面内容，而不是编辑操作。"
        ),
        evidence=facts,
        fix=Fix(
            Text(
                "Add pairs with other motifs and the same edit; more epochs do not replace them.",
                "增加内容不同、编辑相同的图片对；增加轮数无法替代。",
            )
        ),
    )


# The general rule counts the same pictures with the same limit: one of the two says it.
RULE = Rule(SAYS.id, SAYS.name, "both", check, suppresses=("few-pictures",))
