"""The LoRA has more rank than it uses.

## What it looks for

A finished file of a run that learned, whose updates need only a small part of `network.network_dim`.

## Why it matters

The file is larger, and the run slower and hungrier for memory, than this subject asks for. It is no fault.

## How we tell

The effective rank of each module (exponent of the entropy of its squared singular values) is below 0.3 of its rank in 80 % of the modules of a part, and
the probe is better than the base model by three jitters. In a run that learned nothing, an unused rank says nothing.

## What to change

`network.network_dim` halved, and `network.network_alpha` with it, so that their ratio stays.

## When it is wrong

Small singular values hold fine detail that this number hardly counts. Halve, compare, and go back if something is missing.

## Sources

Practitioners' courses give ranks by subject (8 to 128) and no measure. Recorded runs of sd-scripts on simple subjects: median 0.47 of 4, 0.30 of 8, 0.19
of 16: what is used grows slower than what is offered. arXiv 2410.21228 for the spectra. The simulator makes no spectra; 0.3 is a convention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import course, unprobed
from orchestrator.diagnose.facts import NO_RUN, number, significant, where
from orchestrator.diagnose.measured import weight_growth
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import GroupWeights

MOST = 0.3
"""Share of the rank; see Sources."""
MODULES = 8
"""Place of the eighth decile among minimum, nine deciles, maximum: 80 % of the modules."""
LEAST_RANK = 8
"""Below this there is nothing to save."""

SAYS = Says("R074", "rank-unused")


def check(case: Case) -> Iterator[Finding]:
    """Look at the spectra of the newest file."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = weight_growth(case)
    parts = _parts(seen.newest.groups if seen is not None else {})
    if seen is None or not parts:
        yield SAYS.inconclusive(
            Text("The spectra of the network file are not known.", "网络文件的谱未知。"),
            Text("A saved file of a plain LoRA in safetensors format.", "普通 LoRA 的 safetensors 文件。"),
        )
        return
    progress = course(case)
    if progress is None:
        yield SAYS.inconclusive(*unprobed(case))
        return
    if not progress.decisive.has_learned:
        yield SAYS.not_applicable(
            Text("The run did not learn; its spectra say nothing.", "该次训练没有学到东西，谱不能说明问题。")
        )
        return
    yield _judge(case, parts, seen.newest.path)


def _parts(groups: object) -> dict[str, GroupWeights]:
    items = groups.items() if hasattr(groups, "items") else ()
    return {name: part for name, part in items if part.rank >= LEAST_RANK and len(part.rank_shares) > MODULES}


def _judge(case: Case, parts: dict[str, GroupWeights], path: str) -> Finding:
    facts = [
        Evidence(
            Text(f"effective rank / rank, 80 % of the modules below ({name})", f"有效秩/秩，80 % 的模块低于（{name}）"),
            significant(part.rank_shares[MODULES]),
            MOST,
            path,
        )
        for name, part in parts.items()
    ]
    if not all(part.rank_shares[MODULES] < MOST for part in parts.values()):
        return SAYS.clear(Text("The rank is in use.", "秩得到了利用。"), facts)
    rank, alpha = number(case, "network_dim"), number(case, "network_alpha")
    half = int(rank) // 2 if rank else None
    changes = [Change("network.network_dim", half, int(rank))] if rank and half else []
    if changes and alpha:
        changes.append(Change("network.network_alpha", alpha / 2, alpha))
    used = max(part.rank_shares[MODULES] for part in parts.values())
    return SAYS.fired(
        Severity.INFO,
        Confidence.MEDIUM,
        Text(
            f"Four fifths of the modules use less than {used:.0%} of their rank: a smaller file would do.",
            f"五分之四的模块只用了不到 {used:.0%} 的秩：更小的文件就够了。",
        ),
        evidence=facts,
        fix=Fix(
            Text(
                "Halve `network.network_dim` and `network.network_alpha`, if size matters.",
                "若在意文件大小，可将 `network.network_dim` 与 `network.network_alpha` 减半。",
            ),
            tuple(changes),
        ),
        where=where(case, "network_dim"),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
