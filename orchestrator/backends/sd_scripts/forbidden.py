"""Values of the trainer's options that a recipe may not choose. Options that it may not set at all: `plan/owned.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.backends.train_toml import location_of
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.plan.owned import FORBIDDEN, UPLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.plan.model import Plan


def forbidden_problems(plan: Plan, values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the values of the plan that would send logs of the run to another machine."""
    if values.get("log_with") not in ("wandb", "all"):
        return ()
    what = Text("`log_with` may only be tensorboard", "`log_with` 只能是 tensorboard")
    fix = Text("leave out `log_with`", "请去掉 `log_with`")
    return (Problem(FORBIDDEN, what, UPLOADS, fix, location_of(plan, "log_with")),)
