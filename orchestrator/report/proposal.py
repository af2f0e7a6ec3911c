"""What the next recipe changes and what it leaves to the user, each with the rule that asks for it; and the recipe made of that.

One function makes next.yaml, from a proposal and the recipe. A proposal comes from a verdict, or word for word from report.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Change
from orchestrator.core.text import Text
from orchestrator.diagnose.changes import choose_changes
from orchestrator.diagnose.state import primary_state
from orchestrator.recipe.overrides import key_path
from orchestrator.report.next_recipe import next_recipe, rebase
from orchestrator.report.numbers import plain_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Verdict

LATER = "later, one at a time: "
"""Begin of a line at the top of next.yaml that names a change which was not made."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One change and who asks for it."""

    change: Change
    rule: str
    """`R009 lr-too-high`."""
    why: Text
    """What the rule found."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What follows from a run."""

    run: str
    tool_version: str
    applied: tuple[Proposed, ...] = ()
    """Safe ones, and at most one that is worth a try (its `is_safe` is False)."""
    listed: tuple[Proposed, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedRecipe:
    """A recipe as it was run."""

    text: str
    folder: Path
    """Folder that its relative paths start at."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """What `--set` wrote, by dotted key; the next recipe keeps it."""


def proposal_of(run: str, tool_version: str, verdict: Verdict) -> Proposal:
    """Return what follows from a verdict."""
    chosen, cause = choose_changes(verdict), primary_state(verdict).because
    ordered = sorted(verdict.fired, key=lambda finding: finding is not cause)
    asking = [
        Proposed(change, f"{finding.rule} {finding.name}", finding.message)
        for finding in ordered
        for change in (finding.fix.changes if finding.fix is not None else ())
    ]
    return Proposal(run, tool_version, _asked_by(chosen.applied, asking), _asked_by(chosen.listed, asking))


def proposal_in(report: Mapping[str, Any]) -> Proposal:
    """Return what a report.json says that follows. Raises KeyError, TypeError or AttributeError where it is none of this version."""
    fired = [f for f in report["findings"] if f["status"] == "fired" and f["ignored_because"] is None]
    asking = [
        Proposed(_change(change), f"{finding['id']} {finding['name']}", Text(**finding["message"]))
        for finding in sorted(fired, key=lambda finding: finding["name"] != report["because"])
        for advice in finding["advice"]
        for change in advice["changes"]
    ]
    applied, listed = map(_change, report["next_changes"]), map(_change, report["next_listed"])
    return Proposal(report["name"], report["tool_version"], _asked_by(applied, asking), _asked_by(listed, asking))


def following_recipe(proposal: Proposal, recipe: AskedRecipe, folder: Path) -> str:
    """Return the next recipe as it has to read in `folder`: next.yaml of a run folder. Raises InputError when it is no recipe."""
    header = [
        f"written after run {proposal.run} by lora-run {proposal.tool_version}; relative paths start at this folder"
    ]
    if not proposal.applied:
        header.append("no change was found that is safe or worth a try: this is the recipe of that run")
    header += [f"{LATER}{told(one.change)} ({one.rule})" for one in proposal.listed]
    changed = {key_path(one.change.key) for one in proposal.applied}
    asked = [Change(key, value) for key, value in recipe.overrides.items() if key_path(key) not in changed]
    because = {one.change.key: one.rule if one.change.is_safe else f"try: {one.rule}" for one in proposal.applied}
    changes = [*asked, *(one.change for one in proposal.applied)]
    return next_recipe(rebase(recipe.text, recipe.folder, folder), changes, header, because)


def told(change: Change) -> str:
    """Return a change as a recipe writes it: `train.unet_lr: 5e-5`; a key that goes: `remove train.seed`."""
    return f"remove {change.key}" if change.value is None else f"{change.key}: {plain_value(change.value)}"


def _asked_by(changes: Iterable[Change], asking: Sequence[Proposed]) -> tuple[Proposed, ...]:
    return tuple(next(one for one in asking if one.change == change) for change in changes)


def _change(body: Mapping[str, Any]) -> Change:
    return Change(body["key"], body["value"], body["before"], body["is_safe"])
