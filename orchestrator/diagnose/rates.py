"""The learning rates and step sizes of a case, from wherever they were logged."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.diagnose.facts import is_logging, series, telemetry
from orchestrator.diagnose.signals.schedule import (
    LrAccount,
    StepSizeAccount,
    account_lr,
    account_step_size,
    step_sizes,
)

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case


LR_TAGS = ("lr/unet", "lr/group0", "lr/textencoder", "lr/te1", "lr/group1")
"""The trainer's tags of a learning rate, the one that matters most first."""
DOUBLED = 2.0
"""Times its first value: a step size that grew less never grew."""
LOG_GAP = 0.02
"""Share of the run by which the log may end before the step that is asked for."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates and step sizes, per parameter group as far as logged."""

    lrs: tuple[LrAccount, ...]
    """The group that matters most (the U-Net, else the one with the greatest peak) first; never empty."""
    step_sizes: tuple[StepSizeAccount, ...]
    """Of Prodigy or D-Adaptation; empty for other optimizers, and where the trainer did not log it."""

    @property
    def main(self) -> LrAccount:
        """The group that matters most."""
        return self.lrs[0]


def read_rates(case: Case) -> Rates | None:
    """Return the accounts from telemetry, else from the trainer's own series; None where neither has a learning rate above 0."""
    seen = telemetry(case)
    if seen is not None and seen.steps.lrs:
        at = seen.steps
        logged = [(f"group {n}", at.steps, lr) for n, lr in enumerate(at.lrs)]
        sizes = [account_step_size(f"group {n}", d, at.lrs[n] if n < len(at.lrs) else ()) for n, d in enumerate(at.ds)]
        lrs = [account for account in (account_lr(*one) for one in logged) if account is not None]
        lrs.sort(key=lambda account: -account.peak)
    else:
        lrs, sizes = _logged_rates(case)
    return Rates(tuple(lrs), tuple(size for size in sizes if size is not None)) if lrs else None


def _logged_rates(case: Case) -> tuple[list[LrAccount], list[StepSizeAccount | None]]:
    """Return the accounts of the trainer's own tags, the U-Net's first; what it logs twice under two names is kept once."""
    tags = [tag for tag in (case.observations.series if case.observations is not None else ()) if tag.startswith("lr/")]
    tags.sort(key=lambda tag: ("unet" not in tag, "textencoder" in tag or "te" in tag.rpartition("/")[2], tag))
    found: dict[tuple[float, ...], LrAccount] = {}
    for tag in tags:
        one = series(case, tag)
        account = account_lr(tag, one.steps, one.values) if one is not None and "d*lr" not in tag else None
        if account is not None:
            found.setdefault((account.peak, account.mean, account.last), account)
    return list(found.values()), [_logged_step_size(case, tag) for tag in tags if "d*lr" in tag]


def _logged_step_size(case: Case, tag: str) -> StepSizeAccount | None:
    """Return the account of d from the logged d x lr; None where the learning rate itself was not logged beside it."""
    products, lr = series(case, tag), series(case, tag.replace("d*lr/", ""))
    if products is None or lr is None:
        return None
    rate_at = dict(zip(lr.steps, lr.values, strict=True))
    rates = [rate_at.get(step, math.nan) for step in products.steps]
    return account_step_size(tag, step_sizes(products.values, rates), rates)


def step_size_needed(case: Case) -> Text:
    """Return what would show the step size: only what is missing is asked for."""
    if is_logging(case):
        return Text("Steps with a learning rate above 0.", "学习率大于 0 的步。")
    return Text(
        "`telemetry: log` in the recipe; or the optimizer written as `Prodigy`, which the trainer logs.",
        "配方中的 `telemetry: log`；或把优化器写作 `Prodigy`，训练器才会记录。",
    )


def summed_lr_at(case: Case, step: float) -> float | None:
    """Return the sum of the main group's learning rates up to and with a step; None where they are not logged that far."""
    if "summed_lrs" not in case.cache:
        case.cache["summed_lrs"] = _summed_lrs(case)
    logged: tuple[list[int], list[float]] | None = case.cache["summed_lrs"]
    if logged is None:
        return None
    steps, sums = logged
    count = bisect_right(steps, step)
    is_covered = step <= steps[-1] + LOG_GAP * (steps[-1] - steps[0])
    return sums[count - 1] if count and is_covered else None


def _summed_lrs(case: Case) -> tuple[list[int], list[float]] | None:
    seen = telemetry(case)
    if seen is not None and len(seen.steps) and seen.steps.lrs:
        steps, lrs = seen.steps.steps, max(seen.steps.lrs, key=max)
    else:
        tags = [tag for tag in (case.observations.series if case.observations is not None else ()) if tag in LR_TAGS]
        found = series(case, min(tags, key=LR_TAGS.index)) if tags else None
        if found is None:
            return None
        steps, lrs = found.steps, found.values
    return list(steps), list(accumulate(lr if math.isfinite(lr) else 0.0 for lr in lrs))
