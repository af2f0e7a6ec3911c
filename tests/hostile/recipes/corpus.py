"""All wrong recipes by group, and what a user is told about each."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Severity, Verdict
from orchestrator.prepared import prepare
from orchestrator.report import tell, terminal
from tests.hostile.recipes import cases_keys, cases_places, cases_together, cases_values, cases_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.backends.protocol import Build
    from orchestrator.core.finding import Problem
    from tests.hostile.recipes.case import Case

GROUPS: dict[str, tuple[Case, ...]] = {
    "spelling": cases_keys.SPELLING,
    "places": cases_keys.PLACES,
    "missing": cases_keys.MISSING,
    "twice": cases_keys.TWICE,
    "types": cases_values.TYPES,
    "ranges": cases_values.RANGES,
    "units": cases_values.UNITS,
    "words": cases_values.WORDS,
    "quotes": cases_yaml.QUOTES,
    "spaces": cases_yaml.SPACES,
    "full width": cases_yaml.FULL_WIDTH,
    "advanced": cases_yaml.ADVANCED,
    "folders": cases_places.FOLDERS,
    "files": cases_places.FILES,
    "names": cases_places.NAMES,
    "secrets": cases_places.SECRETS,
    "combinations": cases_together.COMBINATIONS,
    "families": cases_together.FAMILIES,
}
"""Ordered as a user gets to them."""
CORPUS: dict[str, Case] = {f"{group} {n}": case for group, cases in GROUPS.items() for n, case in enumerate(cases, 1)}


@dataclass(frozen=True, slots=True)
class Told:
    """What came of looking at one recipe."""

    code: int
    """Exit code."""
    problems: tuple[Problem, ...]
    printed: str
    """All that is printed."""
    verdict: Verdict = field(default_factory=Verdict)
    family: str = ""
    build: Build | None = None
    """What would be laid down and started."""

    @property
    def refused(self) -> str:
        """What is printed of the reasons to refuse alone."""
        out = io.StringIO()
        console = terminal.make_console(out)
        if self.problems:
            terminal.show_problems(self.problems, "en", console)
        stops = tuple(finding for finding in self.verdict.fired if finding.severity is Severity.STOP)
        if stops:
            terminal.show_verdict(Verdict(stops), "en", console, has_end=True)
        return out.getvalue()


def check(recipe: Path, overrides: Sequence[str] = (), form: str = "text") -> Told:
    """Look at a recipe as `lora-run check` does. The state of the trainer on this machine is left out: it is not the recipe's."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            done = prepare(recipe, overrides)
        except InputError as error:
            code = tell.problems(error.problems, form, "en", error.exit_code)
            return Told(code, error.problems, out.getvalue())
        code = tell.checked(done.verdict, done.problems, done.dataset, done.plan, None, (), form, "en")
    return Told(code, done.problems, out.getvalue(), done.verdict, done.loaded.recipe.base_model.family, done.build)
