"""The report as one HTML file: works offline, loads nothing, runs nothing but the scripts it names by hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import State
from orchestrator.core.number_text import size
from orchestrator.diagnose.recorder_notes import told_note
from orchestrator.diagnose.window import checkpoint_window
from orchestrator.report.charts_shown import all_charts
from orchestrator.report.diff import recipe_diff
from orchestrator.report.finding_groups import group_findings, open_questions
from orchestrator.report.interactive import json_block
from orchestrator.report.labels import label, unseen
from orchestrator.report.numbers import NOTHING, count, duration
from orchestrator.report.page_environment import make_environment
from orchestrator.report.pictures import picture_table, why_no_pictures
from orchestrator.report.privacy import shortener
from orchestrator.report.rule_page import rule_page
from orchestrator.report.samples import sample_grid
from orchestrator.report.sentence import NAMES, became
from orchestrator.report.tables import (
    bucket_lines,
    checkpoint_folder,
    checkpoint_rows,
    folder_rows,
    setting_rows,
    trained_count,
)
from orchestrator.report.verdict import level, next_steps
from orchestrator.run.records.model import Ending

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding
    from orchestrator.core.observation import Observations
    from orchestrator.core.text import Language
    from orchestrator.report.model import ReportData
    from orchestrator.report.privacy import Shortener

_STATES = {state.value for state in State}


def render_html(data: ReportData, language: Language) -> str:
    """Return the whole report as text. Pictures are read from `data.run_root`; nothing is written."""
    clean = shortener(data)
    environment = make_environment(clean, language, "report")
    environment.globals.update(
        state_name=lambda name: (
            NAMES[State(name)].to(language) if name in _STATES else label("never_trained", language)
        ),
        unseen=lambda names: unseen(names, language),
    )
    seen = data.case.observations
    window = checkpoint_window(data.case, data.verdict)
    charts = all_charts(data, window, language, clean)
    groups = group_findings(data.verdict)
    state = became(data)
    return environment.get_template("report.html.j2").render(
        data=data,
        state=state,
        because_at=_place(state.because, groups.fired),
        window=window,
        level=level(data.verdict, data.outcome),
        facts=_facts(data, language),
        written=data.next_changes if data.next_text is not None else (),
        steps=next_steps(data.verdict),
        fired_count=len(data.verdict.fired),
        charts=charts,
        chart_data=json_block({"words": _script_words(language), "charts": [chart.data for chart in charts.shown]}),
        pictures=picture_table(data, charts.say),
        no_pictures=why_no_pictures(data),
        pages={finding.name: rule_page(finding.name, language) for finding in (*groups.fired, *groups.ignored)},
        grid=sample_grid(data, language),
        checkpoints=checkpoint_rows(data, language),
        checkpoint_folder=checkpoint_folder(data),
        folders=folder_rows(data, language),
        buckets=bucket_lines(data, language),
        settings=setting_rows(data, language),
        groups=groups,
        questions=open_questions(groups.inconclusive),
        missing=seen.missing if seen else (),
        damage=[told_note(one).to(language) for one in _troubles(seen)] if seen else (),
        diff=recipe_diff(data.recipe_text, data.next_text),
        commands=[shell_line(command.argv, clean) for command in data.commands],
        versions=_versions(data, language),
    )


def _troubles(seen: Observations) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*seen.damage, *(seen.telemetry.notes if seen.telemetry is not None else ()))))


def shell_line(argv: tuple[str, ...], clean: Shortener) -> str:
    """Return an argument list as one line for people; every argument is shortened by itself, then quoted where needed."""
    return " ".join(_quoted(clean(argument)) for argument in argv)


def _quoted(word: str) -> str:
    is_plain = bool(word) and all(letter.isalnum() or letter in "@%+=:,./-_~…" for letter in word)
    return word if is_plain else "'" + word.replace("'", "'\"'\"'") + "'"


def _place(finding: Finding | None, shown: list[Finding]) -> int | None:
    """Return which of the shown findings this is; None where it is not among them."""
    return next((place for place, one in enumerate(shown) if one is finding), None)


def _script_words(language: Language) -> dict[str, str]:
    keys = {"log": "tool_log", "in": "tool_in", "out": "tool_out", "reset": "tool_reset", "toggle": "tool_toggle"}
    return {key: label(name, language) for key, name in keys.items()}


def _facts(data: ReportData, language: Language) -> list[tuple[str, str]]:
    """(label, value) of what one wants to know at a glance; unknown ones left out."""
    seen, outcome, plan = data.case.observations, data.outcome, data.case.plan
    facts: list[tuple[str, str]] = []
    if data.family:
        facts.append(("fact_family", data.family))
    if data.kind:
        facts.append(("fact_kind", label(f"kind_{data.kind}", language)))
    if outcome is not None and outcome.ending is not Ending.UNKNOWN:
        facts.append(("fact_ending", label(f"ending_{outcome.ending.value}", language)))
    done = seen.facts.get("last_step") if seen else None
    planned = plan.steps.total_steps if plan else (seen.facts.get("total_steps") if seen else None)
    if done is not None or planned is not None:
        words = label("of_planned", language).format(done=_whole(done), planned=_whole(planned))
        facts.append(("fact_steps", words if done != planned else _whole(done)))
    if outcome is not None and outcome.seconds is not None:
        facts.append(("fact_time", duration(outcome.seconds, language)))
    if data.case.dataset is not None:
        trained, held = trained_count(data)
        told = label("and_held_out", language).format(trained=count(trained), held=count(held))
        facts.append(("fact_pictures", told if held else count(trained)))
    final = next((point for point in (seen.checkpoints if seen else ()) if point.is_final), None)
    if final is not None:
        facts.append(("fact_final", f"{final.path.rsplit('/', 1)[-1]} · {size(final.size_bytes)}"))
    return [(label(key, language), value) for key, value in facts]


def _whole(value: object) -> str:
    return count(int(value)) if isinstance(value, (int, float)) else NOTHING


def _versions(data: ReportData, language: Language) -> list[tuple[str, str]]:
    rows = [("lora-run", data.tool_version)]
    if data.trainer is not None:
        changed = f" ({label('modified', language)})" if data.trainer.is_modified else ""
        rows.append((data.trainer.name, data.trainer.commit + changed))
    return rows + list(data.versions.items())
