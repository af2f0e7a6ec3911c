"""The captions are written in another way than the base model reads best.

## What it looks for

Lists of tags for families with a T5 or LLM text encoder (flux, sd3 and alike); sentences for anime bases on sd15 and sdxl.

## Why it matters

T5 and language models were trained on sentences and read more out of them. Anime bases were trained on tags and know their words
as tags only.

## How we tell

How most captions are written, the family, and the file name of the base: Illustrious, Pony, NoobAI, Animagine and alike are anime
bases. Where the name says nothing, sentences for sd15 and sdxl are right.

## What to change

Write sentences for flux and sd3, tags for anime bases; a tagger or a captioner does the first draft.

## When it is wrong

Trainings with both on purpose, and bases whose name does not say what they are.

## Sources

domain-rules T8: many people train FLUX on tags with success, so that is only mentioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.captions import NO_CAPTIONS, captioned
from orchestrator.diagnose.facts import FLOW_FAMILIES, NO_DATASET, family, setting
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

ANIME = (
    "illustrious", "pony", "noob", "animagine", "anything", "wai-", "wainsfw", "anime", "nai", "counterfeit", "meina", "aom3",
    "abyssorange", "hassaku", "cetus",
)  # fmt: skip
"""Parts of file names of bases that were trained on tags."""
MOST = 0.6
"""Share of captions that must be written in one way before the set is said to be."""
TAG_FAMILIES = ("sd15", "sd2", "sdxl")

SAYS = Says("R110", "wrong-caption-style")


def check(case: Case) -> Iterator[Finding]:
    """Hold the way most captions are written against the family."""
    if case.dataset is None:
        yield SAYS.not_applicable(NO_DATASET)
        return
    model, captions = family(case), captioned(case)
    told = [one for one in captions if one.text.style != "unclear"]
    if model not in (*FLOW_FAMILIES, *TAG_FAMILIES) or not told:
        yield SAYS.not_applicable(NO_CAPTIONS if not told else Text("This family reads both.", "该系列两者皆可。"))
        return
    tags = [one for one in told if one.text.style == "tags"]
    sentences = [one for one in told if one.text.style == "sentences"]
    if model in FLOW_FAMILIES and len(tags) > MOST * len(told):
        yield _fired(
            Severity.INFO,
            Text(
                f"{len(tags)} of {len(captions)} captions are lists of tags; {model} reads sentences best.",
                f"{len(captions)} 个标注中有 {len(tags)} 个是标签列表；{model} 最擅长读句子。",
            ),
            Text("lists of tags", "标签式标注"),
            len(tags),
        )
    elif model in TAG_FAMILIES and len(sentences) > MOST * len(told) and (base := _anime_base(case)):
        yield _fired(
            Severity.WATCH,
            Text(
                f"{len(sentences)} of {len(captions)} captions are sentences; the base `{base}` was trained on tags.",
                f"{len(captions)} 个标注中有 {len(sentences)} 个是句子；底模 `{base}` 是用标签训练的。",
            ),
            Text("captions in sentences", "句子式标注"),
            len(sentences),
        )
    else:
        yield SAYS.clear(Text("The captions are written as the family reads them.", "标注的写法适合该系列。"))


def _anime_base(case: Case) -> str | None:
    path = setting(case, "pretrained_model_name_or_path")
    if path is None and case.recipe is not None:
        path = case.recipe.base_model.pretrained_model_name_or_path
    name = str(path or "").replace("\\", "/").rsplit("/", 1)[-1]
    return name if any(part in name.lower() for part in ANIME) else None


def _fired(severity: Severity, message: Text, what: Text, count: int) -> Finding:
    return SAYS.fired(
        severity,
        Confidence.MEDIUM,
        message,
        why=Text("Its text encoder was trained the other way.", "其文本编码器是按另一种写法训练的。"),
        evidence=[Evidence(what, count, 0, "captions")],
        fix=Fix(Text("Rewrite the captions for this base.", "按该底模改写标注。")),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check)
