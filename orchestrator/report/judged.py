"""From what a run left to its report: judged with the rules, written beside the run or where the user wants it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault, RecordError
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.diagnose.case import make_case
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.report.attempts_told import about_attempts
from orchestrator.report.compare import Against, against_previous
from orchestrator.report.make import make_report, refused_by_system, write_report
from orchestrator.run.records.model import nothing_trained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.core.finding import Finding, Problem
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Dataset, Folder, Picture
    from orchestrator.plan.model import Plan
    from orchestrator.report.model import ReportData
    from orchestrator.run.records.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class Finished:
    """A run, or a foreign folder, judged and reported."""

    report: ReportData
    files: Mapping[str, Path]
    """What was written, by file name: report.html, report.json and, for a recipe of ours, next.yaml."""
    problems: tuple[Problem, ...] = ()
    """Why something could not be written; the verdict stands all the same."""


def report_own(
    case: Case,
    rundir: RunDir,
    record: RunRecord,
    language: Language,
    *,
    further: tuple[Finding, ...] = (),
    notes: tuple[Text, ...] = (),
    output: Path | None = None,
    write_first: Callable[[RunDir, RunRecord], None] | None = None,
) -> Finished:
    """Judge a run of ours and write its report into `output`, else the run folder.

    `further`: findings of the backend; `notes`: what else is worth a line; `write_first`: writes the record of how the run ended, where that is still to do.
    """
    from orchestrator.backends.protocol import Command
    from orchestrator.run.installed.trainers import about_trainer

    problems: list[Problem] = []
    if write_first is not None:
        try:
            write_first(rundir, record)
        except OSError as error:
            problems.append(refused_by_system(error))
    verdict = judge(case, "before" if nothing_trained(case.outcome) else "after", further=further)
    # A run that never began has nothing to be held against another one.
    against = Against() if nothing_trained(case.outcome) else against_previous(rundir, record, case, verdict)
    report = make_report(
        rundir.root.name,
        case,
        verdict,
        rundir.root,
        commands=tuple(Command(launched.argv, {}, launched.purpose) for launched in record.launches),
        trainer=record.trainer,
        recipe_text=rundir.recipe.read_text(encoding="utf-8-sig"),
        recipe_dir=rundir.root / record.recipe_dir,
        overrides=record.overrides,
        notes=(*about_trainer(record.trainer), *about_attempts(rundir), *notes, *against.notes),
        compared=against.compared,
    )
    return _written(report, output or rundir.root, language, problems)


def diagnose(path: Path, language: Language, output: Path | None = None) -> Finished:
    """Judge what lies at `path`, a run folder of ours or one of any kohya front end, and write the report.

    `output`: folder for the report; default: the run folder itself, `<name>-report` in the working directory for a foreign one.
    Raises InputError when there is nothing to judge.
    """
    if not RunDir(path).run_json.is_file():
        return _diagnose_foreign(path, language, output)
    try:
        return _diagnose_own(RunDir(path.absolute()), language, output)
    except RecordError as error:
        what = error.problems[0].what
        note = Text(
            f"{what.en}: judged from logs and files alone, without recipe and plan",
            f"{what.zh}：只根据日志和文件判断，没有配方和计划",
        )
        return _diagnose_foreign(path, language, output or path, (note,))


@dataclass(frozen=True, slots=True)
class Own:
    """A run folder of ours, read back."""

    case: Case
    record: RunRecord


def read_own(rundir: RunDir) -> Own:
    """Read a run folder of ours. Raises RecordError where a record is damaged, InputError where the recipe is."""
    from orchestrator.observe.read import read_run
    from orchestrator.plan.saved import read_newest_plan
    from orchestrator.recipe.load import load_recipe
    from orchestrator.run.records.model import unfinished
    from orchestrator.run.records.run_record import read_run_record

    record = read_run_record(rundir)
    plan = read_newest_plan(rundir)
    loaded = load_recipe(rundir.resolved_recipe)
    case = make_case(loaded, rescan(plan, rundir), plan, read_run(rundir.root), record.outcome or unfinished())
    return Own(case, record)


def _diagnose_own(rundir: RunDir, language: Language, output: Path | None) -> Finished:
    """Judge a run folder again from what lies in it."""
    own = read_own(rundir)
    return report_own(own.case, rundir, own.record, language, output=output)


def rescan(plan: Plan, rundir: RunDir) -> Dataset | None:
    """Read the run's own folders of links again, as the user's folders they came from; None when the pictures are gone.

    What the look beside the run has kept of the pixels is recalled. Held-out pictures lie in a folder of their own and go back to where they were: the first report counted them there.
    """
    from orchestrator.dataset.looked import recalled
    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.pairs import find_pairs
    from orchestrator.dataset.scan import FolderRequest, scan_dataset
    from orchestrator.run.installed.trusted import is_of_trusted_recipe

    subsets = [*plan.subsets, *([plan.validation] if plan.validation else [])]
    may = is_of_trusted_recipe(rundir)
    seen = scan_dataset(
        FolderRequest(rundir.root / subset.image_dir, subset.caption_extension, subset.is_reg, may_link_out=may)
        for subset in subsets
    )
    if not seen.is_whole:
        return None
    targets = {rundir.root / link.path: link.target for subset in subsets for link in subset.links}
    folders = [_at_home(folder, targets) for folder in seen.folders]
    held = folders.pop().pictures if plan.validation else ()
    equal = tuple(sorted(tuple(sorted(targets.get(path, path) for path in group)) for group in seen.equal_files))
    whole = tuple(_with_held_out(folder, held) for folder in folders)
    return recalled(Dataset(whole, seen.not_looked_at, equal, pairs=find_pairs(whole)))


def _at_home(folder: Folder, targets: Mapping[Path, Path]) -> Folder:
    """Return a folder of links as the folder that the links lead to."""
    pictures = tuple(
        replace(p, path=targets.get(p.path, p.path), caption_path=p.caption_path and targets.get(p.caption_path))
        for p in folder.pictures
    )
    home = pictures[0].path.parent if pictures else folder.image_dir
    return replace(folder, image_dir=home, pictures=pictures)


def _with_held_out(folder: Folder, held: Sequence[Picture]) -> Folder:
    back = [p for p in held if p.path.parent == folder.image_dir] if not folder.is_reg else []
    return replace(folder, pictures=tuple(sorted((*folder.pictures, *back), key=lambda p: p.path.name)))


def _diagnose_foreign(path: Path, language: Language, output: Path | None, notes: tuple[Text, ...] = ()) -> Finished:
    """Judge what another front end left behind."""
    from orchestrator.observe.read import read_foreign
    from orchestrator.run.records.model import foreign

    seen, settings, family = read_foreign(path)
    case = Case(observations=seen, outcome=foreign(), settings=settings, family=family)
    root = path if path.is_dir() else path.parent
    report = make_report(path.name, case, judge(case, "after"), root, notes=notes, is_foreign=True)
    return _written(report, output or Path(f"{path.absolute().name}-report"), language, [])


def _written(report: ReportData, folder: Path, language: Language, problems: list[Problem]) -> Finished:
    try:
        return Finished(report, write_report(report, folder, language), tuple(problems))
    except EnvironmentFault as fault:
        return Finished(report, {}, (*problems, *fault.problems))
