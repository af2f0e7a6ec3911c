"""The data set in one sentence, and in a line of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.captions import trigger
from orchestrator.diagnose.facts import kind
from orchestrator.report.dataset_page.copies import copy_counts
from orchestrator.report.dataset_page.words import word
from orchestrator.report.labels import label
from orchestrator.report.numbers import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.core.finding import Verdict
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Dataset
    from orchestrator.report.dataset_page.model import SeenSet


def sentence(dataset: Dataset, verdict: Verdict, problems: int = 0) -> Text:
    """Return what there is and how much of it is to be looked at, for somebody who never saw such a report. `problems`: what refuses it."""
    subject = [folder for folder in dataset.folders if not folder.is_reg]
    pictures = sum(len(folder.pictures) for folder in subject)
    captions = sum(folder.captioned for folder in subject)
    reg = sum(len(folder.pictures) for folder in dataset.folders if folder.is_reg)
    and_reg = f", and {plural(reg, 'regularisation picture', 'regularisation pictures')}" if reg else ""
    first = Text(
        f"{plural(pictures, 'picture', 'pictures')} with {plural(captions, 'caption', 'captions')}{and_reg}",
        f"共 {pictures} 张图片、{captions} 个标注" + (f"，另有 {reg} 张正则图片" if reg else ""),
    )
    same, wrong = _copies(dataset), _findings(verdict, problems)
    if not pictures and not reg:
        return Text(f"There is no picture. {wrong.en}", f"没有图片。{wrong.zh}")
    return Text(f"{first.en}; {same.en}. {wrong.en}", f"{first.zh}；{same.zh}。{wrong.zh}")


def _copies(dataset: Dataset) -> Text:
    exact, near = copy_counts(dataset)
    if not exact and not near:
        return Text("none of them is there twice", "没有重复的图片")
    en, zh = [], []
    if exact:
        en.append(f"{plural(exact, 'is an exact copy', 'are exact copies')} of another")
        zh.append(f"{exact} 张与另一张完全相同")
    if near:
        en.append(f"{plural(near, 'shows', 'show')} nearly the same as another")
        zh.append(f"{near} 张与另一张几乎相同")
    return Text(" and ".join(en), "，".join(zh))


def _findings(verdict: Verdict, problems: int) -> Text:
    counts = by_severity(verdict)
    stops, fixes, looks = counts[Severity.STOP] + problems, counts[Severity.FIX], counts[Severity.WATCH]
    en, zh = [], []
    if stops:
        en.append(f"{plural(stops, 'thing', 'things')} would stop the training")
        zh.append(f"{stops} 项会使训练无法进行")
    if fixes:
        en.append(f"{plural(fixes, 'should', 'should')} be put right before training")
        zh.append(f"{fixes} 项应在训练前改好")
    if looks:
        en.append(f"{plural(looks, 'is', 'are')} worth a look")
        zh.append(f"{looks} 项值得留意")
    if not en:
        return Text("Nothing was found that needs a change.", "没有发现需要修改之处。")
    if not stops:
        en[0] = f"{plural(fixes or looks, 'thing', 'things')} {en[0].split(' ', 1)[1]}"
    return Text(_listed(en) + ".", "，".join(zh) + "。")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def by_severity(verdict: Verdict) -> Mapping[Severity, int]:
    """Return how many findings fired of each severity, worst first."""
    return {severity: sum(1 for finding in verdict.fired if finding.severity is severity) for severity in Severity}


def facts(seen: SeenSet, dataset: Dataset, language: Language) -> list[tuple[str, str]]:
    """Return (label, value) of what one wants to know at a glance; what there is none of is left out."""
    subject = [folder for folder in dataset.folders if folder.is_subject]
    reg = sum(len(folder.pictures) for folder in dataset.folders if folder.is_reg)
    held = sum(len(folder.pictures) for folder in dataset.folders if folder.is_held_out)
    exact, near = copy_counts(dataset)
    found = [
        ("facts_pictures", count(sum(len(folder.pictures) for folder in subject))),
        ("facts_captions", count(sum(folder.captioned for folder in subject))),
        ("facts_regularisation", count(reg) if reg else ""),
        ("facts_held_out", count(held) if held else ""),
        ("facts_exact", count(exact)),
        ("facts_near", count(near)),
        ("facts_pairs", count(len(dataset.pairs)) if dataset.pairs else ""),
        ("facts_kind", label(f"kind_{kind(seen.case)}", language) if kind(seen.case) else ""),
        ("facts_trigger", trigger(seen.case) or ""),
    ]
    return [(word(key, language), value) for key, value in found if value]
