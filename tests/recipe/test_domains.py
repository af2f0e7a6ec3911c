"""Numbers that mean nothing: below 0, above 1 where it is a share, beyond what any model or machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.recipe.load import load_recipe
from orchestrator.recipe.model import MOST_BATCH, MOST_RANK, MOST_SIDE

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """\
recipe_version: 1
name: alice
subject: {kind: character}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
concepts: [{image_dir: set}]
"""


def _load(tmp_path: Path, setting: str) -> None:
    path = tmp_path / "alice.yaml"
    path.write_text(RECIPE)
    load_recipe(path, [setting])


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("network.network_dim=100000", "from 1 to 4096"),
        ("network.network_alpha=-1", "above 0"),
        ("network.network_dropout=1", "from 0 to below 1"),
        ("network.network_dropout=5", "from 0 to below 1"),
        ("train.train_batch_size=5000", "from 1 to 1024"),
        ("train.max_train_epochs=0", "at least 1"),
        ("dataset.resolution=100000", "from 1 to 8192"),
        ("dataset.resolution=[512, 100000]", "from 1 to 8192"),
        ("dataset.max_bucket_reso=100000", "from 1 to 8192"),
        ("train.min_snr_gamma=-3", "above 0"),
        ("train.max_grad_norm=-1", "at least 0"),
        ("train.unet_lr=-1e-4", "at least 0"),
        ("train.text_encoder_lr=-1e-4", "at least 0"),
        ("train.learning_rate=-1e-4", "at least 0"),
        ("train.noise_offset=50", "from 0 to 1"),
        ("dataset.caption_dropout_rate=5", "from 0 to 1"),
    ],
)
def test_what_means_nothing_is_refused_with_what_does(tmp_path: Path, setting: str, wanted: str) -> None:
    with pytest.raises(InputError) as refused:
        _load(tmp_path, setting)
    (problem,) = refused.value.problems
    assert wanted in problem.what.en
    assert problem.what.zh != problem.what.en
    assert problem.fix is not None
    assert problem.where is not None


@pytest.mark.parametrize(
    "setting",
    [
        f"network.network_dim={MOST_RANK}",
        f"train.train_batch_size={MOST_BATCH}",
        f"dataset.resolution={MOST_SIDE}",
        "network.network_alpha=1e6",
        "network.network_dropout=0.99",
        "train.unet_lr=1e17",
        "train.unet_lr=1",
        "train.max_grad_norm=0",
        "train.noise_offset=1",
        "concepts[0].num_repeats=1000000",
    ],
)
def test_what_is_only_unwise_is_left_to_the_rules(tmp_path: Path, setting: str) -> None:
    _load(tmp_path, setting)
