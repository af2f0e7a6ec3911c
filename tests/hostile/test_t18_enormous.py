"""Recipes that would cost a disk or a month: refused before anything is started, with the numbers, and soon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.plan.enormous import MOST_EPOCHS, MOST_FILES, MOST_SAMPLES, MOST_STEPS
from tests.hostile.trying import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

HUGE = 10**9
RECIPES: dict[str, tuple[dict[str, Any], str]] = {
    "epochs": ({"train": {"max_train_epochs": HUGE}}, "3,000,000,000 steps in 1,000,000,000 epochs"),
    "steps": ({"train": {"target_steps": HUGE}}, "999,999,924 steps"),
    "repeats": ({"concepts": [{"image_dir": "images", "num_repeats": HUGE}]}, "3,000,000,000 steps in 1 epochs"),
    "epochs of repeats": (
        {"train": {"max_train_epochs": HUGE}, "concepts": [{"image_dir": "images", "num_repeats": HUGE}]},
        "3,000,000,000,000,000,000 steps",
    ),
    "a save every step": (
        {"train": {"target_steps": 50_000}, "trainer_args": {"save_every_n_steps": 1}},
        "network files",
    ),
    "a save every epoch": (
        {"train": {"max_train_epochs": 15_000}, "save": {"save_every_n_epochs": 1}, "sample": {"prompts": []}},
        "15,000 network files; at most 1,000",
    ),
    "a picture every step": (
        {"train": {"target_steps": 50_000}, "trainer_args": {"sample_every_n_steps": 1}},
        "sample pictures",
    ),
    "thousands of prompts": ({"sample": {"prompts": ["zxq"] * 4_200, "sample_every_n_epochs": 1}}, "sample pictures"),
    "processes": ({"train": {"num_processes": 10**6}}, "from 1 to 64"),
    "a picture of 10^9 pixels a side": ({"sample": {"prompts": [{"prompt": "zxq", "width": HUGE}]}}, "from 1 to 8192"),
    "rank": ({"network": {"network_dim": HUGE}}, "from 1 to 4096"),
    "batch": ({"train": {"train_batch_size": HUGE}}, "from 1 to 1024"),
}
RELIABILITY = {"T18": f"{len(RECIPES)} enormous recipes: refused with the numbers within a second"}


@pytest.mark.parametrize("name", RECIPES)
def test_refused_with_its_numbers(recipe: Write, name: str) -> None:
    changes, words = RECIPES[name]
    look(recipe())  # what is imported is not measured
    path = recipe(**changes)
    begin = time.process_time()
    build, problems = look(path)
    assert time.process_time() - begin < 1.5
    assert build is None
    (problem,) = problems
    assert words in problem.what.en
    assert problem.fix is not None
    assert problem.where is not None


def test_what_people_do_is_far_below(recipe: Write) -> None:
    build, problems = look(recipe(train={"target_steps": 100_000}))
    assert build is not None
    assert problems == ()
    assert (MOST_STEPS, MOST_EPOCHS, MOST_FILES, MOST_SAMPLES) == (1_000_000, 20_000, 1_000, 20_000)
