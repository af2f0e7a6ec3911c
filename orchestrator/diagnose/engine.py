"""Runs the rules over a case and puts what they say in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from orchestrator.core.finding import Confidence, Finding, Severity, Status, Verdict
from orchestrator.core.text import Text
from orchestrator.diagnose.rule import Says
from orchestrator.diagnose.rules import all_rules, rules_before

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from orchestrator.core.finding import Location, Problem
    from orchestrator.diagnose.rule import Case, Rule

UNREAD_FOLDER = "unread-folder"
"""Told where folders could not be looked into, whatever the reason: that they show no pictures says nothing."""
TOLD_BY: Mapping[str, tuple[str, ...]] = {
    "no-pictures": ("no-pictures",),
    UNREAD_FOLDER: ("no-pictures",),
    "broken-picture": ("unreadable-image",),
    "broken-caption": ("unreadable-caption", "caption-not-utf8", "empty-caption"),
}
"""Problem code -> rules that say the same of the same files. What was refused in the planner's words is not told again."""

_STATUS_ORDER = (Status.FIRED, Status.INCONCLUSIVE, Status.CLEAR, Status.NOT_APPLICABLE)
_CONFIDENCE_ORDER = (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)


def judge(
    case: Case,
    phase: Literal["before", "after"],
    *,
    further: Iterable[Finding] = (),
    told: Collection[str] = (),
    rules: Sequence[Rule] | None = None,
    reraise: bool = False,
) -> Verdict:
    """Return what the rules of `phase` say about `case`, worst first.

    `further` are findings made elsewhere (a backend's warnings); they are ignored, hidden and sorted like the others.
    `told` are codes of problems that are told already: a rule that would fire for the same cause is left out.
    A rule that raises becomes a finding that says so; `reraise=True` lets the exception through (tests do that).
    `rules`: other ones than the registered.
    """
    if rules is None:
        rules = rules_before() if phase == "before" else all_rules()
    findings = list(further)
    for rule in rules:
        if rule.phase not in {phase, "both"}:
            continue
        if phase == "before" and rule.needs_plan and case.plan is None:
            findings.append(_undecided(rule))
            continue
        try:
            findings.extend(rule.check(case))
        except Exception as error:  # a broken rule must not cost the user the other forty
            if reraise:
                raise
            findings.append(_rule_failed(rule, error))
    findings = [_with_ignore(finding, case) for finding in findings]
    findings = _without_told(_without_consequences(findings, rules), told)
    return Verdict(tuple(sorted(findings, key=_order)))


def check_ignores(named: Mapping[str, str], where: Callable[[str], Location | None]) -> tuple[Problem, ...]:
    """Return a problem for each of `named`, key -> rule, that is none. `where` gives the place of a key such as `ignore[0].rule`."""
    if not named:
        return ()
    from orchestrator.diagnose.pages import all_pages, unknown_rule

    known = {label for rule in all_pages() for label in (rule.id, rule.name)}
    return tuple(replace(unknown_rule(rule), where=where(key)) for key, rule in named.items() if rule not in known)


def _rule_failed(rule: Rule, error: Exception) -> Finding:
    detail = f"{type(error).__name__}: {error}"
    return Finding(
        rule.id,
        "rule-failed",
        Status.INCONCLUSIVE,
        Severity.INFO,
        Confidence.HIGH,
        Text(f"Rule `{rule.name}` could not be run ({detail}).", f"规则 `{rule.name}` 未能运行（{detail}）。"),
        needs=Text(
            "This is a fault of the tool, not of your run. The other rules were run.",
            "这是本工具的错误，与你的训练无关；其余规则照常运行。",
        ),
    )


def _undecided(rule: Rule) -> Finding:
    return Says(rule.id, rule.name).not_applicable(
        Text("Without a plan the settings are not decided yet.", "没有计划，设置尚未确定。")
    )


def _with_ignore(finding: Finding, case: Case) -> Finding:
    if case.recipe is None:
        return finding
    for entry in case.recipe.ignore:
        if entry.rule in {finding.rule, finding.name}:
            return replace(finding, ignored_because=entry.because)
    return finding


def _without_consequences(findings: Sequence[Finding], rules: Sequence[Rule]) -> list[Finding]:
    hides = {rule.name: rule.suppresses for rule in rules if rule.suppresses}
    causes = [finding for finding in findings if finding.is_fired and finding.name in hides]
    return [f for f in findings if not any(f.name in hides[c.name] and _may_hide(c, f) for c in causes)]


def _may_hide(cause: Finding, effect: Finding) -> bool:
    """What became of a run is hidden only by what says so itself or stops everything: a mild cause explains no ruin."""
    return effect.state is None or cause.state is not None or cause.severity is Severity.STOP


def _without_told(findings: Sequence[Finding], told: Collection[str]) -> list[Finding]:
    """Leave out what says a problem again: a problem stops the run, so a milder finding of the same rule is about other files."""
    names = {name for code in told for name in TOLD_BY.get(code, ())}
    return [f for f in findings if not (f.name in names and f.is_fired and f.severity is Severity.STOP)]


def _order(finding: Finding) -> tuple[int, bool, int, int, str]:
    return (
        _STATUS_ORDER.index(finding.status),
        finding.ignored_because is not None,
        finding.severity.rank,
        _CONFIDENCE_ORDER.index(finding.confidence),
        finding.rule,
    )
