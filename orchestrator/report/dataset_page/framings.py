"""The sheet by framing: how much of the person each picture shows, as far as anybody says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.core.text import Text, same
from orchestrator.dataset.tags import tagged
from orchestrator.dataset.vocabulary import written
from orchestrator.diagnose.facts import subject_folders
from orchestrator.report.dataset_page.gallery import fair
from orchestrator.report.dataset_page.model import Group, Sheet, Shot

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.diagnose.rule import Case
    from orchestrator.report.dataset_page.gallery import Gallery

Kind = Literal["head", "upper-body", "full-body", "no-person", "unsaid"]
KINDS: Final[dict[Kind, Text]] = {
    "head": Text("head", "头部"),
    "upper-body": Text("upper body", "上半身"),
    "full-body": Text("full body", "全身"),
    "no-person": Text("nobody in it", "没有人物"),
    "unsaid": Text("the caption does not say", "标注没有说明"),
}
_TAGS: Final[dict[str, Kind]] = {
    "no humans": "no-person", "full body": "full-body", "wide shot": "full-body", "very wide shot": "full-body",
    "upper body": "upper-body", "half body": "upper-body", "cowboy shot": "upper-body", "medium shot": "upper-body", "bust": "upper-body",
    "portrait": "head", "head shot": "head", "close-up": "head", "extreme close-up": "head", "face": "head", "face focus": "head",
    "eye focus": "head",
}  # fmt: skip
"""Tags of `vocabulary.tsv`, the wider view first: a full-length portrait is no head."""
_PHRASES: Final[tuple[tuple[str, Kind], ...]] = (
    (r"no (?:people|person|humans?)|nobody|无人", "no-person"),
    (r"(?:full|whole|entire)[ -]?body|full[ -]length|head to toe|全身", "full-body"),
    (r"upper[ -]?body|half[ -](?:body|length)|(?:from the )?waist up|cowboy shot|上半身|半身", "upper-body"),
    (r"head ?shot|close[ -]?up|portrait of|head and shoulders|特写|头像", "head"),
)
"""The same in sentences, where a lone `face` says nothing."""
_SENTENCES: Final = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in _PHRASES)
MOST: Final = 800
NOTE: Final = Text(
    "From the words of the captions alone. A set for a character or person wants all three: one framing only is all that the LoRA will draw.",
    "仅依据标注中的词。角色或人物的图集三种都需要：只有一种取景时，LoRA 也只会画那一种。",
)


def framing_of(case: Case) -> dict[Path, Kind]:
    """Return how much of the person each of the subject's pictures shows. The one place where it is asked: today the captions answer."""
    return {
        picture.path: _by_caption(picture.caption) for folder in subject_folders(case) for picture in folder.pictures
    }


def framing_sheet(case: Case, gallery: Gallery) -> Sheet:
    """Return the subject's pictures by framing, from near to far."""
    found: dict[Kind, list[Path]] = {kind: [] for kind in KINDS}
    for path, kind in framing_of(case).items():
        found[kind].append(path)
    known = {kind: paths for kind, paths in found.items() if paths}
    sizes = [len(paths) for paths in known.values()]
    groups = []
    for (kind, paths), most in zip(known.items(), fair(sizes, MOST), strict=True):
        shots = tuple(Shot(path) for path in gallery.take(paths, most))
        share = same(f"{100 * len(paths) / sum(sizes):.0f} %")
        groups.append(Group(KINDS[kind], share, shots, len(paths) - len(shots)))
    return Sheet(tuple(groups), NOTE)


def _by_caption(text: str | None) -> Kind:
    if not text:
        return "unsaid"
    tags = {written(tag) for tag in tagged(text).tags}
    by_tag = next((kind for tag, kind in _TAGS.items() if tag in tags), None)
    if by_tag is not None:
        return by_tag
    return next((kind for pattern, kind in _SENTENCES if pattern.search(text)), "unsaid")
