"""File names and what is removed again."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch", reason="the pocket extra is not installed")

import torch

from orchestrator.backends.pocket.trainer.saving import Saver

if TYPE_CHECKING:
    from pathlib import Path


class States:
    """Stands for the accelerator: only told where a state goes."""

    def save_state(self, folder: str) -> None:
        """A state folder exists already when it is filled."""


def saver(folder: Path, **given: Any) -> Saver:
    names = ("save_every_n_steps save_every_n_epochs save_last_n_steps save_last_n_epochs save_last_n_steps_state "
             "save_last_n_epochs_state save_precision min_timestep max_timestep metadata_title metadata_author "
             "metadata_description metadata_license metadata_tags metadata_trigger_phrase metadata_usage_hint")  # fmt: skip
    values: dict[str, Any] = dict.fromkeys(names.split())
    values |= {"save_state": False, "save_state_on_train_end": False, "no_metadata": False, "output_name": "n"}
    network: Any = torch.nn.Linear(2, 2)
    accelerator: Any = States()
    args = Namespace(**{**values, "output_dir": str(folder), **given})
    return Saver(args, accelerator, network, (64, 64))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_ten_steps_with_the_last_thirty_kept(tmp_path: Path) -> None:
    one = saver(tmp_path, save_every_n_steps=10, save_last_n_steps=30)
    for step in range(1, 51):
        one.after_step(step, 0)
    assert names(tmp_path) == [f"n-step{step:08d}.safetensors" for step in (20, 30, 40, 50)]


def test_the_last_epoch_gets_no_number(tmp_path: Path) -> None:
    one = saver(tmp_path, save_every_n_epochs=2, save_last_n_epochs=1)
    for epoch in range(1, 7):
        one.after_epoch(epoch, 6, epoch * 3)
    one.at_end(18, 6)
    assert names(tmp_path) == ["n-000004.safetensors", "n.safetensors"]


def test_without_a_name_sd_scripts_words_are_used(tmp_path: Path) -> None:
    one = saver(tmp_path, save_every_n_epochs=1, save_every_n_steps=5, output_name=None)
    one.after_step(5, 0)
    one.after_epoch(1, 2, 5)
    one.at_end(10, 2)
    assert names(tmp_path) == ["at-step00000005.safetensors", "epoch-000001.safetensors", "last.safetensors"]


def test_states_follow_their_own_retention(tmp_path: Path) -> None:
    one = saver(tmp_path, save_every_n_epochs=1, save_state=True, save_last_n_epochs_state=1)
    for epoch in range(1, 4):
        one.after_epoch(epoch, 4, epoch)
    assert names(tmp_path) == [
        "n-000001.safetensors", "n-000002.safetensors", "n-000003-state", "n-000003.safetensors",
    ]  # fmt: skip
