"""The page of a data set as one HTML file: works offline, loads nothing, runs one script that it names by hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.diagnose.captions import given_trigger
from orchestrator.diagnose.facts import kind
from orchestrator.report.dataset_page.buckets import bucket_sheet
from orchestrator.report.dataset_page.copies import copy_sheet
from orchestrator.report.dataset_page.findings import finding_marks, finding_pictures
from orchestrator.report.dataset_page.framings import framing_sheet
from orchestrator.report.dataset_page.gallery import Gallery
from orchestrator.report.dataset_page.pair_view import pair_view
from orchestrator.report.dataset_page.summary import by_severity, facts, sentence
from orchestrator.report.dataset_page.tag_view import tag_view
from orchestrator.report.dataset_page.words import word
from orchestrator.report.finding_groups import group_findings, open_questions
from orchestrator.report.interactive import json_block
from orchestrator.report.measured import FILE_PROBLEMS
from orchestrator.report.page_environment import make_environment, with_code
from orchestrator.report.privacy import Shortener
from orchestrator.report.rule_page import rule_page
from orchestrator.report.tell_dataset import shown
from orchestrator.report.verdict import level, next_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import Environment

    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Dataset
    from orchestrator.report.dataset_page.gallery import Small
    from orchestrator.report.dataset_page.model import SeenSet

SHOTS_AT_ONCE = 18
"""Pictures of a group that are seen at first; the others unfold."""
EVIDENCE_AT_ONCE = 5
"""Measured values of a finding that are seen at first; where there are more all of them unfold."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and how much of the set is in it."""

    html: str
    shown: int
    """Different pictures in it; one that cannot be shown stands there as a box."""
    pictures: int


def render_page(
    seen: SeenSet, mark: str, language: Language, progress: Callable[[int, int], None] | None = None
) -> Page:
    """Return the page. Opens the pictures that it shows, once each; `progress` is told (pictures done, pictures in all). Writes nothing."""
    dataset = seen.case.dataset
    assert dataset is not None  # noqa: S101  a set that was looked at
    gallery = Gallery()
    groups = group_findings(seen.verdict)
    pictures = {picture.path: picture for folder in dataset.folders for picture in folder.pictures}
    content: dict[str, Any] = {
        # In the order of what matters most: the first to ask gets its pictures, should the page be full.
        "of_finding": {id(f): finding_pictures(f, pictures, gallery) for f in (*groups.fired, *groups.ignored)},
        "copies": copy_sheet(dataset, gallery),
        "pairs": pair_view(dataset, gallery),
        "buckets": bucket_sheet(seen.case, dataset, gallery),
        "framing": framing_sheet(seen.case, gallery),
    }
    smalls = gallery.make(progress)
    marks = finding_marks(groups.fired, len(pictures))
    html = (
        _environment(seen, dataset, smalls, language)
        .get_template("dataset.html.j2")
        .render(
            marks_of=lambda path: marks.get(path, ()),
            seen=seen,
            mark=mark,
            level="stop" if seen.problems else level(seen.verdict, None),
            sentence=sentence(dataset, seen.verdict, len(seen.problems)),
            severities=[(severity.value, number) for severity, number in by_severity(seen.verdict).items() if number],
            facts=facts(seen, dataset, language),
            steps=next_steps(seen.verdict),
            groups=groups,
            questions=open_questions(groups.inconclusive),
            pages={finding.name: rule_page(finding.name, language) for finding in (*groups.fired, *groups.ignored)},
            tags=tag_view(dataset, kind(seen.case), given_trigger(seen.case)),
            shown=len(smalls),
            total=len(pictures),
            smalls=smalls,
            written=(),
            at_once=SHOTS_AT_ONCE,
            script_words=json_block({"sort": word("sort", language)}),
            version=__version__,
            created=datetime.now().astimezone().isoformat(timespec="seconds"),
            **content,
        )
    )
    return Page(html, len(smalls), len(pictures))


def _environment(seen: SeenSet, dataset: Dataset, smalls: Mapping[Path, Small], language: Language) -> Environment:
    home = Path.home()
    folders = {str(folder.image_dir.absolute()): folder.image_dir.name for folder in dataset.folders}
    clean = Shortener({str(home): "~", **folders, str(seen.root.absolute()): ""}, home.name)
    environment = make_environment(clean, language, "dataset")
    environment.globals.update(
        w=lambda key, **values: with_code(word(key, language, **values), clean),
        name_of=lambda path: shown(seen.root, path),
        small_of=lambda path: smalls[path],
        problem=lambda name, unknown="cannot_show": (
            FILE_PROBLEMS[name].to(language) if name in FILE_PROBLEMS else word(unknown, language)
        ),
        percent=lambda share: f"{100 * share:.0f} %",
        fold=EVIDENCE_AT_ONCE,
        id=id,
    )
    return environment
