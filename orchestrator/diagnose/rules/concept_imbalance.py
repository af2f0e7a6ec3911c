"""One concept is shown far more often than another.

## What it looks for

Several concepts in one LoRA whose pictures x repeats differ by more than a factor of three. Regularisation pictures do not count.

## Why it matters

What is shown most is learned first; when the other has been learned it is overtrained, and bleeds into the other.

## How we tell

Pictures x `concepts.num_repeats` of the plan, folders with the same class tokens taken as one concept; without a recipe, the repeats in
the folders' names (`10_alice girl`). The repeats that would balance them keep the samples of an epoch about as many as they are.

## What to change

`concepts.num_repeats` as told, or `concepts.share` instead: the planner then does this sum.

## When it is wrong

A concept that is meant to count less, or that the base model knows already: set `concepts.share` and the rule keeps quiet. Concepts that
only their captions tell apart, with one class token for all, are not seen.

## Sources

recipe-facts 4.8 (a share more than three times another's); domain-rules D4 and the note on balance. Where the harm begins was not
measured here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.layout import parse_folder_name
from orchestrator.diagnose.facts import significant, subject_folders
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_RATIO = 3.0

SAYS = Says("R138", "concept-imbalance")


@dataclass(frozen=True, slots=True)
class _Concept:
    tokens: str
    folders: tuple[tuple[int, int], ...]
    """(pictures, repeats) of each."""

    @property
    def samples(self) -> int:
        """Samples per epoch."""
        return sum(pictures * repeats for pictures, repeats in self.folders)

    def scaled(self, factor: float) -> _Concept:
        """Return it with other repeats, whole numbers."""
        return _Concept(self.tokens, tuple((n, max(1, round(repeats * factor))) for n, repeats in self.folders))

    @property
    def sum_told(self) -> str:
        """`40 x 5 = 200`."""
        return f"{' + '.join(f'{pictures} x {repeats}' for pictures, repeats in self.folders)} = {self.samples}"


def check(case: Case) -> Iterable[Finding]:
    """Compare the samples of concepts."""
    concepts = _concepts(_shown(case))
    if len(concepts) < 2:
        return [
            SAYS.not_applicable(
                Text("There is one concept, or repeats are not known.", "只有一个概念，或重复次数未知。")
            )
        ]
    if case.recipe is not None and any(c.share for c in case.recipe.concepts):
        return [SAYS.not_applicable(Text("The recipe sets the shares.", "配方已规定份额。"))]
    most, least = max(concepts, key=_samples), min(concepts, key=_samples)
    evidence = [
        Evidence(Text("pictures x repeats", "图片数 x 重复次数"), one.sum_told, None, one.tokens) for one in concepts
    ]
    ratio = most.samples / least.samples
    evidence.append(
        Evidence(Text("the most over the least", "最多与最少之比"), significant(ratio, 3), MOST_RATIO, "data set", "x")
    )
    if ratio <= MOST_RATIO:
        return [SAYS.clear(Text("The concepts are shown about equally often.", "各概念的出现次数相近。"), evidence)]
    return [_fired(concepts, most, least, evidence)]


def _fired(concepts: Sequence[_Concept], most: _Concept, least: _Concept, evidence: list[Evidence]) -> Finding:
    told = "; ".join(f"`{one.tokens}` {one.sum_told}" for one in _balanced(concepts))
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"`{most.tokens}` is shown {most.samples} times an epoch, `{least.tokens}` {least.samples} times.",
            f"`{most.tokens}` 每轮出现 {most.samples} 次，`{least.tokens}` 只有 {least.samples} 次。",
        ),
        why=Text("The one is overtrained when the other has been learned.", "学会后者时，前者已训练过度。"),
        evidence=evidence,
        fix=Fix(
            Text(
                f"Balance the repeats, pictures x `num_repeats`: {told}.",
                f"平衡重复次数（图片数 x `num_repeats`）：{told}。",
            )
        ),
    )


def _shown(case: Case) -> list[tuple[str, int, int]]:
    """Return (class tokens, pictures, repeats) of each folder that is trained on; nothing where nobody knows the repeats of one."""
    if case.plan is not None:
        return [(s.class_tokens, len(s.sizes), s.num_repeats) for s in case.plan.subsets if not s.is_reg]
    if case.recipe is not None or case.dataset is None:
        return []
    found = []
    for folder in subject_folders(case):
        named = parse_folder_name(folder.image_dir.name)
        if named is None:
            return []
        found.append((named[1], len(folder.pictures), named[0]))
    return found


def _concepts(shown: Iterable[tuple[str, int, int]]) -> list[_Concept]:
    folders: dict[str, list[tuple[int, int]]] = {}
    for tokens, pictures, repeats in shown:
        if pictures:
            folders.setdefault(tokens, []).append((pictures, repeats))
    return [_Concept(tokens, tuple(some)) for tokens, some in folders.items()]


def _balanced(concepts: Sequence[_Concept]) -> list[_Concept]:
    """Return them with repeats that give each an equal share of what an epoch has now, and no folder less than one."""
    wanted = sum(map(_samples, concepts)) / len(concepts)
    once = max(sum(pictures for pictures, _ in one.folders) for one in concepts)
    return [one.scaled(max(wanted, once) / one.samples) for one in concepts]


def _samples(concept: _Concept) -> int:
    return concept.samples


RULE = Rule(SAYS.id, SAYS.name, "both", check)
