"""The report as one HTML file: works offline, loads nothing, runs nothing but the one script it names by hash."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from orchestrator.core.finding import Status
from orchestrator.report.curves import charts
from orchestrator.report.diff import recipe_diff
from orchestrator.report.labels import label, unseen
from orchestrator.report.measured import measured, source_text
from orchestrator.report.numbers import NOTHING, count, duration, plain_value, size
from orchestrator.report.privacy import Shortener, shortener
from orchestrator.report.samples import sample_grid
from orchestrator.report.tables import (
    bucket_lines,
    checkpoint_folder,
    checkpoint_rows,
    folder_rows,
    setting_rows,
    trained_count,
    which_checkpoint,
)
from orchestrator.report.verdict import by_weight, level, next_steps
from orchestrator.run.model import Ending

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.core.finding import Finding, Location
    from orchestrator.core.text import Language, Text
    from orchestrator.report.model import ReportData


def render_html(data: ReportData, language: Language) -> str:
    """Return the whole report as text. Pictures are read from `data.run_root`; nothing is written."""
    clean = shortener(data)
    environment = _environment(clean, language)
    seen = data.case.observations
    return environment.get_template("report.html.j2").render(
        data=data,
        level=level(data.verdict, data.outcome),
        facts=_facts(data, language),
        written=data.next_changes if data.next_text is not None else (),
        steps=next_steps(data.verdict),
        fired_count=len(data.verdict.fired),
        charts=charts(data, language, clean),
        grid=sample_grid(data, language),
        checkpoints=checkpoint_rows(data, language),
        checkpoint_folder=checkpoint_folder(data),
        which=which_checkpoint(data),
        folders=folder_rows(data, language),
        buckets=bucket_lines(data, language),
        settings=setting_rows(data, language),
        groups=_groups(data),
        missing=seen.missing if seen else (),
        damage=seen.damage if seen else (),
        diff=recipe_diff(data.recipe_text, data.next_text),
        commands=[shell_line(command.argv, clean) for command in data.commands],
        versions=_versions(data, language),
    )


def shell_line(argv: tuple[str, ...], clean: Shortener) -> str:
    """Return an argument list as one line for people; every argument is shortened by itself, then quoted where needed."""
    return " ".join(_quoted(clean(argument)) for argument in argv)


def _quoted(word: str) -> str:
    is_plain = bool(word) and all(letter.isalnum() or letter in "@%+=:,./-_~…" for letter in word)
    return word if is_plain else "'" + word.replace("'", "'\"'\"'") + "'"


def _environment(clean: Shortener, language: Language) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    def shown(value: Any) -> Any:
        # Markup was made by this package from numbers and escaped text; everything else is somebody's data.
        return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("orchestrator.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    def translated(text: Text | None) -> Markup:
        return Markup() if text is None else _with_code(text.to(language), clean)

    def worded(key: str, **values: Any) -> str:
        return label(key, language).format(**values) if values else label(key, language)

    environment.globals.update(
        t=worded,
        tr=translated,
        value=plain_value,
        source_text=lambda source: source_text(source, language),
        measured=lambda value, unit="": measured(value, unit, language),
        pieces=_pieces,
        lang=language,
        unseen=lambda names: unseen(names, language),
        **_assets(),
    )
    return environment


def _with_code(text: str, clean: Shortener) -> Markup:
    """Escape a sentence and set what stands between backticks as code."""
    parts = clean(text).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is just that
        return escape("`".join(parts))
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if index % 2 else part for index, part in enumerate(parts))


@cache
def _assets() -> dict[str, Markup]:
    """Style and script with the policy that allows them and nothing else."""
    folder = files("orchestrator.report") / "templates"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # All three come from this package, not from data.
    return {"style": Markup(style), "script": Markup(script), "policy": Markup(policy)}  # noqa: S704


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@dataclass(frozen=True, slots=True)
class _Groups:
    fired: list[Finding]
    ignored: list[Finding]
    clear: list[Finding]
    inconclusive: list[Finding]


def _groups(data: ReportData) -> _Groups:
    found = data.verdict.findings
    return _Groups(
        by_weight(data.verdict.fired),
        [f for f in found if f.status is Status.FIRED and f.ignored_because is not None],
        [f for f in found if f.status is Status.CLEAR],
        [f for f in found if f.status is Status.INCONCLUSIVE],
    )


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


def _pieces(where: Location) -> tuple[str, str, str]:
    """The source line before, inside and after the marked place."""
    start = max(where.column - 1, 0)
    end = start + max(where.length, 1)
    return where.source[:start], where.source[start:end], where.source[end:]


def _versions(data: ReportData, language: Language) -> list[tuple[str, str]]:
    rows = [("lora-run", data.tool_version)]
    if data.trainer is not None:
        changed = f" ({label('modified', language)})" if data.trainer.is_modified else ""
        rows.append((data.trainer.name, data.trainer.commit + changed))
    return rows + list(data.versions.items())
