"""The only room besides `cli` that prints. Colour through rich, loaded when the first coloured line is due.

Captions, paths and log lines never pass as markup: `(tag:1.2) [a|b]` must come out as it is.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, TextIO

from orchestrator.core.finding import Status
from orchestrator.core.problem_text import column_width, render_place, render_problem
from orchestrator.plan.explain import explain
from orchestrator.report.labels import label
from orchestrator.report.live_line import safe, tolerate
from orchestrator.report.measured import measured
from orchestrator.report.numbers import duration, plain_value
from orchestrator.report.verdict import by_weight, level, next_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, RenderableType
    from rich.text import Text as Line

    from orchestrator.core.finding import Change, Evidence, Finding, Problem, Verdict
    from orchestrator.core.text import Language, Text
    from orchestrator.plan.explain import Row
    from orchestrator.plan.model import Plan
    from orchestrator.run.records.model import Outcome

STYLES = {
    "stop": "bold red",
    "fix": "bold yellow",
    "watch": "yellow",
    "info": "blue",
    "clear": "green",
    "unjudged": "dim",
}
MOST_NAMED = 6
"""Pictures or tags of one measure that are told in a line."""
MOST_WRAPPED = 500
"""Rows of a table that is fitted to a terminal's width: that takes a millisecond each."""
PLAN_SECTIONS = {
    "folders": "plan_folders",
    "dataset": "plan_dataset",
    "train": "plan_train",
    "samples": "plan_samples",
}
"""Sections of the told plan that are tables, with their headings; length and notes stand above them."""
PLAN_KEYS = {"folders": "role_train", "held out": "role_validation"}


def make_console(stream: TextIO | None = None) -> Console:
    """Return a console for `stream` (standard output). NO_COLOR holds; what the stream cannot encode becomes `?`, never an error.

    Printing raises BrokenPipeError where nobody reads any more: `lora-run check ... | head -1` is no failure.
    """
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            """Say so; rich itself would exit with 1, which here means findings to fix."""
            raise BrokenPipeError

    stream = stream if stream is not None else sys.stdout
    tolerate(stream)
    return PipeConsole(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=not stream.isatty())


def _line(*parts: tuple[str, str]) -> Line:
    """One line of (text, style) pieces."""
    from rich.text import Text as RichText

    return RichText.assemble(*((safe(text), style) for text, style in parts))


def show_problems(problems: Sequence[Problem], language: Language, console: Console) -> None:
    """Print mistakes of form the way a compiler does, with their number at the end."""
    for problem in problems:
        first, *rest = render_problem(problem, language)
        head, separator, message = first.partition(": ")
        console.print(_line((head, "bold red"), (separator + message, "bold")))
        for row in rest:
            style = "red" if row.strip(" |^") == "" else "cyan" if row.lstrip().startswith("= ") else ""
            console.print(_line((row, style)))
        console.print()
    key = "term_error" if len(problems) == 1 else "term_errors"
    console.print(_line((label(key, language).format(count=len(problems)), "bold red")))


def show_verdict(
    verdict: Verdict, language: Language, console: Console, outcome: Outcome | None = None, *, has_end: bool = False
) -> None:
    """Print the fired findings worst first with evidence and advice, one line for each reason why rules could not decide, then counts of the rest.

    `has_end`: `show_end` follows, which says by itself that nothing fired.
    """
    for finding in by_weight(verdict.fired):
        _show_finding(finding, language, console)
    for alike in _undecided(verdict):
        _show_undecided(alike, language, console)
    counts = [
        ("term_inconclusive", sum(1 for f in verdict.findings if f.status is Status.INCONCLUSIVE), "dim"),
        ("term_clear", sum(1 for f in verdict.findings if f.status is Status.CLEAR), "green"),
        ("term_ignored", sum(1 for f in verdict.findings if f.status is Status.FIRED and not f.is_fired), "dim"),
    ]
    rest = [(label(key, language).format(count=number), style) for key, number, style in counts if number]
    if rest:
        joined = [(part, style) for text, style in rest for part, style in ((" · ", "dim"), (text, style))]
        console.print(_line((f"{label('term_rules', language)}: ", "dim"), *joined[1:]))
    if not verdict.fired and not has_end:
        word = level(verdict, outcome)
        console.print(_line((label(f"level_{word}", language), STYLES[word])))


def _show_finding(finding: Finding, language: Language, console: Console) -> None:
    name = finding.severity.value
    head = f"{label(f'level_{name}', language)}[{finding.rule}]"
    console.print(_line((head, STYLES[name]), (": " + finding.message.to(language), "bold")))
    if finding.where is not None:
        for row in render_place(finding.where, indent=1):
            console.print(_line((row, "dim")))
    for row in _facts(finding.evidence, language):
        console.print(_line((row, "")))
    if finding.fix is not None:
        console.print(_line((f"  = {label('term_fix', language)}: ", "cyan"), (finding.fix.advice.to(language), "")))
        for change in finding.fix.changes:
            console.print(_line((f"      {_change(change, language)}", "cyan")))
    console.print()


def _facts(evidence: Sequence[Evidence], language: Language) -> Iterator[str]:
    """Return a line for each fact; one for all of a kind that was measured of one picture or tag after the other."""
    for (what, limit), facts in groupby(evidence, key=lambda fact: (fact.what, fact.limit)):
        alike = list(facts)
        values = [measured(fact.value, fact.unit, language) for fact in alike]
        if len({fact.source for fact in alike}) == len(alike) > 1:
            values = [
                value if value.startswith(fact.source) else f"{fact.source} {value}"
                for fact, value in zip(alike, values, strict=True)
            ]
        told = f"  ({label('term_limit', language)} {measured(limit, '', language)})" if limit is not None else ""
        more = f" ... +{len(values) - MOST_NAMED}" if len(values) > MOST_NAMED else ""
        yield f"  {what.to(language)}: {'; '.join(values[:MOST_NAMED])}{more}{told}"


def _undecided(verdict: Verdict) -> list[list[Finding]]:
    """Return the findings that nobody can tell, those with the same reason and the same need together: a dozen may ask for one thing."""
    found: dict[tuple[Text, Text | None], list[Finding]] = {}
    for finding in verdict.findings:
        if finding.status is Status.INCONCLUSIVE:
            found.setdefault((finding.message, finding.needs), []).append(finding)
    return list(found.values())


def _show_undecided(alike: Sequence[Finding], language: Language, console: Console) -> None:
    finding, rules = alike[0], ", ".join(one.rule for one in alike)
    needs = f" {label('term_needs', language)}: {finding.needs.to(language)}" if finding.needs is not None else ""
    head = f"{label('level_unjudged', language)}[{rules}]: "
    console.print(_line((head, STYLES["unjudged"]), (finding.message.to(language), ""), (needs, STYLES["unjudged"])))


def _change(change: Change, language: Language) -> str:
    after = label("remove_key", language) if change.value is None else plain_value(change.value)
    return f"{change.key}: {plain_value(change.before)} -> {after}"


def show_plan(plan: Plan, language: Language, console: Console) -> None:
    """Print the sum of the steps, then every number with its reason: folders, data set, training, prompts."""
    for line in (*plan.steps.lines, *plan.notes):
        console.print(_line((line.to(language), "")))
    console.print()
    heads = [label(key, language) for key in ("col_setting", "col_value", "col_source_of", "col_because")]
    told = explain(plan)
    for section, heading in PLAN_SECTIONS.items():
        rows = [_plan_row(row, plan, language) for row in told if row.section == section]
        if rows:
            console.print(_line((label(heading, language), "bold")))
            show_table(heads, rows, console)
            console.print()


def _plan_row(row: Row, plan: Plan, language: Language) -> tuple[str, str, str, str]:
    options = {"train": plan.train, "dataset": plan.dataset_general}.get(row.section, {})
    value = plain_value(options[row.key].value) if row.key in options else row.value
    key = label(PLAN_KEYS[row.key], language) if row.key in PLAN_KEYS else row.key
    source = label(f"source_{row.source.value}", language) if row.source is not None else ""
    return key, value, source, row.because.to(language)


def show_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], console: Console, styles: Sequence[str] = ()
) -> None:
    """Print a table. On a terminal it is wrapped to the width; long ones, and in a pipe, one line per row, columns two spaces apart."""
    cells = [[safe(cell) for cell in row] for row in rows]
    if console.is_terminal and len(cells) <= MOST_WRAPPED:
        console.print(_rich_table(heads, cells, styles))
        return
    widths = [max(column_width(row[index]) for row in ([*heads], *cells)) for index in range(len(heads))]
    for row in ([*heads], *cells):
        padded = [cell + " " * (width - column_width(cell)) for cell, width in zip(row, widths, strict=True)]
        console.file.write("  ".join(padded).rstrip() + "\n")


def _rich_table(heads: Sequence[str], cells: Sequence[Sequence[str]], styles: Sequence[str]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text as RichText

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for index, head in enumerate(heads):
        table.add_column(RichText(head), style=styles[index] if index < len(styles) else None, overflow="fold")
    for row in cells:
        table.add_row(*(RichText(cell) for cell in row))
    return table


def show_doctor(rows: Iterable[tuple[str, str, str, str]], language: Language, console: Console) -> None:
    """Print (level, what, found, fix) rows; `level` is `ok` or a severity, `fix` may be empty."""
    for name, what, found, fix in rows:
        word = label("term_ok" if name == "ok" else f"level_{name}", language)
        console.print(_line((word, STYLES["clear" if name == "ok" else name]), (f"  {what}: ", "bold"), (found, "")))
        if fix:
            console.print(_line((f"    = {label('term_fix', language)}: ", "cyan"), (fix, "")))


def show_end(
    headline: str,
    verdict: Verdict,
    language: Language,
    console: Console,
    *,
    outcome: Outcome | None = None,
    report: str = "",
    next_recipe: str = "",
) -> None:
    """Print the end of a run: the verdict, what to do next, and the paths of the report and the next recipe."""
    word = level(verdict, outcome)
    console.print(_line((label(f"level_{word}", language), STYLES[word]), ("  " + headline, "bold")))
    for number, finding in enumerate(next_steps(verdict), start=1):
        advice = finding.fix.advice.to(language) if finding.fix else ""
        console.print(_line((f"  {number}. ", "cyan"), (advice, ""), (f"  {finding.rule} {finding.name}", "dim")))
    if outcome is not None and outcome.seconds is not None:
        console.print(_line((f"{label('fact_time', language)}: {duration(outcome.seconds, language)}", "dim")))
    for name, path in ((label("term_next", language), next_recipe), (label("term_report", language), report)):
        if path:
            console.print(_line((f"{name}: ", "dim"), (path, "bold")))


def show_line(text: str, console: Console) -> None:
    """Print one plain line."""
    console.print(_line((text, "")))


def show_heading(text: str, console: Console) -> None:
    """Print one bold line."""
    console.print(_line((text, "bold")))


def show_proposed(change: Change, rule: str, remarks: Sequence[str], language: Language, console: Console) -> None:
    """Print one change of the next recipe with the rule that asks for it, and what else is to be said of it."""
    from rich.padding import Padding

    console.print(_line((f"  {_change(change, language)}", "cyan"), (f"  {rule}", "dim")))
    for text in remarks:
        line = _line((text, ""))
        console.print(Padding(line, (0, 0, 0, 4)) if console.is_terminal else _line(("    ", ""), (text, "")))


def show_diff(rows: Iterable[tuple[str, str]], console: Console) -> None:
    """Print (`add` | `del` | `same` | `hunk`, line) rows."""
    styles = {"add": "green", "del": "red", "hunk": "dim"}
    for look, line in rows:
        console.print(_line((line, styles.get(look, ""))))


def show_page(markdown: str, console: Console) -> None:
    """Print a page: rendered on a terminal, as it is in a pipe."""
    if console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(markdown))
    else:
        console.print(_line((markdown, "")))
