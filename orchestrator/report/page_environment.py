"""What every page is rendered with: escaping, privacy, both languages, and the style and scripts that it brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from orchestrator.report.embedded import embedded
from orchestrator.report.labels import label
from orchestrator.report.measured import measured, source_text
from orchestrator.report.numbers import plain_value

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.core.finding import Location
    from orchestrator.core.text import Language, Text
    from orchestrator.report.privacy import Shortener


def make_environment(clean: Shortener, language: Language, page: str) -> Environment:
    """Return the environment of the templates. `page`: which styles and scripts come along, see `embedded.PAGES`."""
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
        return Markup() if text is None else with_code(text.to(language), clean)

    def worded(key: str, **values: Any) -> str:
        return label(key, language).format(**values) if values else label(key, language)

    environment.globals.update(
        t=worded,
        tr=translated,
        tr_code=lambda text: with_code(text, clean),
        value=plain_value,
        source_text=lambda source: source_text(source, language),
        measured=lambda value, unit="": measured(value, unit, language),
        pieces=_pieces,
        lang=language,
        **embedded(page),
    )
    return environment


def with_code(text: str, clean: Shortener) -> Markup:
    """Escape a sentence and set what stands between backticks as code."""
    parts = clean(text).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is just that
        return escape("`".join(parts))
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if index % 2 else part for index, part in enumerate(parts))


def _pieces(where: Location) -> tuple[str, str, str]:
    """The source line before, inside and after the marked place."""
    start = max(where.column - 1, 0)
    end = start + max(where.length, 1)
    return where.source[:start], where.source[start:end], where.source[end:]
