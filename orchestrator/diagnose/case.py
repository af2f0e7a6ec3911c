"""A case of a run of ours, from what each stage has made so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.diagnose.rule import Case
from orchestrator.plan.explain import plan_settings

if TYPE_CHECKING:
    from orchestrator.core.observation import Observations
    from orchestrator.dataset.model import Dataset
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe
    from orchestrator.run.records.model import Outcome


def make_case(
    loaded: LoadedRecipe,
    dataset: Dataset | None,
    plan: Plan | None,
    seen: Observations | None = None,
    outcome: Outcome | None = None,
) -> Case:
    """Return what is known about a run of ours, before, while or after it runs."""
    settings = plan_settings(plan) if plan else {}
    return Case(loaded.recipe, dataset, plan, seen, outcome, settings, loaded.recipe.base_model.family)
