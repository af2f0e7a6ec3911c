"""What each verb says at its end, as text for people or JSON for programs, and the exit code that goes with it."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import (
    EXIT_ENVIRONMENT,
    EXIT_FINDINGS,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_TRAINER_FAILED,
)
from orchestrator.core.finding import Severity
from orchestrator.core.record import to_plain
from orchestrator.core.text import Text
from orchestrator.report import terminal
from orchestrator.report.watcher import short_path
from orchestrator.run.model import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.backends.protocol import Build, Trainer
    from orchestrator.core.finding import Problem, Verdict
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.report.model import ReportData
    from orchestrator.run.doctor import Check


def line(text: Text, form: str, language: Language) -> None:
    """Print one line of a long task; beside JSON it goes to standard error."""
    terminal.show_line(text.to(language), terminal.make_console(sys.stderr if form == "json" else sys.stdout))


def problems(found: Sequence[Problem], form: str, language: Language) -> None:
    """Tell mistakes of form."""
    from orchestrator.report.record import problems_record

    if form == "json":
        _json({"problems": problems_record(found, language)})
    else:
        terminal.show_problems(found, language, terminal.make_console(sys.stderr))


def checked(
    verdict: Verdict,
    found: Sequence[Problem],
    dataset: Dataset | None,
    plan: Plan | None,
    form: str,
    language: Language,
) -> int:
    """Tell what `check` saw. Returns 2 where nothing may run, 1 with findings to fix, else 0."""
    from orchestrator.report.record import problems_record, verdict_record

    is_refused = bool(found) or verdict.worst is Severity.STOP
    code = EXIT_REFUSED if is_refused else EXIT_FINDINGS if verdict.worst is Severity.FIX else EXIT_OK
    if form == "json":
        _json(
            {
                "exit_code": code,
                "problems": problems_record(found, language),
                **verdict_record(verdict, language),
                "pictures": dataset.train_picture_count if dataset else None,
                "total_steps": plan.steps.total_steps if plan else None,
                "not_looked_at": list(dataset.not_looked_at) if dataset else ["pictures", "captions"],
            }
        )
        return code
    console = terminal.make_console()
    if found:
        terminal.show_problems(found, language, console)
    terminal.show_verdict(verdict, language, console, has_end=is_refused)
    for text in _seen(dataset, plan):
        terminal.show_line(text.to(language), console)
    if is_refused:
        terminal.show_line(Text("refused: nothing was run", "已拒绝：什么都没有运行").to(language), console)
    return code


def _seen(dataset: Dataset | None, plan: Plan | None) -> list[Text]:
    """What was looked at and what was not."""
    from orchestrator.backends.model_files import not_looked_at

    texts = []
    if dataset is not None:
        pictures, captions = dataset.train_picture_count, sum(f.captioned for f in dataset.folders if not f.is_reg)
        texts.append(
            Text(
                f"looked at: recipe, headers of {pictures} pictures, {captions} captions",
                f"已检查：配方、{pictures} 张图片的文件头、{captions} 个标注",
            )
        )
    if plan is not None:
        texts.append(
            Text(
                f"planned: {plan.steps.total_steps} steps in {plan.steps.epochs} epochs; `lora-run plan` tells why",
                f"计划：{plan.steps.epochs} 轮共 {plan.steps.total_steps} 步；理由见 `lora-run plan`",
            )
        )
        texts += plan.notes
        texts += not_looked_at(plan)
    unseen = Text(
        "not looked at: the pixels of the pictures, the weights of the model files",
        "未检查：图片的像素、模型文件的权重",
    )
    return [
        *texts,
        unseen if dataset is not None else Text("not looked at: pictures and captions", "未检查：图片和标注"),
    ]


def planned(plan: Plan, found: Sequence[Problem], form: str, language: Language) -> int:
    """Tell every number with its reason. Returns 2 where something forbids the launch."""
    from orchestrator.report.record import problems_record

    code = EXIT_REFUSED if found else EXIT_OK
    if form == "json":
        _json({"exit_code": code, "problems": problems_record(found, language), "plan": to_plain(plan)})
        return code
    console = terminal.make_console()
    terminal.show_plan(plan, language, console)
    if found:
        terminal.show_problems(found, language, console)
    return code


def compiled(build: Build, folder: Path, form: str, language: Language) -> int:
    """Tell what was written, and the command that would start the trainer in that folder."""
    (command,) = build.commands
    if form == "json":
        _json(
            {
                "exit_code": EXIT_OK,
                "folder": folder,
                "files": sorted(build.files),
                "links": len(build.links),
                "argv": command.argv,
                "environment": command.environment,
            }
        )
        return EXIT_OK
    console = terminal.make_console()
    told = Text(
        f"wrote {len(build.files)} files and {len(build.links)} links to {folder}",
        f"已向 {folder} 写入 {len(build.files)} 个文件和 {len(build.links)} 个链接",
    )
    terminal.show_line(told.to(language), console)
    environment = " ".join(f"{key}={shlex.quote(value)}" for key, value in command.environment.items())
    terminal.show_line(f"cd {shlex.quote(str(folder))} && {environment} {shlex.join(command.argv)}", console)
    return EXIT_OK


def written(path: Path, notes: Sequence[Text], form: str, language: Language) -> int:
    """Tell which recipe was written and what was decided for it."""
    if form == "json":
        _json({"exit_code": EXIT_OK, "path": path, "notes": [note.to(language) for note in notes]})
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
    from orchestrator.report.record import problems_record, report_record

    code = EXIT_ENVIRONMENT if found else exit_code(report)
    if form == "json":
        body = {"exit_code": code, "files": dict(files), "problems": problems_record(found, language)}
        _json({**body, **report_record(report)})
        return code
    console = terminal.make_console()
    terminal.show_verdict(report.verdict, language, console, report.outcome, has_end=True)
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


def page(rule: str, text: str, form: str) -> int:
    """Print the page of a rule."""
    if form == "json":
        _json({"exit_code": EXIT_OK, "rule": rule, "page": text})
    else:
        terminal.show_page(text, terminal.make_console())
    return EXIT_OK


def installed(trainer: Trainer, lines: Sequence[Text], form: str, language: Language) -> int:
    """Tell which trainer is in use now; `lines`: what was told on the way."""
    if form == "json":
        about = {"name": trainer.name, "commit": trainer.commit, "is_modified": trainer.is_modified}
        _json({"exit_code": EXIT_OK, "trainer": about, "lines": [text.to(language) for text in lines]})
        return EXIT_OK
    told = Text(f"{trainer.name} {trainer.commit} is ready", f"{trainer.name} {trainer.commit} 已就绪")
    terminal.show_line(told.to(language), terminal.make_console())
    return EXIT_OK


def examined(checks: Sequence[Check], form: str, language: Language) -> int:
    """Tell what `doctor` saw. Returns 4 where something needed is bad."""
    code = EXIT_ENVIRONMENT if any(check.status == "bad" for check in checks) else EXIT_OK
    if form == "json":
        found = [
            {
                "code": check.code,
                "name": check.name.to(language),
                "value": check.value.to(language),
                "status": check.status,
                "fix": check.fix.to(language) if check.fix else None,
            }
            for check in checks
        ]
        _json({"exit_code": code, "checks": found})
        return code
    words = {"ok": "ok", "warn": "watch", "bad": "stop"}
    rows = [
        (words[c.status], c.name.to(language), c.value.to(language), c.fix.to(language) if c.fix else "")
        for c in checks
    ]
    terminal.show_doctor(rows, language, terminal.make_console())
    return code


def _json(content: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(to_plain(content), ensure_ascii=False, indent=2) + "\n")
