"""The pictures of a finding."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.finding import Severity
from orchestrator.report.dataset_page.model import captioned_shot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Finding
    from orchestrator.dataset.model import Picture
    from orchestrator.report.dataset_page.gallery import Gallery
    from orchestrator.report.dataset_page.model import Shot

MOST_SHOTS: Final = 24
MOST_NAMES: Final = 300
MOST_MARKED: Final = 0.25
"""Share of the pictures above which a finding is about the set, not about one or the other."""
GROUPED: Final = ("exact-duplicate-images", "near-duplicate-images")
"""Rules whose pictures stand in the sheet of copies: there it is seen which belong together."""


@dataclass(frozen=True, slots=True)
class FindingPictures:
    """What is shown of the pictures that a finding is about."""

    shots: tuple[Shot, ...]
    names: tuple[Path, ...]
    """All of them, and files that are no pictures, as far as the page lists them."""
    total: int
    is_in_copies: bool = False


def finding_marks(fired: Sequence[Finding], pictures: int) -> Mapping[Path, list[tuple[int, str]]]:
    """Return for each picture the findings that single it out: (place in `fired`, name of the rule). `pictures`: how many there are."""
    marks: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    for place, finding in enumerate(fired):
        paths = dict.fromkeys(finding.paths)
        if finding.severity is not Severity.INFO and len(paths) <= MOST_MARKED * pictures:
            for path in paths:
                marks[path].append((place, finding.name))
    return marks


def finding_pictures(finding: Finding, pictures: Mapping[Path, Picture], gallery: Gallery) -> FindingPictures:
    """Return the pictures of a finding; `pictures`: all of the set. Whole-set findings have none."""
    paths = list(dict.fromkeys(finding.paths))
    if finding.name in GROUPED:
        return FindingPictures((), (), len(paths), is_in_copies=True)
    taken = gallery.take([path for path in paths if path in pictures], MOST_SHOTS)
    shots = tuple(captioned_shot(pictures[path]) for path in taken)
    # Where all of them are seen their names are seen too.
    names = tuple(paths[:MOST_NAMES]) if len(taken) < len(paths) else ()
    return FindingPictures(shots, names, len(paths))
