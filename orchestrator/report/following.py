"""What follows from a run that lies in its folder: its next recipe, read and told, or written elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import read_record
from orchestrator.core.rundir import RunDir
from orchestrator.core.source import parse_document
from orchestrator.core.text import Text
from orchestrator.recipe.overrides import key_path
from orchestrator.report.diff import recipe_diff
from orchestrator.report.next_recipe import rebase, value_at
from orchestrator.report.proposal import AskedRecipe, Proposal, following_recipe, proposal_in
from orchestrator.report.record import KIND, VERSION
from orchestrator.report.run_facts import no_run

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from orchestrator.core.finding import Change


@dataclass(frozen=True, slots=True)
class Following:
    """The next recipe of a run."""

    proposal: Proposal
    path: Path
    """next.yaml of the run, or where it was written."""
    diff: tuple[tuple[str, str], ...]
    """From the recipe as it was run, `--set` included, to the next one; see `diff.recipe_diff`."""
    not_in_file: tuple[Change, ...] = ()
    """Changes that next.yaml does not hold: their values stand in an extended file, or it was changed by hand."""


def follow(root: Path, output: Path | None = None) -> Following:
    """Read what follows from a run; write it to `output` too, with relative paths that fit there.

    Raises InputError where `root` is no run of ours, where nothing follows and why, and where `output` is there already.
    """
    rundir = RunDir(root.absolute())
    if not rundir.run_json.is_file():
        raise InputError([no_run(root)])
    try:
        report = read_record(rundir.report_json, KIND, VERSION) if rundir.report_json.is_file() else None
        recipe = asked_recipe(rundir)
    except RecordError as error:
        raise InputError(error.problems) from error
    if report is None or not rundir.next_yaml.is_file():
        raise InputError([_nothing_follows(root, report)])
    proposal = _proposal(root, report)
    text = _read(rundir.next_yaml)
    data = parse_document(text, rundir.next_yaml.name).data
    was = following_recipe(Proposal(proposal.run, proposal.tool_version), recipe, rundir.root)
    missed = [p.change for p in proposal.applied if value_at(data, key_path(p.change.key)) != p.change.value]
    path = rundir.next_yaml
    if output is not None:
        from orchestrator.plan.reuse import write_new

        write_new(output, rebase(text, rundir.root, output.absolute().parent))
        path = output
    return Following(proposal, path, tuple(recipe_diff(was, text)), tuple(missed))


def asked_recipe(rundir: RunDir) -> AskedRecipe:
    """Return the recipe of a run folder as it was run. Raises RecordError where run.json is damaged, InputError where the recipe is."""
    from orchestrator.run.records.run_record import read_run_record

    record = read_run_record(rundir)
    return AskedRecipe(_read(rundir.recipe), rundir.root / record.recipe_dir, record.overrides)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = Text(f"{path.name} of the run cannot be read", f"无法读取该次训练的 {path.name}")
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        why = Text(f"{reason}", f"{reason}")
        fix = Text("put the file back as it was", "请恢复该文件")
        raise InputError([Problem("unreadable-recipe", what, why, fix)]) from error


def _proposal(root: Path, report: dict[str, Any]) -> Proposal:
    try:
        return proposal_in(report)
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        what = Text(f"report.json of {root} does not say what follows", f"{root} 的 report.json 没有写明下一步")
        why = Text("an older version of the tool wrote it, or it is damaged", "它由旧版本写成，或已损坏")
        raise InputError([Problem("bad-record", what, why, _again(root))]) from error


def _nothing_follows(root: Path, report: dict[str, Any] | None) -> Problem:
    what = Text(f"{root} has no next recipe", f"{root} 没有下一份配方")
    if report is None:
        why = Text(
            "the run has no report: it goes on, or was cut off before one was written",
            "该次训练没有报告：它还在进行，或在写报告之前意外中断",
        )
        return Problem("no-next", what, why, _again(root))
    outcome = report.get("outcome") or {}
    if outcome.get("cause") == "nothing-trained":
        why = Text(
            "nothing was trained: it was interrupted before its first step, so nothing was measured and nothing follows",
            "没有训练任何内容：在第一步之前就被中断，什么都没有测量，也就没有下一步",
        )
        return Problem("no-next", what, why, Text("run the recipe again", "请重新运行配方"))
    why = Text("next.yaml is not there any more", "next.yaml 已不在")
    return Problem("no-next", what, why, _again(root))


def _again(root: Path) -> Text:
    return Text(
        f"`lora-run diagnose {root}` writes report and next recipe anew",
        f"`lora-run diagnose {root}` 会重写报告和下一份配方",
    )
