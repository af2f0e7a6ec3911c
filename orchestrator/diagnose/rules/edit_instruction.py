"""A pair has no instruction, or another than the rest.

## What it looks for

Edit pairs in which the half after the edit has no caption, sets that teach one edit but say it otherwise in a few pairs, and halves
before the edit with an instruction of their own that is another.

## Why it matters

The instruction is what the edit is called up by. A pair without one teaches the edit for every prompt, or the class tokens; a pair with
another one teaches the same change under two names, or a wrong one.

## How we tell

The caption beside the half after the edit: trainers read that one. Without it: to fix where other pairs have one, to look at where none
has. Where at least five pairs and four of five have one and the same sentence (case, blanks and end mark do not count), the others are
named. Beside the half before the edit a caption that starts as an instruction (`remove`, `add`, `turn` ...), or is that of other pairs,
is another one where it differs.

## What to change

One sentence that says exactly what changes, the same beside each half after the edit. Several edits: a LoRA of its own for each.

## When it is wrong

Sets whose few other sentences belong to other pictures on purpose, such as the name of what is edited. Captions of the halves before the
edit that describe them are not looked at.

## Sources

domain-rules D17 (one sentence says exactly what changes) and D10 (edit functions apart). The four of five are set, not measured.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.facts import NO_DATASET, names
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.pairs import Pair

FEWEST, ONE_EDIT = 5, 0.8
"""Pairs with one and the same sentence, and their share of those that have one, from which on the set teaches one edit."""
_VERB = re.compile(
    r"(add|apply|blur|change|clean up|colou?ri[sz]e|convert|correct|cut out|delete|draw|edit|enhance|erase|extract|fill|fix|give|insert|"
    r"make|move|paint|put|recolou?r|remove|rep(air|aint|lace)|restore|retouch|rotate|sharpen|swap|take|transform|turn|unblur|"
    r"upscale|zoom)\b|[请将把]|(去除|去掉|移除|删除|添加|加上|改为|改成|变成|换成|替换|修复|上色)",
    re.IGNORECASE,
)
_NOISE = re.compile(r"[\s.。!！]+")

SAYS = Says("R141", "edit-instruction")
NO_PAIRS = Text("The pictures are not in pairs.", "图片不成对。")


def check(case: Case) -> Iterator[Finding]:
    """Read the instructions of whole pairs."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    pairs = [pair for pair in case.dataset.pairs if pair.is_whole]
    if not pairs:
        yield SAYS.not_applicable(NO_PAIRS)
        return
    before, after = _captions(case.dataset, pairs)
    found = [
        finding
        for finding in (_missing(pairs, before, after), _differing(pairs, after), _contradicting(pairs, before, after))
        if finding is not None
    ]
    yield from found or [SAYS.clear(Text("Each pair has its instruction.", "每一对都有指令。"))]


def _captions(dataset: Dataset, pairs: Sequence[Pair]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the captions beside the halves before and after, by the names of the pairs; blank ones are left out."""
    written = {
        picture.path: picture.caption.strip("\ufeff \t")
        for folder in dataset.folders
        for picture in folder.pictures
        if picture.caption
    }
    before = {pair.name: written[pair.before] for pair in pairs if pair.before is not None and written.get(pair.before)}
    after = {pair.name: written[pair.after] for pair in pairs if pair.after is not None and written.get(pair.after)}
    return before, after


def _missing(pairs: Sequence[Pair], before: Mapping[str, str], after: Mapping[str, str]) -> Finding | None:
    bare = [pair for pair in pairs if pair.name not in after]
    if not bare:
        return None
    elsewhere = sum(1 for pair in bare if pair.name in before)
    shown = names([pair.name for pair in bare])
    evidence = [Evidence(Text("pairs without an instruction", "没有指令的图对"), len(bare), 0, "data set", "pairs")]
    if elsewhere:
        what = Text("of those, with a caption beside the half before", "其中标注写在编辑前一半旁的")
        evidence.append(Evidence(what, elsewhere, 0, "data set", "pairs"))
    return SAYS.fired(
        Severity.FIX if after or elsewhere else Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"{len(bare)} of {plural(len(pairs), 'pair has', 'pairs have')} no instruction beside the half after the edit: {shown.en}.",
            f"{len(pairs)} 对图片中有 {len(bare)} 对在编辑后的一半旁没有指令：{shown.zh}。",
        ),
        why=Text("Nothing then says what is to be changed.", "这样就没有说明要改什么。"),
        evidence=evidence,
        fix=Fix(
            Text(
                "Write one sentence that says what changes, beside each half after the edit.",
                "在每张编辑后的图片旁写一句话，说明改了什么。",
            )
        ),
        paths=[pair.after for pair in bare if pair.after is not None],
    )


def _differing(pairs: Sequence[Pair], after: Mapping[str, str]) -> Finding | None:
    said = Counter(map(_plain, after.values()))
    if not said:
        return None
    usual, count = said.most_common(1)[0]
    odd = [pair for pair in pairs if pair.name in after and _plain(after[pair.name]) != usual]
    if not odd or count < max(FEWEST, ONE_EDIT * len(after)):
        return None
    shown = names([pair.name for pair in odd])
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(odd), 'pair says', 'pairs say')} it otherwise than {count} others: {shown.en}.",
            f"{len(odd)} 对图片的指令与其余 {count} 对不同：{shown.zh}。",
        ),
        why=Text("One edit is taught under two names, or a wrong one.", "同一编辑以两种名称来教，或教错了。"),
        evidence=[
            Evidence(Text("another instruction", "不同的指令"), after[pair.name], None, pair.name) for pair in odd[:20]
        ],
        fix=Fix(
            Text(
                "Write the same sentence beside each, or train the other edit apart.",
                "每对写同一句话，或把另一种编辑分开训练。",
            )
        ),
        paths=[pair.after for pair in odd if pair.after is not None],
    )


def _contradicting(pairs: Sequence[Pair], before: Mapping[str, str], after: Mapping[str, str]) -> Finding | None:
    said = set(map(_plain, after.values()))
    odd = [
        pair
        for pair in pairs
        if pair.name in before and pair.name in after and _is_another(before[pair.name], after[pair.name], said)
    ]
    if not odd:
        return None
    shown = names([pair.name for pair in odd])
    return SAYS.fired(
        Severity.WATCH,
        Confidence.MEDIUM,
        Text(
            f"{plural(len(odd), 'pair has', 'pairs have')} two instructions that differ: {shown.en}.",
            f"{len(odd)} 对图片有两条不同的指令：{shown.zh}。",
        ),
        why=Text("Trainers read the one beside the half after the edit.", "训练器读取编辑后一半旁的那条。"),
        evidence=[
            Evidence(Text("beside the half before", "编辑前一半旁"), before[pair.name], after[pair.name], pair.name)
            for pair in odd[:20]
        ],
        fix=Fix(Text("Keep the right one, beside the half after the edit.", "保留正确的一条，放在编辑后的一半旁。")),
        paths=[path for pair in odd for path in (pair.before, pair.after) if path is not None],
    )


def _is_another(before: str, after: str, said: set[str]) -> bool:
    plain = _plain(before)
    return plain != _plain(after) and (plain in said or _VERB.match(before) is not None)


def _plain(caption: str) -> str:
    """Return what is the same for one sentence however it is typed."""
    return _NOISE.sub(" ", caption).strip().casefold()


RULE = Rule(SAYS.id, SAYS.name, "before", check)
