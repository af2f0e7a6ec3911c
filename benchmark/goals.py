"""What the benchmark is to reach, beside what it reached: one row for each goal, written where its figure is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.score import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal and what became of it."""

    name: str
    wanted: str
    value: str
    is_reached: bool | None
    """None: the figure is within the goal, but so few runs cannot show it."""


def at_least(name: str, value: float, goal: float, count: int) -> Goal:
    """Return the goal that a score of `count` runs is `goal` or more."""
    return Goal(name, f"at least {goal:.2f}", f"{value:.3f} ({count} runs)", value >= goal)


def all_of(name: str, hits: int, count: int) -> Goal:
    """Return the goal that nothing is missed."""
    return Goal(name, "all", f"{hits} of {count}", hits == count)


def at_most_share(name: str, hits: int, count: int, goal: float) -> Goal:
    """Return the goal that a share is `goal` or less. Shown only where the upper end of its 95 % interval is within it too."""
    low, high = wilson(hits, count)
    is_within = count > 0 and hits / count <= goal
    value = f"{hits} of {count} (95 %: {low:.1%} to {high:.1%})"
    return Goal(name, f"at most {goal:.0%}", value, (None if high > goal else True) if is_within else False)


def within_steps(name: str, delays: Iterable[int | None], goal: int) -> Goal:
    """Return the goal that everything is told within `goal` steps; a delay of None was never told."""
    known = list(delays)
    told = [delay for delay in known if delay is not None]
    late = sum(delay > goal for delay in told)
    value = f"{len(told)} of {len(known)} told, {late} later, {max(told, default=0)} steps at most"
    return Goal(name, f"within {goal} steps", value, len(told) == len(known) and not late)


def table(goals: Iterable[Goal]) -> list[str]:
    """Return the goals as a Markdown table."""
    words = {True: "reached", False: "**not reached**", None: "within it, but too few runs to show it"}
    rows = [f"| {goal.name} | {goal.wanted} | {goal.value} | {words[goal.is_reached]} |" for goal in goals]
    return ["| goal | wanted | measured | |", "|---|---|---|---|", *rows]
