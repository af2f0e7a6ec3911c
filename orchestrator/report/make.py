"""Putting a report together and writing its files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.record import write_record, write_text
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text
from orchestrator.diagnose.headline import headline
from orchestrator.report.html import render_html
from orchestrator.report.model import ReportData
from orchestrator.report.proposal import AskedRecipe, Proposal, following_recipe, proposal_of
from orchestrator.report.record import KIND, VERSION, report_record
from orchestrator.report.versions import versions
from orchestrator.run.records.model import nothing_trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.protocol import Command, Trainer
    from orchestrator.core.finding import Verdict
    from orchestrator.core.text import Language
    from orchestrator.diagnose.rule import Case
    from orchestrator.report.compare import Comparison

REPORT_HTML, REPORT_JSON, NEXT_YAML = "report.html", "report.json", "next.yaml"


def make_report(
    name: str,
    case: Case,
    verdict: Verdict,
    root: Path,
    *,
    commands: tuple[Command, ...] = (),
    trainer: Trainer | None = None,
    recipe_text: str | None = None,
    recipe_dir: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    notes: tuple[Text, ...] = (),
    is_foreign: bool = False,
    compared: Comparison | None = None,
) -> ReportData:
    """Return everything a report is made of. `root`: folder that the observations' paths start at.

    `recipe_dir`: folder that relative paths of `recipe_text` start at; `overrides`: what `--set` wrote, by dotted key; next.yaml keeps it.
    """
    is_started = not nothing_trained(case.outcome)
    proposal = proposal_of(name, __version__, verdict) if is_started else Proposal(name, __version__)
    next_text = None
    if recipe_text is not None and recipe_dir is not None and is_started:
        next_text = following_recipe(proposal, AskedRecipe(recipe_text, recipe_dir, overrides or {}), root)
    return ReportData(
        name=name,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        tool_version=__version__,
        headline=headline(verdict, case.outcome),
        verdict=verdict,
        case=case,
        family=case.family,
        kind=case.recipe.subject.kind if case.recipe else None,
        outcome=case.outcome,
        commands=commands,
        trainer=trainer,
        versions=versions(trainer),
        recipe_text=recipe_text,
        next_text=next_text,
        next_changes=tuple(one.change for one in proposal.applied),
        next_listed=tuple(one.change for one in proposal.listed),
        run_root=root,
        private_roots={} if recipe_dir is None else {str(recipe_dir): "."},
        is_foreign=is_foreign,
        notes=notes,
        compared=compared,
    )


def refused_by_system(error: OSError) -> Problem:
    """Return what the operating system refused, for people: a full disk, a missing right, a name that is taken."""
    name = f"{Path(error.filename).name}: " if isinstance(error.filename, str) else ""
    reason = reason_of(error)
    return Problem(
        "refused-by-system",
        Text(f"{name}{reason.en}", f"{name}{reason.zh}"),
        why=Text("the operating system refused to read or write there", "操作系统拒绝在该处读写"),
        fix=Text(
            "free space, mend the rights, or choose another place; what was saved until now is kept",
            "腾出空间、修正权限，或换一个位置；此前保存的内容都保留",
        ),
    )


def write_report(data: ReportData, folder: Path, language: Language) -> dict[str, Path]:
    """Write report.html, report.json and, for a recipe of ours, next.yaml; return their paths by file name.

    Each is written beside and renamed. Raises EnvironmentFault when the system does not take them.
    """
    paths = {REPORT_HTML: folder / REPORT_HTML, REPORT_JSON: folder / REPORT_JSON}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(paths[REPORT_HTML], render_html(data, language))
        if data.next_text is not None:
            paths[NEXT_YAML] = folder / NEXT_YAML
            write_text(paths[NEXT_YAML], data.next_text)
        write_record(paths[REPORT_JSON], KIND, VERSION, report_record(data))  # last: where it lies, all of them do
    except OSError as error:
        raise EnvironmentFault([refused_by_system(error)]) from error
    return paths
