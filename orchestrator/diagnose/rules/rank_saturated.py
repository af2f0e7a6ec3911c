"""The LoRA uses all of its rank and was still getting better.

## What it looks for

A file whose updates fill their rank evenly, from a run that had not come to rest.

## Why it matters

Then, and only then, the rank may be what keeps more from being learned.

## How we tell

The median effective rank (exponent of the entropy of the squared singular values) is above 0.9 of the rank, and the last third of the probe's curve on
the training pictures still fell by more than twice its error. A run that ended before its plan did was getting better for that reason.

## What to change

`network.network_dim` times 2, with `network.network_alpha` times the square root of 2; or first more steps.

## When it is wrong

An update of pure noise fills its rank as well: the effective rank is high at the very beginning of any run. Confidence is low.

## Sources

Practitioners' courses tell people to raise the rank where details are missing; in every recorded run here less than two thirds of the rank was in use, so
that is seldom the reason. No run has shown this one yet; the simulator makes no spectra.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.course import PROBE, course, ending, unprobed
from orchestrator.diagnose.facts import NO_RUN, number, significant, to_the_end, unreached_steps, where
from orchestrator.diagnose.measured import weight_growth
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST = 0.9
"""Share of the rank."""
ERRORS = 2.0

SAYS = Says("R075", "rank-saturated")


def check(case: Case) -> Iterator[Finding]:
    """Look at the spectra of the newest file, and at the end of the run."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    seen = weight_growth(case)
    parts = seen.newest.groups if seen is not None else {}
    part = parts.get("unet") or next(iter(parts.values()), None)
    if seen is None or part is None or not part.rank or not math.isfinite(part.effective_rank):
        yield SAYS.inconclusive(
            Text("The spectra of the network file are not known.", "网络文件的谱未知。"),
            Text("A saved file of a plain LoRA in safetensors format.", "普通 LoRA 的 safetensors 文件。"),
        )
        return
    share = part.effective_rank / part.rank
    facts = [Evidence(Text("effective rank / rank", "有效秩/秩"), significant(share), LEAST, seen.newest.path)]
    if share <= LEAST:
        yield SAYS.clear(Text("The rank is not the limit.", "秩不是瓶颈。"), facts)
        return
    progress = course(case)
    curve = None if progress is None else progress.train or progress.held_out
    end = ending(case, curve) if curve is not None else None
    if curve is None or end is None:
        yield SAYS.inconclusive(*unprobed(case), facts)
        return
    limit = significant(ERRORS * end.error)
    facts.append(
        Evidence(Text("still gained in the last third", "末三分之一的收益"), significant(end.third), limit, PROBE, "%")
    )
    if not end.third > ERRORS * end.error or not curve.last < 0:
        yield SAYS.clear(Text("The run had come to rest; the rank was enough.", "训练已趋于平稳；秩够用。"), facts)
        return
    planned = unreached_steps(case, curve.steps[-1])
    if planned is not None:
        yield SAYS.inconclusive(
            Text("It was still getting better when it ended early.", "训练提前结束时仍在变好。"),
            to_the_end(curve.steps[-1], planned),
            facts,
        )
        return
    yield _fired(case, share, facts)


def _fired(case: Case, share: float, facts: list[Evidence]) -> Finding:
    rank, alpha = number(case, "network_dim"), number(case, "network_alpha")
    changes = [Change("network.network_dim", int(rank) * 2, int(rank))] if rank else []
    if rank and alpha:
        changes.append(Change("network.network_alpha", significant(alpha * math.sqrt(2), 3), alpha))
    return SAYS.fired(
        Severity.INFO,
        Confidence.LOW,
        Text(
            f"{share:.0%} of the rank is in use and the run was still getting better: the rank may be the limit.",
            f"秩已用到 {share:.0%}，且训练仍在变好：秩可能是瓶颈。",
        ),
        evidence=facts,
        fix=Fix(
            Text("First more steps; then twice the rank.", "先增加步数；再考虑秩加倍。"),
            tuple(changes),
        ),
        where=where(case, "network_dim"),
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
