"""How one run stands now, in words: what it does, what is saved, what a crash would cost, and what to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.errors import EXIT_OK
from orchestrator.core.number_text import short_number
from orchestrator.core.problem_text import column_width
from orchestrator.core.text import Text, plural
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json
from orchestrator.report.numbers import count, duration
from orchestrator.report.watcher import short_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.core.text import Language
    from orchestrator.observe.present import Phase, Present
    from orchestrator.run.records.listed import Listed, Standing

STANDINGS: Final[Mapping[Standing, Text]] = {
    "going-on": Text("going on", "进行中"),
    "succeeded": Text("finished", "已完成"),
    "failed": Text("failed", "失败"),
    "interrupted": Text("stopped by you", "由你停止"),
    "stopped": Text("stopped by a rule", "由规则停止"),
    "cut-off": Text("cut off", "意外中断"),
    "unreadable": Text("its records cannot be read", "记录无法读取"),
}
PHASES: Final[Mapping[Phase, Text]] = {
    "starting": Text("starting the trainer", "正在启动训练器"),
    "training": Text("training", "训练中"),
    "stopping": Text("stopping, as it was asked to", "按请求停止中"),
    "paused": Text("paused: the disk has no room for the next save", "已暂停：磁盘空间不足以进行下一次保存"),
    "waiting": Text("waiting before another try", "等待再试一次"),
    "reporting": Text("judging and writing the report", "正在判断并写报告"),
}
SILENT_S: Final = 60.0
"""A silence that long is worth a line."""


def standing_line(present: Present) -> Text:
    """Say how a run stands: `alice-001 was cut off at step 480 of 1,500`."""
    run = present.run
    words = STANDINGS[run.standing]
    if present.phase is not None:
        phase = PHASES[present.phase]
        return Text(f"{run.name}: {words.en}, {phase.en}", f"{run.name}：{words.zh}，{phase.zh}")
    at = Text("", "")
    if run.total_steps:
        at = Text(
            f" at step {count(present.step)} of {count(run.total_steps)}",
            f"，到第 {count(present.step)} 步（共 {count(run.total_steps)} 步）",
        )
    return Text(f"{run.name}: {words.en}{at.en}", f"{run.name}：{words.zh}{at.zh}")


def next_step(present: Present) -> Text:
    """Say what the user can do now."""
    path = shlex.quote(short_path(present.rundir.root))
    if present.phase is not None:
        return _while_it_goes_on(path, present)
    standing, has_report = present.run.standing, present.rundir.report_json.is_file()
    if standing == "succeeded":
        return _see_result(path, present)
    if standing == "stopped":
        return Text(f"`lora-run next {path}` shows the recipe that follows", f"`lora-run next {path}` 给出下一份配方")
    if standing == "unreadable":
        return Text("put its run.json back, or train the recipe anew", "请恢复其 run.json，或重新训练该配方")
    on = _go_on(path, present)
    if standing == "failed":
        why = _see_report(path, has_report=has_report)
        return Text(f"{why.en}; once that is mended, {on.en}", f"{why.zh}；修正之后，{on.zh}")
    return on


def _while_it_goes_on(path: str, present: Present) -> Text:
    if present.phase == "paused":
        return Text(
            f"free some space and it goes on by itself; `lora-run stop {path}` ends it with what is saved",
            f"腾出空间后会自动继续；`lora-run stop {path}` 则以已保存的结果结束",
        )
    return Text(
        f"`lora-run attach {path}` watches it, `lora-run stop {path}` ends it",
        f"`lora-run attach {path}` 可观看，`lora-run stop {path}` 可停止",
    )


def _go_on(path: str, present: Present) -> Text:
    if present.state is None:
        return Text(
            f"`lora-run resume {path} --from-scratch` begins it anew: no state was saved",
            f"`lora-run resume {path} --from-scratch` 从头开始：没有保存过状态",
        )
    return Text(
        f"`lora-run resume {path}` goes on from step {count(present.state.step)}",
        f"`lora-run resume {path}` 从第 {count(present.state.step)} 步继续",
    )


def _see_result(path: str, present: Present) -> Text:
    from orchestrator.report.told import is_told  # rules and charts come with it

    if is_told(present.rundir, present.history):
        return _see_report(path, has_report=True)
    return Text(f"`lora-run resume {path}` writes its report", f"`lora-run resume {path}` 会生成报告")


def _see_report(path: str, *, has_report: bool) -> Text:
    if has_report:
        return Text(f"its report is {path}/report.html", f"报告在 {path}/report.html")
    return Text(f"`lora-run diagnose {path}` judges it", f"`lora-run diagnose {path}` 可作判断")


def status(present: Present, form: str, language: Language) -> int:
    """Tell what a run does now, or how it ended."""
    if form == "json":
        print_json({"exit_code": EXIT_OK, **status_record(present), "next_step": next_step(present)})
        return EXIT_OK
    console = terminal.make_console()
    terminal.show_heading(standing_line(present).to(language), console)
    rows = [(name.to(language), value) for name, value in _rows(present, language)]
    width = max(column_width(name) for name, _ in rows)
    for name, value in rows:
        terminal.show_line(f"  {name}{' ' * (width - column_width(name))}  {value}", console)
    return EXIT_OK


def _rows(present: Present, language: Language) -> list[tuple[Text, str]]:
    rows = []
    if present.phase is not None:
        rows.append((Text("step", "步"), _progress(present, language)))
    if present.loss is not None:
        rows.append((Text("loss", "损失"), short_number(present.loss)))
    if present.silent_s is not None and present.silent_s >= SILENT_S and present.phase in ("starting", "training"):
        rows.append((Text("silent", "无输出"), duration(present.silent_s, language)))
    if present.history.attempts:
        rows.append((Text("attempt", "尝试"), _attempt(present).to(language)))
    rows.append((Text("saved", "已保存"), _saved(present).to(language)))
    rows.append((Text("published", "已发布"), _published(present).to(language)))
    if present.run.headline is not None and present.phase is None:
        rows.append((Text("verdict", "结论"), present.run.headline.to(language)))
    damage = present.history.damage
    if damage:
        rows.append((Text("journal", "日志"), _damage(damage).to(language)))
    rows.append((Text("next", "下一步"), next_step(present).to(language)))
    return rows


def _damage(damage: Sequence[Text]) -> Text:
    """Say what of the journal could not be read: the first lines, and how many more."""
    more = len(damage) - _MOST_DAMAGE
    en, zh = (list(words) for words in zip(*((one.en, one.zh) for one in damage[:_MOST_DAMAGE]), strict=True))
    if more > 0:
        en, zh = [*en, f"{more} more"], [*zh, f"另有 {more} 行"]
    return Text(f"damaged, read around: {'; '.join(en)}", f"已损坏，绕过读取：{'；'.join(zh)}")


_MOST_DAMAGE = 3


def _progress(present: Present, language: Language) -> str:
    total = present.run.total_steps
    of = f"/{count(total)} ({present.step / total:.0%})" if total else ""
    parts = [f"{count(present.step)}{of}"]
    if present.steps_per_second:
        parts.append(f"{short_number(float(f'{present.steps_per_second:.3g}'))} it/s")
    if present.seconds_left is not None:
        left = duration(present.seconds_left, language)
        parts.append(Text(f"about {left} left", f"约剩 {left}").to(language))
    return ", ".join(parts)


def _attempt(present: Present) -> Text:
    last = present.history.attempts[-1]
    if not last.first_step:
        return Text(f"{last.number}, from the beginning", f"第 {last.number} 次，从头开始")
    return Text(
        f"{last.number}, from step {count(last.first_step)}",
        f"第 {last.number} 次，从第 {count(last.first_step)} 步开始",
    )


def _saved(present: Present) -> Text:
    state, lost, goes_on = present.state, present.unsaved_steps, present.phase not in (None, "reporting")
    held = Text("no state yet", "尚无状态") if goes_on else Text("no state", "没有状态")
    if state is not None:
        held = Text(
            f"state of epoch {state.epoch}, step {count(state.step)}",
            f"第 {state.epoch} 轮的状态，第 {count(state.step)} 步",
        )
    if not goes_on:
        return held
    when = Text("", "")
    if present.steps_per_second and lost:
        seconds = lost / present.steps_per_second
        when = Text(f", {duration(seconds, 'en')}", f"，{duration(seconds, 'zh')}")
    loses = plural(lost, "step", "steps")
    return Text(f"{held.en}; a crash now would lose {loses}{when.en}", f"{held.zh}；此刻崩溃会损失 {lost} 步{when.zh}")


def _published(present: Present) -> Text:
    files = present.history.published
    if not files:
        return Text("nothing yet", "尚无") if present.phase is not None else Text("nothing", "无")
    folder = short_path(present.rundir.checkpoints)
    return Text(
        f"{plural(len(files), 'file', 'files')} in {folder}, newest {files[-1].file}",
        f"{folder} 中 {len(files)} 个文件，最新为 {files[-1].file}",
    )


def status_record(present: Present) -> dict[str, Any]:
    """Return what a run does now, for programs."""
    run, history = present.run, present.history
    return {
        **listed_record(run),
        "path": present.rundir.root,
        "phase": present.phase,
        "attempt": history.attempts[-1].number if history.attempts else None,
        "first_step": history.attempts[-1].first_step if history.attempts else None,
        "step": present.step,
        "steps_per_second": present.steps_per_second,
        "seconds_left": present.seconds_left,
        "loss": present.loss,
        "silent_seconds": present.silent_s,
        "stop_asked": history.stop_asked or None,
        "cause": history.cause or None,
        "state": present.state,
        "unsaved_steps": present.unsaved_steps,
        "published": history.published,
        "quarantined": history.quarantined,
        "damage": history.damage,
    }


def listed_record(run: Listed) -> dict[str, Any]:
    """Return one run of a list, for programs."""
    return {
        "name": run.name,
        "standing": run.standing,
        "step": run.step,
        "total_steps": run.total_steps or None,
        "started_at": run.started_at,
        "ended_at": run.ended_at or None,
        "family": run.family,
        "kind": run.kind or None,
        "headline": run.headline,
    }
