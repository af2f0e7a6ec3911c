"""The files a run leaves: counted by playing the trainer's own saving, and as many as were asked for wherever that can be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from orchestrator.plan.checkpoints import can_leave, count_files, every_for, files_of
from tests.diagnose.cases import step_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from orchestrator.plan.model import Plan

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]


def played(options: Mapping[str, int], epochs: int, steps_per_epoch: int) -> int:
    """Save and take away files line by line as sd-scripts' train_network.py does; return how many are left."""
    files: set[tuple[str, int]] = set()
    every, each = options.get("save_every_n_epochs"), options.get("save_every_n_steps")
    if options.get("save_n_epoch_ratio"):
        every = math.floor(epochs / options["save_n_epoch_ratio"]) or 1
    step = 0
    for epoch in range(1, epochs + 1):
        for _ in range(steps_per_epoch):
            step += 1
            if each is not None and step % each == 0:
                files.add(("step", step))
                if "save_last_n_steps" in options:
                    old = step - options["save_last_n_steps"] - 1
                    files.discard(("step", old - old % each))
        if every is not None and epoch % every == 0 and epoch < epochs:
            files.add(("epoch", epoch))
            if "save_last_n_epochs" in options:
                files.discard(("epoch", epoch - every * options["save_last_n_epochs"]))
    return len(files) + 1


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 10, 24])
@pytest.mark.parametrize("steps_per_epoch", [1, 10, 13])
def test_files_are_counted_as_the_trainer_leaves_them(epochs: int, steps_per_epoch: int) -> None:
    steps = step_plan(epochs * steps_per_epoch, epochs)
    settings: list[dict[str, int]] = [{}]
    settings += [{"save_every_n_epochs": n} for n in (1, 2, 3, 10)]
    settings += [{"save_every_n_epochs": n, "save_last_n_epochs": last} for n in (1, 3) for last in (1, 2, 5)]
    settings += [{"save_every_n_steps": n} for n in (1, 5, 10, 13, 100)]
    settings += [{"save_every_n_steps": n, "save_last_n_steps": last} for n in (1, 5, 10) for last in (1, 5, 25, 300)]
    settings += [
        {"save_every_n_epochs": 2, "save_n_epoch_ratio": ratio, "save_every_n_steps": 10} for ratio in (1, 3, 50)
    ]
    for options in settings:
        assert count_files(options.get, steps) == played(options, epochs, steps_per_epoch), options


def test_the_wanted_number_comes_out_wherever_an_interval_leaves_it() -> None:
    for epochs in range(1, 61):
        possible = {files_of(epochs, every) for every in range(1, epochs + 1)}
        for wanted in range(1, 41):
            left = played({"save_every_n_epochs": every_for(epochs, wanted)}, epochs, 1)
            assert abs(left - wanted) == min(abs(count - wanted) for count in possible), (epochs, wanted)
            assert can_leave(epochs, wanted) == (wanted in possible) == (left == wanted)


@pytest.mark.parametrize("epochs", [*range(1, 13), 20, 37])
def test_as_many_files_as_asked_for_or_the_plan_says_how_many(plan_of: PlanOf, pictures: Pictures, epochs: int) -> None:
    pictures("set", 8)
    for wanted in (1, 2, 3, 5, 6, 9):
        plan = plan_of(f"save: {{checkpoints: {wanted}}}\ntrain: {{max_train_epochs: {epochs}, target_steps: 400}}\n")
        left = played({"save_every_n_epochs": plan.train["save_every_n_epochs"].value}, epochs, 1)
        told = [n for n in plan.notes if "`save.checkpoints` asks" in n.en]
        assert bool(told) == (left != wanted), (epochs, wanted, left)
        if told:
            files = "file" if left == 1 else "files"
            assert f"asks for {wanted}, the run leaves {left} {files}: " in told[0].en
            assert f"要求 {wanted} 个，本次训练会留下 {left} 个文件" in told[0].zh
            said = int(told[0].en.split("max_train_epochs: ")[1].split("`")[0])
            assert can_leave(said, wanted)


def test_where_the_epochs_are_free_they_make_room(plan_of: PlanOf, pictures: Pictures) -> None:
    for count in (8, 12, 13):  # 8, 20, 33 pictures
        pictures("set", count)
        for wanted in (2, 6, 7, 9, 11):
            plan = plan_of(f"save: {{checkpoints: {wanted}}}\n")
            assert files_of(plan.steps.epochs, plan.train["save_every_n_epochs"].value) == wanted
            assert abs(plan.steps.total_steps - 1500) <= 45


@pytest.mark.parametrize(
    ("more", "left"), [("save_every_n_steps: 100", 2 + 4), ("save_last_n_epochs: 1", 2), ("save_n_epoch_ratio: 1", 1)]
)
def test_options_of_the_trainer_that_decide_too_are_told(
    plan_of: PlanOf, pictures: Pictures, more: str, left: int
) -> None:
    pictures("set", 8)
    wanted = 2 if "steps" in more else 5
    plan = plan_of(
        f"save: {{checkpoints: {wanted}}}\ntrain: {{max_train_epochs: 10, target_steps: 400}}\ntrainer_args: {{{more}}}\n"
    )
    assert plan.steps.total_steps == 400
    (told,) = [n for n in plan.notes if "`save.checkpoints` asks" in n.en]
    assert f"asks for {wanted}, the run leaves {left} file" in told.en
    assert f"`{more.partition(':')[0]}` under `trainer_args` decides too" in told.en


def test_a_number_in_the_recipe_that_is_extended_counts(plan_of: PlanOf, pictures: Pictures, tmp_path: Path) -> None:
    pictures("set", 20)
    (tmp_path / "base.yaml").write_text("recipe_version: 1\nextends: sdxl-character\nsave: {checkpoints: 4}\n")
    text = (
        "recipe_version: 1\nextends: ./base.yaml\nname: a\nsubject: {trigger: b0b}\n"
        "base_model: {pretrained_model_name_or_path: b.safetensors}\nconcepts: [{image_dir: set}]\ntrain: {max_train_epochs: 10}\n"
    )
    plan = plan_of(text)
    assert "10 epochs / 3 = 4 files, wanted 4" in plan.train["save_every_n_epochs"].because.en
    assert [n for n in plan_of(text + "save: {checkpoints: 9}\n").notes if "`save.checkpoints` asks" in n.en]


def test_a_final_file_without_pictures_is_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 8)
    told = [
        plan_of(f"save: {{checkpoints: 4}}\ntrain: {{max_train_epochs: {epochs}}}\n").train["sample_every_n_epochs"]
        for epochs in (10, 12)
    ]
    assert [t.value for t in told] == [3, 3]
    assert "the final file, after epoch 10, has none: the last are of epoch 9" in told[0].because.en
    assert "each file has its pictures" in told[1].because.en


def test_more_files_than_epochs_fit_are_not_advised(plan_of: PlanOf, pictures: Pictures) -> None:
    """5000 epochs would be another run; 60 fit into this one, with fewer repeats."""
    pictures("set", 12)
    own = "validate: {hold_out: 0}\ntrain: {target_steps: 600, max_train_epochs: 10}\n"
    (told,) = [n for n in plan_of(own + "save: {checkpoints: 5000}\n").notes if "`save.checkpoints` asks" in n.en]
    assert "a run of this length has room for 100 at most" in told.en
    assert "max_train_epochs: 5000" not in told.en
    (told,) = [n for n in plan_of(own + "save: {checkpoints: 60}\n").notes if "`save.checkpoints` asks" in n.en]
    assert "`train.max_train_epochs: 60` makes room" in told.en
