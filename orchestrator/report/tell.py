"""What each verb says at its end, as text for people or JSON for programs, and the exit code that goes with it."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from orchestrator.core.errors import (
    EXIT_ENVIRONMENT,
    EXIT_FINDINGS,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_TRAINER_FAILED,
)
from orchestrator.core.finding import Severity, Verdict
from orchestrator.core.record import to_plain
from orchestrator.core.text import Text, plural
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json
from orchestrator.report.sentence import end_lines
from orchestrator.report.telemetry_cost import telemetry_cost
from orchestrator.report.tell_runs import one_line
from orchestrator.report.watcher import short_path
from orchestrator.run.records.model import Ending, nothing_trained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.backends.protocol import Build
    from orchestrator.core.finding import Problem
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.report.model import ReportData


def line(text: Text, form: str, language: Language) -> None:
    """Print one line of a long task; beside JSON it goes to standard error."""
    terminal.show_line(text.to(language), terminal.make_console(sys.stderr if form == "json" else sys.stdout))


def problems(found: Sequence[Problem], form: str, language: Language, code: int) -> int:
    """Tell why nothing was done. Returns `code`, what the process exits with."""
    from orchestrator.report.record import problems_record

    if form == "json":
        print_json({"exit_code": code, "problems": problems_record(found, language)})
    else:
        terminal.show_problems(found, language, terminal.make_console(sys.stderr))
    return code


def checked(
    verdict: Verdict,
    found: Sequence[Problem],
    dataset: Dataset | None,
    plan: Plan | None,
    fault: Problem | None,
    unseen: Sequence[Text],
    form: str,
    language: Language,
) -> int:
    """Tell what `check` saw; `fault`: why the trainer could not be started; `unseen`: what of its
    environment could not be looked at. Returns 2 where nothing may run, 1 with findings to fix, else 0.
    """
    from orchestrator.report.record import problems_record, verdict_record
    from orchestrator.report.tell_disk import disk_record

    is_refused = bool(found) or verdict.worst is Severity.STOP
    code = EXIT_REFUSED if is_refused else EXIT_FINDINGS if verdict.worst is Severity.FIX else EXIT_OK
    if form == "json":
        print_json(
            {
                "exit_code": code,
                "problems": problems_record(found, language),
                **verdict_record(verdict, language),
                "pictures": dataset.train_picture_count if dataset else None,
                "total_steps": plan.steps.total_steps if plan else None,
                "disk": disk_record(plan, language),
                "trainer_fault": problems_record([fault], language)[0] if fault else None,
                "not_looked_at": [
                    *(dataset.not_looked_at if dataset else ("pictures", "captions")),
                    *(["packages"] if unseen else []),
                ],
            }
        )
        return code
    console = terminal.make_console()
    if found:
        terminal.show_problems(found, language, console)
    terminal.show_verdict(verdict, language, console, has_end=is_refused)
    for text in (*_seen(dataset, plan), *unseen, *_not_ready(fault)):
        terminal.show_line(text.to(language), console)
    if is_refused:
        terminal.show_line(Text("refused: nothing was run", "已拒绝：什么都没有运行").to(language), console)
    return code


def _seen(dataset: Dataset | None, plan: Plan | None) -> list[Text]:
    """What was looked at and what was not."""
    from orchestrator.backends.model_files import not_looked_at
    from orchestrator.report.tell_disk import disk_line

    texts = []
    if dataset is not None:
        pictures, captions = dataset.train_picture_count, sum(f.captioned for f in dataset.folders if not f.is_reg)
        texts.append(
            Text(
                f"looked at: recipe, headers of {plural(pictures, 'picture', 'pictures')}, "
                f"{plural(captions, 'caption', 'captions')}",
                f"已检查：配方、{pictures} 张图片的文件头、{captions} 个标注",
            )
        )
    if plan is not None:
        texts.append(
            Text(
                f"planned: {plural(plan.steps.total_steps, 'step', 'steps')} in "
                f"{plural(plan.steps.epochs, 'epoch', 'epochs')}; `lora-run plan` tells why",
                f"计划：{plan.steps.epochs} 轮共 {plan.steps.total_steps} 步；理由见 `lora-run plan`",
            )
        )
        texts += plan.notes
        texts.append(disk_line(plan))
        texts += not_looked_at(plan)
    words = dataset.not_looked_at if dataset is not None else ()
    pixels = _UNSEEN[words[0]] if words else Text("", "")
    unseen = Text(
        f"not looked at: {pixels.en}the weights of the model files",
        f"未检查：{pixels.zh}模型文件的权重",
    )
    return [
        *texts,
        unseen if dataset is not None else Text("not looked at: pictures and captions", "未检查：图片和标注"),
    ]


_UNSEEN = {
    "pixels": Text(
        "the pixels of the pictures (`lora-run dataset check` does), ",
        "图片的像素（由 `lora-run dataset check` 检查）、",
    ),
    "copies": Text(
        "which pictures are copies of each other (`lora-run dataset check` does), ",
        "哪些图片互为副本（由 `lora-run dataset check` 检查）、",
    ),
}
"""By the words of `Dataset.not_looked_at`."""


def _not_ready(fault: Problem | None) -> list[Text]:
    """Say in one line that nothing could be trained yet, and what to do."""
    if fault is None:
        return []
    fix = fault.fix or Text("see `lora-run doctor`", "见 `lora-run doctor`")
    return [
        Text(
            f"cannot train here yet: {fault.what.en}; fix: {fix.en}",
            f"此处还不能训练：{fault.what.zh}；修改：{fix.zh}",
        )
    ]


def planned(
    plan: Plan,
    found: Sequence[Problem],
    fault: Problem | None,
    unseen: Sequence[Text],
    form: str,
    language: Language,
) -> int:
    """Tell every number with its reason. Returns 2 where something forbids the launch."""
    from orchestrator.report.record import problems_record
    from orchestrator.report.tell_disk import disk_line, disk_record

    code = EXIT_REFUSED if found else EXIT_OK
    if form == "json":
        told = {"exit_code": code, "problems": problems_record(found, language), "plan": to_plain(plan)}
        told["disk"] = disk_record(plan, language)
        print_json({**told, "trainer_fault": problems_record([fault], language)[0] if fault else None})
        return code
    console = terminal.make_console()
    terminal.show_plan(plan, language, console)
    for text in (disk_line(plan), *unseen, *_not_ready(fault)):
        terminal.show_line(text.to(language), console)
    if found:
        terminal.show_problems(found, language, console)
    return code


def compiled(
    build: Build, folder: Path, fault: Problem | None, unseen: Sequence[Text], form: str, language: Language
) -> int:
    """Tell what was written, and the command that would start the trainer in that folder.

    `fault`: why the trainer could not be started; the command then names where it will be.
    """
    from orchestrator.report.record import problems_record

    (command,) = build.commands
    if form == "json":
        print_json(
            {
                "exit_code": EXIT_OK,
                "folder": folder,
                "files": sorted(build.files),
                "links": len(build.links),
                "argv": command.argv,
                "environment": command.environment,
                "trainer_fault": problems_record([fault], language)[0] if fault else None,
            }
        )
        return EXIT_OK
    console = terminal.make_console()
    told = Text(
        f"wrote {plural(len(build.files), 'file', 'files')} and {plural(len(build.links), 'link', 'links')} to {folder}",
        f"已向 {folder} 写入 {len(build.files)} 个文件和 {len(build.links)} 个链接",
    )
    later = Text("the command, once that is done:", "之后可用的命令：")
    for text in (told, *unseen, *_not_ready(fault), *((later,) if fault else ())):
        terminal.show_line(text.to(language), console)
    environment = " ".join(f"{key}={shlex.quote(value)}" for key, value in command.environment.items())
    terminal.show_line(f"cd {shlex.quote(str(folder))} && {environment} {shlex.join(command.argv)}", console)
    return EXIT_OK


def written(path: Path, notes: Sequence[Text], form: str, language: Language) -> int:
    """Tell which recipe was written and what was decided for it."""
    if form == "json":
        print_json({"exit_code": EXIT_OK, "path": path, "notes": [note.to(language) for note in notes]})
        return EXIT_OK
    console = terminal.make_console()
    for note in notes:
        terminal.show_line(note.to(language), console)
    terminal.show_line(Text(f"wrote {path}", f"已写入 {path}").to(language), console)
    return EXIT_OK


def finished(
    report: ReportData, files: Mapping[str, Path], found: Sequence[Problem], form: str, language: Language
) -> int:
    """Tell the verdict of a run and where its report lies; the path of report.html is the last line.

    `found`: why the report could not be written; the verdict is told all the same.
    """
    from orchestrator.report.record import KIND, VERSION, problems_record, report_record

    code = EXIT_ENVIRONMENT if found else exit_code(report)
    if form == "json":
        body = {"record": KIND, "version": VERSION, **report_record(report)}
        print_json({**body, "exit_code": code, "files": dict(files), "problems": problems_record(found, language)})
        return code
    console = terminal.make_console()
    if nothing_trained(report.outcome):  # nothing was measured, and nothing follows from it
        terminal.show_end(report.headline.to(language), Verdict(), language, console, outcome=report.outcome)
        return code
    terminal.show_verdict(report.verdict, language, console, report.outcome, has_end=True)
    cost = telemetry_cost(report.case.observations, report.outcome)
    if cost is not None:
        terminal.show_line(cost.to(language), console)
    if report.compared is not None:
        terminal.show_line(one_line(report.compared).to(language), console)
    for text in end_lines(report):
        terminal.show_line(text.to(language), console)
    shown = {name: short_path(path) for name, path in files.items()}
    headline = report.headline.to(language)
    terminal.show_end(
        headline,
        report.verdict,
        language,
        console,
        outcome=report.outcome,
        report=shown.get("report.html", ""),
        next_recipe=shown.get("next.yaml", ""),
    )
    if found:
        terminal.show_problems(found, language, terminal.make_console(sys.stderr))
    return code


def exit_code(report: ReportData) -> int:
    """Return what the process exits with after a run or a diagnosis."""
    ending = report.outcome.ending if report.outcome else Ending.UNKNOWN
    if ending is Ending.INTERRUPTED:
        return EXIT_INTERRUPTED
    if ending is Ending.FAILED:
        return EXIT_TRAINER_FAILED
    worst = report.verdict.worst
    return EXIT_FINDINGS if worst in (Severity.STOP, Severity.FIX) else EXIT_OK
