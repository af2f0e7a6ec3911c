"""Nearly all pictures show the person from one distance.

## What it looks for

Sets of a character or person in which more than three of four pictures have one framing (head, upper body or full body), or in
which none shows the full body, or none the face from near.

## Why it matters

A framing in excess takes attention from the others, whichever it is: half of the set need not be head shots. What no picture
shows, legs and footwear most often, is never learned; small faces teach no face.

## How we tell

The caption's words (`portrait`, `close-up`, `upper body`, `cowboy shot`, `full body` ..., sentences too) say it; where they do not,
and the subject is a person, the largest face in the photograph does: with the extra `faces` `lora-run dataset check` looks for them.
Pictures count as often as they are repeated. Known of at least ten pictures and of half of them, else nothing is said.

## What to change

Add pictures of the missing framing, or give those there are more repeats: a folder of their own with more
`concepts.num_repeats`.

## When it is wrong

Sets for portraits only, or of a character that has no legs. Taggers write `portrait` and `upper body` freely. A face says nothing about
what stands beside it, and on drawings it is not asked.

## Sources

domain-rules D2, D4, D7. The limit of 75 % is this project's own, as in `view-monotony`; sets drawn from labelled pictures: docs/log.md,
2026-11-29.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.faces import why_not
from orchestrator.dataset.vocabulary import FEWEST
from orchestrator.diagnose.facts import NO_DATASET, kind
from orchestrator.diagnose.framed import Framed, framed
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.dataset.pixels.framing import Kind

KINDS: Final = ("character", "person", None)
KNOWN_SHARE: Final = 0.5
SURE_SHARE: Final = 0.8
"""Share of the pictures whose framing must be known for a verdict of medium confidence; down to `KNOWN_SHARE` it is of low one."""
MOST: Final = 0.75
NAMES: Final[Mapping[Kind, Text]] = {
    "head": Text("head", "头部特写"),
    "upper-body": Text("upper body", "上半身"),
    "full-body": Text("full body", "全身"),
}

SAYS = Says("R131", "framing-imbalance")


def check(case: Case) -> Iterator[Finding]:
    """Count the framings."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    if kind(case) not in KINDS:
        yield SAYS.not_applicable(Text("The subject is no character or person.", "主体不是角色或人物。"))
        return
    people = [one for one in framed(case) if one.framing.kind != "none" or not one.framing.confidence]
    known = [one for one in people if one.framing.confidence]
    if len(people) < FEWEST:
        yield SAYS.not_applicable(Text("Too few pictures of a person for shares.", "人物图片太少，比例没有意义。"))
    elif not known and kind(case) is None:
        yield SAYS.not_applicable(Text("Nothing says that a person is shown.", "没有迹象表明画面中有人物。"))
    elif len(known) < max(FEWEST, KNOWN_SHARE * len(people)):
        yield _unknown(case, len(known), len(people))
    else:
        yield _judged(case, known, len(people))


def _unknown(case: Case, known: int, total: int) -> Finding:
    more = max(FEWEST, round(KNOWN_SHARE * total + 0.49)) - known
    looked = case.dataset.looked if case.dataset is not None else None
    has_faces = looked is not None and any(facts.faces is not None for facts in looked.facts.values())
    en = f"Words such as `portrait`, `upper body`, `full body` in {more} more captions"
    zh = f"再有 {more} 个标注写明 `portrait`、`upper body`、`full body` 之类的词"
    if kind(case) == "person" and not has_faces:
        if why_not():
            en += '; or `pip install "lora-orchestrator[faces]"` and `lora-run dataset check`, which then finds faces'
            zh += '；或 `pip install "lora-orchestrator[faces]"` 后用 `lora-run dataset check` 查找人脸'
        else:
            en += "; or `lora-run dataset check`, which finds faces"
            zh += "；或用 `lora-run dataset check` 查找人脸"
    return SAYS.inconclusive(
        Text(
            f"How much of the person is shown is known of {known} of {total} pictures only.",
            f"{total} 张图片中只有 {known} 张能看出景别。",
        ),
        Text(f"{en}.", f"{zh}。"),
    )


def _judged(case: Case, known: Sequence[Framed], total: int) -> Finding:
    counts = Counter(one.framing.kind for one in known)
    weighed: Counter[Kind] = Counter()
    for one in known:
        weighed[one.framing.kind] += one.repeats
    largest = max(NAMES, key=lambda name: weighed[name])
    share = weighed[largest] / weighed.total()
    evidence = _evidence(known, largest, share, counts)
    summary = _summary(counts, total - len(known))
    told = _told(case, counts, share)
    if not told:
        clear = Text(f"The framing varies: {summary.en}.", f"景别有变化：{summary.zh}。")
        return SAYS.clear(clear, evidence, confidence=Confidence.MEDIUM)
    severity, why = min(told, key=lambda one: one[0].rank)
    return SAYS.fired(
        severity,
        Confidence.MEDIUM if len(known) >= SURE_SHARE * total else Confidence.LOW,
        Text(f"The framing is one-sided: {summary.en}.", f"景别单一：{summary.zh}。"),
        why=why,
        evidence=evidence,
        fix=Fix(
            Text(
                "Add pictures of the missing framing, or give those there are more repeats.",
                "增加所缺景别的图片，或给已有的这类图片更多重复。",
            )
        ),
        paths=[one.path for one in known if share > MOST and one.framing.kind == largest],
    )


def _told(case: Case, counts: Counter[Kind], share: float) -> list[tuple[Severity, Text]]:
    """Return what is wrong, how much that matters for this subject, and why; what matters most comes first of equals."""
    found = []
    if share > MOST:
        found.append((Severity.WATCH, Text("It takes attention from the others.", "它会挤占其他景别。")))
    if not counts["full-body"]:
        severity = Severity.WATCH if kind(case) == "character" else Severity.INFO
        found.append((severity, Text("Legs and footwear are never learned.", "腿与鞋永远学不到。")))
    if not counts["head"]:
        found.append((Severity.INFO, Text("No face is seen from near.", "没有近看的脸。")))
    return found


def _summary(counts: Counter[Kind], unknown: int) -> Text:
    en = ", ".join(f"{counts[name]} {text.en}" for name, text in NAMES.items())
    zh = "，".join(f"{text.zh} {counts[name]} 张" for name, text in NAMES.items())
    return Text(f"{en}, {unknown} unknown", f"{zh}，未知 {unknown} 张") if unknown else Text(en, zh)


def _evidence(known: Sequence[Framed], largest: Kind, share: float, counts: Counter[Kind]) -> list[Evidence]:
    name, by_face = NAMES[largest], sum(1 for one in known if one.framing.source == "face")
    return [
        Evidence(
            Text(f"most frequent framing, {name.en}, with repeats", f"最多的景别（{name.zh}，计入重复）"),
            round(100 * share), round(100 * MOST), "data set", "%",
        ),
        Evidence(Text("full body", "全身"), counts["full-body"], 1, "data set", "pictures"),
        Evidence(Text("told by captions", "由标注得知"), len(known) - by_face, None, "captions", "pictures"),
        Evidence(Text("told by a face alone", "仅由人脸得知"), by_face, None, "pixels", "pictures"),
    ]  # fmt: skip


RULE = Rule(SAYS.id, SAYS.name, "both", check)
