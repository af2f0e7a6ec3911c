"""What the rules about pixels ask: which pictures were looked at, and how a rule about single pictures speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Evidence, Fix
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_DATASET, names, subject_folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.finding import Confidence, Finding, Severity
    from orchestrator.dataset.pixels.model import PixelFacts
    from orchestrator.diagnose.rule import Case, Says

NOT_LOOKED = Text(
    "The pixels were not looked at; `lora-run dataset check` does.", "没有查看像素；`lora-run dataset check` 会查看。"
)
_KEY = "seen pictures"
MOST_SHOWN = 20
"""Pictures listed as evidence; the count and the paths say the rest."""
FEW = 0.05
"""Share of the pictures up to which `Told.severity_few` holds."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a rule about single pictures speaks."""

    severity: Severity
    confidence: Confidence
    clear: Text
    one: str
    """`picture is blurred`, after the number one ..."""
    many: str
    """... and after others."""
    zh: str
    """The whole sentence, with {count} and {names}."""
    why: Text
    fix: Text
    evidence: Text
    """What the value of each picture is."""
    limit: float | None
    unit: str = ""
    severity_few: Severity | None = None
    """Where only one picture or one in twenty is told; None: the same."""


def looked_at(case: Case) -> list[tuple[Path, PixelFacts]] | None:
    """Return the subject's pictures that were decoded, None where nobody looked. A picture with a problem is another rule's."""
    if case.dataset is None or case.dataset.looked is None:
        return None
    if _KEY not in case.cache:
        facts = case.dataset.looked.facts
        paths = (picture.path for folder in subject_folders(case) for picture in folder.pictures)
        case.cache[_KEY] = [(path, one) for path in paths if (one := facts.get(path)) is not None and not one.problem]
    found: list[tuple[Path, PixelFacts]] = case.cache[_KEY]
    return found


def about_pictures(case: Case, says: Says, told: Told, value: Callable[[PixelFacts], float | None]) -> Finding:
    """Tell the pictures that `value` gives a number for."""
    if case.dataset is None:
        return says.not_applicable(NO_DATASET)
    seen = looked_at(case)
    if seen is None:
        return says.not_applicable(NOT_LOOKED)
    found = {path: number for path, facts in seen if (number := value(facts)) is not None}
    if found:
        return fired(says, told, found, len(seen))
    if case.dataset.looked is not None and not case.dataset.looked.is_whole:
        return says.not_applicable(NOT_LOOKED)
    return says.clear(told.clear)


def fired(says: Says, told: Told, found: dict[Path, float], total: int) -> Finding:
    """Return the finding about these pictures of `total`, each with its value."""
    count, shown = len(found), names(list(found))
    is_few = count < 2 or count <= FEW * total
    severity = told.severity_few if told.severity_few is not None and is_few else told.severity
    return says.fired(
        severity,
        told.confidence,
        Text(
            f"{count} {told.one if count == 1 else told.many}: {shown.en}.",
            told.zh.format(count=count, names=shown.zh),
        ),
        why=told.why,
        evidence=[
            Evidence(told.evidence, round(number, 3), told.limit, path.name, told.unit)
            for path, number in list(found.items())[:MOST_SHOWN]
        ],
        fix=Fix(told.fix),
        paths=list(found),
    )
