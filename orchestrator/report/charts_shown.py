"""All charts of a report in the order they are shown, and those that could not be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.chart_view import Absent, ChartView, Sayer
from orchestrator.report.curves import logged_charts, logged_span
from orchestrator.report.evidence import absent_charts, measured_charts

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.text import Language
    from orchestrator.diagnose.window import Window
    from orchestrator.report.model import ReportData


@dataclass(frozen=True, slots=True)
class Charts:
    """What is drawn and what is not."""

    shown: tuple[ChartView, ...]
    absent: tuple[Absent, ...]
    say: Sayer


def all_charts(data: ReportData, window: Window | None, language: Language, clean: Callable[[str], str]) -> Charts:
    """Return the charts, the most telling first: the probe, the losses, by timestep, the files, the learning rate."""
    seen = data.case.observations
    say = Sayer(language, clean, logged_span(seen) if seen is not None else None)
    first, by_timestep = measured_charts(data, window, say)
    logged = logged_charts(data, say)
    losses = [chart for chart in logged if chart.name in {"loss", "validation"}]
    others = [chart for chart in logged if chart.name not in {"loss", "validation"}]
    shown = [chart for chart in (*first, *losses, *by_timestep, *others) if chart is not None]
    return Charts(tuple(shown), tuple(absent_charts(data, say)) if seen is not None else (), say)
