"""What the verbs about finished runs say: runs side by side, and the recipe that follows from one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import EXIT_OK
from orchestrator.core.finding import Confidence, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.report import terminal
from orchestrator.report.compare import NEVER_TRAINED, RESULTS
from orchestrator.report.json_text import print_json
from orchestrator.report.labels import label
from orchestrator.report.numbers import NOTHING
from orchestrator.report.sentence import NAMES
from orchestrator.report.watcher import short_path

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Language
    from orchestrator.report.compare import Comparison, Difference
    from orchestrator.report.following import Following
    from orchestrator.report.proposal import Proposed

MOST_NAMED = 2
"""Differences that the one line at the end of a run names."""
LONGEST_NAMED = 24
"""Characters of a value that this line still shows; prompts and paths are left to the report."""
NO_DIFFERENCE = Text(
    "nothing differs in recipe, data and versions: what was measured differs by chance alone",
    "配方、数据和版本都没有不同：测量结果的差异只是偶然",
)
LATER = Text("not made, for later, one at a time:", "未改，留待以后逐项尝试：")
TRY = Text("try", "尝试")
SAME = Text("nothing differs in recipe, data and versions", "配方、数据和版本都没有不同")
NOT_THERE = Text(
    "not in next.yaml: the value stands in an extended file, or the file was changed by hand",
    "不在 next.yaml 中：该值位于被继承的文件里，或文件被手工改过",
)


def compared(comparison: Comparison, form: str, language: Language) -> int:
    """Tell runs side by side: what became of them, what was measured, what differs."""
    if form == "json":
        from orchestrator.core.record import to_plain

        print_json({"exit_code": EXIT_OK, **to_plain(comparison)})
        return EXIT_OK
    console = terminal.make_console()
    heads = ["", *comparison.names]
    rows = [[label("state", language), *_states(comparison, language)]]
    rows += [[what.to(language), *map(result, values)] for what, values in comparison.results]
    terminal.show_table(heads, rows, console)
    terminal.show_line("", console)
    if comparison.differences:
        terminal.show_heading(label("col_what", language), console)
        terminal.show_table(heads, [[_named(row, language), *row.values] for row in comparison.differences], console)
    else:
        terminal.show_line((SAME if comparison.untrained else NO_DIFFERENCE).to(language), console)
    for note in comparison.notes:
        terminal.show_line(note.to(language), console)
    return EXIT_OK


def one_line(comparison: Comparison) -> Text:
    """Return two runs, the earlier one first, as one line for the end of a run."""
    untrained = [Text(f"{name} never trained", f"{name} 从未训练") for name in comparison.untrained]
    parts = [*untrained, *_effect(comparison), _changes(comparison)]
    before = comparison.names[0]
    return Text(
        f"against {before}: " + "; ".join(part.en for part in parts),
        f"与 {before} 相比：" + "；".join(part.zh for part in parts),
    )


def result(value: float | None) -> str:
    """Return a measured value for a table: 4 digits."""
    if value is None:
        return NOTHING
    return str(int(value)) if value == int(value) else short_number(value)


def _effect(comparison: Comparison) -> list[Text]:
    """What that did to the probe; nothing where the probes cannot be held against each other."""
    measured = {what: values for what, values in comparison.results if None not in values}
    key = next((key for key in ("held_out", "train") if RESULTS[key] in measured), None)
    if key is None or comparison.notes:
        return []
    was, now = (short_number(value or 0.0, 3) for value in measured[RESULTS[key]])
    who = {"held_out": Text("held-out pictures", "留出图片"), "train": Text("training pictures", "训练图片")}[key]
    return [Text(f"{who.en} {now} % against the base (was {was} %)", f"{who.zh}相对底模 {now} %（上次 {was} %）")]


def _changes(comparison: Comparison) -> Text:
    rows = comparison.differences
    if not rows:
        return Text("the same recipe, data and versions", "配方、数据和版本相同")
    named = ", ".join(_short(row) for row in rows[:MOST_NAMED])
    more = len(rows) - MOST_NAMED
    if more <= 0:
        return Text(f"changed: {named}", f"改动：{named}")
    return Text(f"changed: {named} and {more} more", f"改动：{named}，另有 {more} 处")


def _short(row: Difference) -> str:
    was, now = row.values
    return row.key if max(len(was), len(now)) > LONGEST_NAMED else f"{row.key} {was} -> {now}"


def _states(comparison: Comparison, language: Language) -> list[str]:
    return [
        label("never_trained", language)
        if state == NEVER_TRAINED
        else f"{NAMES[State(state)].to(language)} ({label(f'confidence_{Confidence(sure).value}', language)})"
        for state, sure in zip(comparison.states, comparison.confidences, strict=True)
    ]


def _named(row: Difference, language: Language) -> str:
    key = label(f"data_{row.key}", language) if row.kind == "data" else row.key
    return f"{label(f'kind_of_{row.kind}', language)} {key}"


def following(found: Following, form: str, language: Language, written: Path | None) -> int:
    """Tell the recipe that follows from a run: each change with its rule and reason, what is left, the difference."""
    if form == "json":
        print_json(_following_record(found, written, language))
        return EXIT_OK
    console = terminal.make_console()
    path = short_path(found.path)
    terminal.show_heading(f"{found.proposal.run} -> {path}", console)
    applied = Text("made:", "已改：") if found.proposal.applied else Text("nothing is changed", "没有改动")
    for heading, changes in ((applied, found.proposal.applied), (LATER, found.proposal.listed)):
        if changes or heading is applied:
            terminal.show_line(heading.to(language), console)
        said: Text | None = None
        for one in changes:
            rule = one.rule if one.change.is_safe or heading is LATER else f"{TRY.to(language)}: {one.rule}"
            remarks = [one.why] if one.why != said else []
            remarks += [NOT_THERE] if one.change in found.not_in_file else []
            said = one.why
            terminal.show_proposed(one.change, rule, [text.to(language) for text in remarks], language, console)
    if found.diff:
        terminal.show_line(Text("difference:", "差异：").to(language), console)
        terminal.show_diff(found.diff, console)
    if written is not None:
        terminal.show_line(Text(f"wrote {path}", f"已写入 {path}").to(language), console)
    terminal.show_line(f"lora-run {shlex.quote(path)}", console)
    return EXIT_OK


def _following_record(found: Following, written: Path | None, language: Language) -> dict[str, Any]:
    def one(proposed: Proposed) -> dict[str, Any]:
        change = proposed.change
        return {
            "key": change.key,
            "value": change.value,
            "before": change.before,
            "is_safe": change.is_safe,
            "rule": proposed.rule,
            "why": proposed.why.to(language),
            "is_in_file": change not in found.not_in_file,
        }

    return {
        "exit_code": EXIT_OK,
        "run": found.proposal.run,
        "path": found.path,
        "written": written,
        "applied": [one(proposed) for proposed in found.proposal.applied],
        "listed": [{**one(proposed), "is_in_file": False} for proposed in found.proposal.listed],
        "diff": [list(row) for row in found.diff],
    }


def nothing_left(run: Path, form: str, language: Language) -> int:
    """Tell that a run was trained to its end already."""
    text = Text(
        f"nothing to do: {run.name} was trained to its end; `lora-run diagnose {short_path(run)}` judges it again",
        f"无事可做：{run.name} 已训练完成；`lora-run diagnose {short_path(run)}` 可重新判断",
    )
    if form == "json":
        print_json({"exit_code": EXIT_OK, "message": text.to(language)})
    else:
        terminal.show_line(text.to(language), terminal.make_console())
    return EXIT_OK
