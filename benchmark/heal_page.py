"""What docs/benchmark.md says about healing: chains of runs that followed our own advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.faults import CONFIGS
from benchmark.goals import Goal
from benchmark.heal import (
    HEALS,
    LEAST_ALLOWED,
    MOST_ATTEMPTS,
    is_healed,
    is_ill,
    read_chains,
    recipe_faults,
    twins_of,
)
from benchmark.score_runs import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmark.heal import Chain, Twins

GOAL = 0.8
LEAST_CHAINS = 10
"""Fewer healed chains say nothing about a share of 80 %: nine of nine still allow 70 % (95 %, Wilson)."""


def heal_part(heals: Path = HEALS, runs: Path = RUNS) -> list[str]:
    """Return the lines of docs/benchmark.md about healing."""
    chains = read_chains(heals)
    lines = [
        "## Healing: the next recipe, followed blindly",
        "",
        f"A recipe with a planted fault is run, and then what the diagnosis makes of it, at most {MOST_ATTEMPTS} times. Healed: with the last file,",
        "pictures no run saw are at most two standard deviations between seeds worse than with the healthy runs (pooled over configurations, at least",
        f"{LEAST_ALLOWED} percentage points). The loss on them is given against the base model, from the planted run to the last. What was",
        "planted without harm does not count.",
        "",
    ]
    if not chains:
        return [*lines, "No chains are kept.", ""]
    for trainer, of in _by_trainer(chains).items():
        lines += _healed_of(trainer, of, twins_of(runs, trainer))
    return lines


def heal_goals(heals: Path = HEALS, runs: Path = RUNS) -> list[Goal]:
    """Return the goal of each trainer; of a handful of chains nothing can be shown."""
    found = []
    for trainer, chains in _by_trainer(read_chains(heals)).items():
        twins = twins_of(runs, trainer)
        known = [one for one in chains if one.config in twins and is_ill(one, twins[one.config])]
        healed = sum(is_healed(one, twins[one.config]) for one in known)
        is_reached = None if len(known) < LEAST_CHAINS else healed >= GOAL * len(known)
        found.append(
            Goal(
                f"planted recipe faults healed, {trainer}",
                f"at least {GOAL:.0%}",
                f"{healed} of {len(known)}",
                is_reached,
            )
        )
    return found


def _by_trainer(chains: Iterable[Chain]) -> dict[str, list[Chain]]:
    found: dict[str, list[Chain]] = {}
    for chain in chains:
        found.setdefault(chain.trainer, []).append(chain)
    return found


def _healed_of(trainer: str, chains: Sequence[Chain], twins: Mapping[str, Twins]) -> list[str]:
    listed = [chain for chain in chains if chain.config in twins]
    known = [chain for chain in listed if is_ill(chain, twins[chain.config])]
    healed = [chain for chain in known if is_healed(chain, twins[chain.config])]
    planned = [name for config in CONFIGS for name in recipe_faults(trainer, config)]
    return [
        f"{trainer}: healed **{len(healed)} of {len(known)}**. Followed: {len(listed)} of the {len(planned)} faults that can be planted, with one seed each.",
        "",
        "| configuration | planted | seed | fresh pictures | healthy | changes, run by run | healed |",
        "|---|---|---|---|---|---|---|",
        *(chain_row(chain, twins[chain.config]) for chain in listed),
        "",
    ]


def chain_row(chain: Chain, twins: Twins) -> str:
    """Return a chain as a row of the table."""
    course = " -> ".join("lost" if one.fresh is None else f"{one.fresh:+.1f} %" for one in chain.attempts)
    changed = "; ".join(_told(one.changes) for one in chain.attempts if one.changes) or "none"
    is_fine = not is_ill(chain, twins)
    said = (
        "was not ill"
        if is_fine
        else "yes"
        if is_healed(chain, twins)
        else "no" + (f": {chain.error}" if chain.error else "")
    )
    healthy = f"{twins.mean:+.1f} % (up to {twins.mean + twins.allowed:+.1f})"
    return f"| {chain.config} | {chain.fault} | {chain.seed} | {course} | {healthy} | {changed} | {said} |"


def _told(changes: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{one['key'].rpartition('.')[2]} {_short(one['before'])} -> {_short(one['value'])}" for one in changes
    )


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
