"""What made-up recipes once broke: each is refused with words now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EXIT_REFUSED
from tests.hostile.recipes.case import GOOD
from tests.hostile.recipes.corpus import check
from tests.hostile.recipes.world import make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKEN = {
    "a model's name too long for any file": ("base.safetensors", "a" * 300),
    "a batch size under trainer_args that is text": (
        "telemetry: probe\n",
        "trainer_args: {gradient_accumulation_steps: 0x1Fg}\n",
    ),
    "more steps than atoms, for which intervals of saving were tried one by one": ("steps: 600", f"steps: {2**63 - 1}"),
    "an interval of saving under trainer_args that is text": (
        "telemetry: probe\n",
        "trainer_args: {save_every_n_epochs: x, save_n_epoch_ratio: y}\n",
    ),
    "as many epochs": ("target_steps: 600", f"max_train_epochs: {2**63 - 1}"),
    "pictures seen more often than a float can count": (
        "steps: 600",
        f"steps: {2**63 - 1}\n  exposures_per_image: [1e300, 1e301]",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    root = tmp_path_factory.mktemp("found")
    make_world(root)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        yield


@pytest.mark.parametrize("name", BROKEN)
def test_what_once_broke_is_refused(name: str) -> None:
    old, new = BROKEN[name]
    recipe = Path("recipe.yaml")
    recipe.write_text(GOOD.replace(old, new), encoding="utf-8")
    told = check(recipe)
    assert told.code == EXIT_REFUSED
    assert all(problem.where is not None for problem in told.problems)


@pytest.mark.parametrize(
    "change",
    [
        "²",
        "concepts.².num_repeats=3",
        "concepts[³]=1",
        "concepts.0=null",
        "sample.prompts[1]=null",
        f"concepts.{'9' * 5000}.num_repeats=3",
    ],
)
def test_a_change_that_once_broke_is_refused(change: str) -> None:
    recipe = Path("recipe.yaml")
    recipe.write_text(GOOD, encoding="utf-8")
    assert check(recipe, (change,)).code == EXIT_REFUSED
