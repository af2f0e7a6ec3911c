"""What `lora-run dataset check` says: findings, the pictures they are about, and groups of pictures that are one picture."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED
from orchestrator.core.finding import Severity, Status
from orchestrator.core.text import Text, plural
from orchestrator.dataset.model import Dataset
from orchestrator.dataset.subject_copies import near_groups_in_subject
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.core.finding import Problem, Verdict
    from orchestrator.core.text import Language
    from orchestrator.report.dataset_page.model import SeenSet
    from orchestrator.report.dataset_page.page import Page

EXACT, NEAR = "exact-duplicate-images", "near-duplicate-images"
"""Kinds of groups, by the names of their rules."""


def checked(
    root: Path,
    dataset: Dataset,
    verdict: Verdict,
    problems: Sequence[Problem],
    trouble: Text | None,
    form: str,
    language: Language,
) -> int:
    """Tell what was seen. `root`: what paths are told relative to; `trouble`: why nothing is kept for the next time.

    Returns 2 where the trainer would die of it, 1 with findings to fix, else 0.
    """
    code = exit_code(problems, verdict)
    if form == "json":
        print_json(checked_record(root, dataset, verdict, problems, trouble, language))
        return code
    console = terminal.make_console()
    if problems:
        terminal.show_problems(problems, language, console)
    terminal.show_verdict(verdict, language, console)
    for text in (_seen(dataset), *([trouble] if trouble else [])):
        terminal.show_line(text.to(language), console)
    return code


def exit_code(problems: Sequence[Problem], verdict: Verdict) -> int:
    """Return 2 where the trainer would die of it, 1 with findings to fix, else 0."""
    if problems or verdict.worst is Severity.STOP:
        return EXIT_REFUSED
    return EXIT_FINDINGS if verdict.worst is Severity.FIX else EXIT_OK


def checked_record(
    root: Path,
    dataset: Dataset,
    verdict: Verdict,
    problems: Sequence[Problem],
    trouble: Text | None,
    language: Language,
) -> dict[str, Any]:
    """Return what was seen for programs, with the exit code that goes with it."""
    from orchestrator.report.record import problems_record, verdict_record

    return {
        "exit_code": exit_code(problems, verdict),
        "problems": problems_record(problems, language),
        **verdict_record(verdict, language),
        "images": images_record(root, dataset, verdict),
        "groups": groups_record(root, dataset),
        "not_looked_at": dataset.not_looked_at,
        "notes": [trouble.to(language)] if trouble else [],
    }


def images_record(root: Path, dataset: Dataset, verdict: Verdict) -> list[dict[str, Any]]:
    """Return each picture with the names of the rules that fired about it."""
    about: Mapping[Path, list[str]] = defaultdict(list)
    for finding in verdict.findings:
        if finding.status is Status.FIRED:
            for path in dict.fromkeys(finding.paths):
                about[path].append(finding.name)
    pictures = dict.fromkeys(picture.path for folder in dataset.folders for picture in folder.pictures)
    listed = [*pictures, *(path for path in about if path not in pictures)]
    return [{"path": shown(root, path), "findings": sorted(set(about.get(path, ())))} for path in listed]


def groups_record(root: Path, dataset: Dataset) -> list[dict[str, Any]]:
    """Return the groups, the picture to keep first."""
    groups = [(EXACT, group) for group in dataset.copies_in_subject()]
    groups += [(NEAR, group.paths) for group in near_groups_in_subject(dataset)]
    return [{"kind": kind, "paths": [shown(root, path) for path in paths]} for kind, paths in groups]


def shown(root: Path, path: Path) -> str:
    """Return `path` as seen from `root`, or from the folder beside it: no private folder goes into what is passed on."""
    whole = os.path.abspath(path)  # noqa: PTH100 - links stay what they are called; this and the next lines 100,000 times
    inside = os.path.join(os.path.abspath(root), "")  # noqa: PTH100, PTH118
    if whole.startswith(inside):
        return whole[len(inside) :].replace(os.sep, "/")
    here, there = Path(inside), Path(whole)
    if there.is_relative_to(here.parent) and here.parent != Path(here.anchor):
        return f"../{there.relative_to(here.parent).as_posix()}"
    return f"{there.parent.name}/{there.name}"


def _seen(dataset: Dataset) -> Text:
    pictures = sum(len(folder.pictures) for folder in dataset.folders)
    captions = sum(folder.captioned for folder in dataset.folders)
    return Text(
        f"looked at: pixels of {plural(pictures, 'picture', 'pictures')}, {plural(captions, 'caption', 'captions')}",
        f"已检查：{pictures} 张图片的像素、{captions} 个标注",
    )


def reported(seen: SeenSet, page: Page | None, path: Path, form: str, language: Language) -> int:
    """Tell what was written. `page`: None where there was no folder to look into, so that nothing was.

    Returns what `checked` would.
    """
    dataset = seen.case.dataset or Dataset(())
    if form == "json":
        record = checked_record(seen.root, dataset, seen.verdict, seen.problems, seen.trouble, language)
        written = {"file": None, "images_shown": 0} if page is None else {"file": path, "images_shown": page.shown}
        print_json({**record, **written})
        return exit_code(seen.problems, seen.verdict)
    from orchestrator.report.dataset_page.summary import sentence

    console = terminal.make_console()
    if seen.problems:
        terminal.show_problems(seen.problems, language, console)
    lines = [] if seen.trouble is None else [seen.trouble]
    if page is None:
        lines.append(Text("no page was written: there is no folder to look into", "未写出页面：没有可查看的文件夹"))
    else:
        told = Text(
            f"page: {path} ({page.shown} of {page.pictures} pictures shown)",
            f"页面：{path}（显示 {page.pictures} 张中的 {page.shown} 张）",
        )
        lines = [sentence(dataset, seen.verdict, len(seen.problems)), *lines, told]
    for text in lines:
        terminal.show_line(text.to(language), console)
    return exit_code(seen.problems, seen.verdict)


@contextmanager
def counting(what: Text, language: Language) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far a long task is, on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = terminal.make_console(sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what.to(language), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
