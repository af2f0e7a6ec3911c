"""Which rules fired on recorded runs: a rule about runs may be called stable only after that."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.diagnose.rules import all_rules

if TYPE_CHECKING:
    from collections.abc import Iterable


def fired_part(planted: Iterable[Iterable[str]], stock: Iterable[Iterable[str]]) -> list[str]:
    """Return the table. Both: names of the rules that fired, run by run."""
    of_planted, of_stock = (Counter(name for run in runs for name in set(run)) for runs in (planted, stock))
    rules = [rule for rule in all_rules() if rule.phase == "after"]
    never = [rule.name for rule in rules if not of_planted[rule.name] and not of_stock[rule.name]]
    return [
        "## Rules about runs, on recorded runs",
        "",
        "Runs in which each fired, rightly or not. A rule is `stable` only after that; what fired in none has been tried on made-up runs only.",
        "",
        "| rule | maturity | planted runs | stock logs |",
        "|---|---|---|---|",
        *(
            f"| `{rule.name}` | {rule.maturity} | {of_planted[rule.name]} | {of_stock[rule.name]} |"
            for rule in rules
            if rule.name not in never
        ),
        "",
        f"In none: {', '.join(f'`{name}`' for name in never)}.",
        "",
    ]
