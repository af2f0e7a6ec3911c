"""The learning rates and step sizes of a case, from wherever they were logged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.diagnose.facts import series
from orchestrator.diagnose.signals.schedule import (
    LrAccount,
    StepSizeAccount,
    account_lr,
    account_step_size,
    step_sizes,
)

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case


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
    seen = case.observations.telemetry if case.observations is not None else None
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
