"""The dataset TOML: the training folders as one data set, the held-out pictures as a second one.

A data set of its own with `validation_split = 1.0` is the trainer's only clean hold-out: its training half is empty
(`ceil(n * (1 - 1.0))` pictures, the trainer says `ignore subset ... no images found`) and all its pictures validate.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from orchestrator.backends.dataset_schema import DATASET_KEYS, dataset_value_problem, to_dataset_value
from orchestrator.backends.train_toml import location_of
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.backends.dataset_schema import Level
    from orchestrator.core.finding import Location
    from orchestrator.plan.model import Plan, Subset

COMMENT = "What the trainer reads the pictures by. Made from recipe.yaml; changes here are lost."
_STILL: Mapping[str, Any] = {
    "shuffle_caption": False,
    "flip_aug": False,
    "color_aug": False,
    "random_crop": False,
    "caption_dropout_rate": 0.0,
    "caption_tag_dropout_rate": 0.0,
    "caption_dropout_every_n_epochs": 0,
    "token_warmup_step": 0,
}
"""Everything random, off: held-out pictures are measured the same way every time."""


def dataset_table(plan: Plan) -> dict[str, Any]:
    """Return the content of the dataset TOML."""
    general = {n: to_dataset_value(n, r.value) for n, r in sorted(plan.dataset_general.items()) if r.value is not None}
    datasets: list[dict[str, Any]] = [{"subsets": [_subset_table(s) for s in plan.subsets]}]
    if plan.validation is not None:
        held_out = _subset_table(plan.validation)
        held_out.update(num_repeats=1)
        for name, off in _STILL.items():
            if _is_on(plan, plan.validation, name):
                held_out[name] = off
        datasets.append({"validation_split": 1.0, "validation_seed": plan.validation_seed, "subsets": [held_out]})
    return {"general": general, "datasets": datasets}


def _subset_table(subset: Subset) -> dict[str, Any]:
    table = {
        "image_dir": subset.image_dir,
        "num_repeats": subset.num_repeats,
        "class_tokens": subset.class_tokens,
        "caption_extension": subset.caption_extension,
    }
    if subset.is_reg:
        table["is_reg"] = True
    table.update((n, to_dataset_value(n, v)) for n, v in sorted(subset.options.items()) if v is not None)
    return table


def _is_on(plan: Plan, subset: Subset, name: str) -> bool:
    """Whether the trainer would apply `name` to this subset: its own value, [general]'s, then the train TOML's."""
    if subset.options.get(name) is not None:
        return bool(subset.options[name])
    for place in (plan.dataset_general, plan.train):
        if name in place and place[name].value is not None:
            return bool(place[name].value)
    return False


def dataset_problems(plan: Plan) -> tuple[Problem, ...]:
    """Return what the trainer's strict dataset reader would refuse."""
    found: list[Problem] = []
    for name, value, level, where in _entries(plan):
        wrong = dataset_value_problem(name, value, level)
        if wrong is not None:
            near = difflib.get_close_matches(name, list(DATASET_KEYS), n=1) if name not in DATASET_KEYS else []
            fix = Text(f"write `{near[0]}`", f"请写 `{near[0]}`") if near else None
            what = Text(f"`{name}` {wrong.en}", f"`{name}` {wrong.zh}")
            why = Text("the trainer stops with `Invalid user config`", "训练器会以 `Invalid user config` 停止")
            found.append(Problem("wrong-dataset-value", what, why, fix, where))
    return tuple(found)


def _entries(plan: Plan) -> Iterator[tuple[str, Any, Level, Location | None]]:
    for name, decided in plan.dataset_general.items():
        if decided.value is not None:
            yield name, to_dataset_value(name, decided.value), "general", decided.where
    for subset in (*plan.subsets, *((plan.validation,) if plan.validation else ())):
        for name, value in _subset_table(subset).items():
            yield name, value, "subset", subset.where or location_of(plan, name)
