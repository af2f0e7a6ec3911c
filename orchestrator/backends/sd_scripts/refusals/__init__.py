"""What sd-scripts would abort on, minutes into a run: found in the plan, before anything is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.sd_scripts.refusals import (
    captions,
    loss,
    model_files,
    network,
    optimizer,
    pictures,
    precision,
    run_length,
    scheduler,
)

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.refusals.model import Refusal
    from orchestrator.backends.sd_scripts.settings import Settings
    from orchestrator.core.finding import Problem

REFUSALS: tuple[Refusal, ...] = (
    *model_files.REFUSALS,
    *network.REFUSALS,
    *optimizer.REFUSALS,
    *scheduler.REFUSALS,
    *precision.REFUSALS,
    *loss.REFUSALS,
    *pictures.REFUSALS,
    *captions.REFUSALS,
    *run_length.REFUSALS,
)


def refuse(settings: Settings) -> tuple[Problem, ...]:
    """Return every condition under which the trainer would abort, in the order of the list above."""
    found = (refusal.problem(settings) for refusal in REFUSALS)
    return tuple(problem for problem in found if problem is not None)
