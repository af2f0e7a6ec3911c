"""States: on unless the recipe says no, their cost is told, and so is what a crash can lose, with recipe lines that keep their word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.provenance import Source
from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
from orchestrator.plan.saved import read_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.plan.model import Plan

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]

LENGTHS = [
    (pictures, repeats, epochs, batch, accumulated)
    for pictures in (15, 23)
    for repeats in (4, 12)
    for epochs in (1, 4, 10, 25, 60)
    for batch, accumulated in ((1, 1), (2, 2))
]


def told(plan: Plan) -> list[str]:
    return [note.en for note in plan.notes if "crash" in note.en]


def test_states_are_saved_and_their_price_is_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    state = plan_of("train: {optimizer_type: AdamW}\nsave: {save_precision: fp16}\n").train["save_state"]
    assert (state.value, state.source) == (True, Source.DERIVED)
    assert "about 6 x the network file with AdamW" in state.because.en
    state = plan_of("train: {optimizer_type: Prodigy}\nsave: {save_precision: float}\n").train["save_state"]
    assert "about 5 x the network file with Prodigy" in state.because.en
    state = plan_of("train: {optimizer_type: CAME}\n").train["save_state"]
    assert "several times as large" in state.because.en


def test_what_can_be_lost_is_told_in_the_reason(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    more = (
        "validate: {hold_out: 0}\ntrain: {max_train_epochs: 10, train_batch_size: 1}\nsave: {save_every_n_epochs: 2}\n"
    )
    plan = plan_of(more, "concepts.0.num_repeats=10")
    assert plan.state_every_n_epochs == 2
    assert "at most 400 of 2000 steps are lost" in plan.train["save_state"].because.en
    (note,) = told(plan)
    assert note == (
        "a crash can lose up to 400 (20%) of 2000 steps: a state comes with each network file, every 2 epochs; "
        "`concepts[0].num_repeats: 5`, `train.max_train_epochs: 20`, `save.save_every_n_epochs: 1` "
        "make it 100 (5%) of the same 2000, with 20 files"
    )


@pytest.mark.parametrize(("count", "repeats", "epochs", "batch", "accumulated"), LENGTHS)
def test_the_advised_lines_do_what_they_say(
    plan_of: PlanOf, pictures: Pictures, count: int, repeats: int, epochs: int, batch: int, accumulated: int
) -> None:
    pictures("set", count)

    def planned(repeats: int, epochs: int, save: str) -> Plan:
        return plan_of(
            f"validate: {{hold_out: 0}}\nsave: {{{save}}}\n"
            f"train: {{max_train_epochs: {epochs}, train_batch_size: {batch}, gradient_accumulation_steps: {accumulated}}}\n",
            f"concepts.0.num_repeats={repeats}",
        )

    plan = planned(repeats, epochs, "checkpoints: 3")
    for note in told(plan):
        promise = re.search(r"make it (\d+) \(\d+%\) of the same (\d+), with (\d+) files", note)
        if promise is None:
            assert "`" not in note
            continue
        fewer = re.search(r"`concepts\[0\].num_repeats: (\d+)`", note)
        more = re.search(r"`train.max_train_epochs: (\d+)`", note)
        every = re.search(r"`(save_every_n_epochs: \d+)`", note.replace("save.save", "save"))
        assert every is not None
        mended = planned(int(fewer[1]) if fewer else repeats, int(more[1]) if more else epochs, every[1])
        assert mended.state_every_n_epochs is not None
        assert mended.steps.total_steps == plan.steps.total_steps == int(promise[2])
        assert mended.state_every_n_epochs * mended.steps.steps_per_epoch == int(promise[1])
        assert told(mended) == [] or int(promise[1]) / int(promise[2]) > 0.05


@pytest.mark.parametrize("hold_out", [0, 2])
def test_lines_pin_a_length_that_was_the_planners_own(plan_of: PlanOf, pictures: Pictures, hold_out: int) -> None:
    pictures("set", 20)
    more = f"validate: {{hold_out: {hold_out}}}\ntrain: {{target_steps: 2000, train_batch_size: 1}}\n"
    plan = plan_of(more + "save: {checkpoints: 5}\n")
    (note,) = told(plan)
    lines = dict(re.findall(r"`[a-z0-9.\[\]]*?([a-z_]+): (\d+)`", note))
    assert set(lines) == {"num_repeats", "max_train_epochs", "save_every_n_epochs"}
    mended = plan_of(
        more.replace("train: {", f"train: {{max_train_epochs: {lines['max_train_epochs']}, ")
        + f"save: {{save_every_n_epochs: {lines['save_every_n_epochs']}}}\n",
        f"concepts.0.num_repeats={lines['num_repeats']}",
    )
    assert mended.steps.total_steps == plan.steps.total_steps
    assert told(mended) == []


def test_a_run_without_states_is_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train: {max_train_epochs: 20}\nsave: {save_state: false, save_every_n_epochs: 1}\n")
    assert plan.state_every_n_epochs is None
    assert plan.train["save_state"].value is False
    (note,) = told(plan)
    assert "everything since the last network file, up to" in note
    assert "(5%)" in note
    assert "the run cannot be resumed" in note


def test_a_run_with_no_file_before_the_end_has_no_state_to_go_on_from(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train: {max_train_epochs: 3}\nsave: {save_every_n_epochs: 3}\n")
    assert plan.state_every_n_epochs is None
    assert "(100%)" in told(plan)[0]
    assert "there is none before the end" in told(plan)[0]


def test_the_trainers_ratio_decides_the_interval_too(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train: {max_train_epochs: 20}\ntrainer_args: {save_n_epoch_ratio: 4}\n")
    assert plan.state_every_n_epochs == 5
    assert "`" not in told(plan)[0]


def test_a_short_loss_is_not_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("validate: {hold_out: 0}\ntrain: {target_steps: 500}\nsave: {checkpoints: 5}\n")
    assert told(plan) == []
    assert "at most 100 of 500 steps are lost" in plan.train["save_state"].because.en


def test_the_interval_is_read_back(plan_of: PlanOf, pictures: Pictures, tmp_path: Path) -> None:
    from orchestrator.core.record import write_record

    pictures("set", 20)
    plan = plan_of("save: {save_every_n_epochs: 2}\ntrain: {max_train_epochs: 8}\n")
    write_record(tmp_path / "plan.json", "plan", PLAN_RECORD_VERSION, plan_record(plan))
    assert read_plan(tmp_path / "plan.json").state_every_n_epochs == 2


@pytest.mark.parametrize("target", [900, 1600, 3000, 8000])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("count", [7, 20, 60, 90])
@pytest.mark.parametrize("given", ["", "train.gradient_accumulation_steps=2", "train.num_processes=2"])
def test_the_planner_sets_its_own_epochs_and_saves_so_that_little_is_lost(
    plan_of: PlanOf, pictures: Pictures, count: int, batch: int, target: int, given: str
) -> None:
    pictures("set", count)
    more = f"validate: {{hold_out: 0}}\ntrain: {{target_steps: {target}, train_batch_size: {batch}}}\n"
    plan = plan_of(more, *([given] if given else []))
    assert told(plan) == []
    every = plan.state_every_n_epochs
    assert every is not None
    assert every * plan.steps.steps_per_epoch <= max(100, 0.05 * plan.steps.total_steps)
    assert abs(plan.steps.total_steps - target) <= max(plan.steps.steps_per_epoch / 2, 0.02 * target)
    assert plan.steps.epochs / every <= 40


@pytest.mark.parametrize("second", ["", ", num_repeats: 6", ", share: 0.3", ", is_reg: true"])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_is_said_of_a_crash_is_so_for_several_concepts(
    plan_of: PlanOf, pictures: Pictures, batch: int, second: str
) -> None:
    pictures("set", 20)
    pictures("more", 15)
    plan = plan_of(
        "recipe_version: 1\nname: alice\nsubject: {kind: character, trigger: alicechar, class_tokens: girl}\n"
        "base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}\nvalidate: {hold_out: 0}\n"
        f"concepts: [{{image_dir: set}}, {{image_dir: more{second}}}]\n"
        f"train: {{target_steps: 2000, train_batch_size: {batch}}}\n"
    )
    assert plan.state_every_n_epochs is not None
    lost = plan.state_every_n_epochs * plan.steps.steps_per_epoch
    assert (told(plan) == []) == (lost <= max(100, 0.05 * plan.steps.total_steps))
    because = plan.train["save_every_n_epochs"].because.en
    assert "loses at most" not in because or f"loses at most {lost} of" in because


def test_an_epoch_that_the_pictures_make_long_is_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 300)
    plan = plan_of("validate: {hold_out: 0}\ntrain: {target_steps: 1500, train_batch_size: 1}\n")
    (note,) = told(plan)
    assert note == "a crash can lose up to 300 (20%) of 1500 steps: a state comes with each network file, every epoch"


@pytest.mark.parametrize(
    ("more", "every", "because"),
    [
        ("", 1, "a state comes with each: a crash loses at most 100 of 2000 steps"),
        ("save: {checkpoints: 5}", 4, "wanted 5"),
        ("save: {save_every_n_epochs: 4}", 4, "the recipe says so"),
        ("save: {save_state: false}", 2, "wanted 10"),
        (
            "trainer_args: {save_n_epoch_ratio: 4}",
            2,
            "every 2 of 20 epochs; `save_n_epoch_ratio` under `trainer_args` decides too",
        ),
    ],
)
def test_files_are_as_many_as_states_need_unless_the_recipe_counts_them(
    plan_of: PlanOf, pictures: Pictures, more: str, every: int, because: str
) -> None:
    pictures("set", 20)
    train = "validate: {hold_out: 0}\ntrain: {max_train_epochs: 20, train_batch_size: 1}\n"
    plan = plan_of(f"{train}{more}\n", "concepts.0.num_repeats=5")
    chosen = plan.train["save_every_n_epochs"]
    assert chosen.value == every
    assert because in chosen.because.en
    assert len(told(plan)) == (every > 1)


@pytest.mark.parametrize(
    ("more", "epochs"),
    [
        ("", 20),
        ("save: {checkpoints: 10}", 10),
        ("save: {save_every_n_epochs: 1}", 10),
        ("sample: {sample_every_n_epochs: 1}", 10),
        ("validate: {validate_every_n_epochs: 1, hold_out: 0}", 10),
        ("save: {save_state: false}", 10),
    ],
)
def test_epochs_are_shortened_only_where_nothing_counts_them(
    plan_of: PlanOf, pictures: Pictures, more: str, epochs: int
) -> None:
    pictures("set", 20)
    hold_out = "" if "validate" in more else "validate: {hold_out: 0}\n"
    plan = plan_of(f"{hold_out}train: {{target_steps: 2000, train_batch_size: 1}}\n{more}\n")
    assert plan.steps.epochs == epochs


@pytest.mark.parametrize("epochs", [15, 16, 18, 20, 22])
def test_files_for_the_sake_of_their_states_draw_no_pictures_but_the_last_does(
    plan_of: PlanOf, pictures: Pictures, epochs: int
) -> None:
    pictures("set", 20)
    more = f"validate: {{hold_out: 0}}\ntrain: {{max_train_epochs: {epochs}, train_batch_size: 1}}\n"
    drawn = plan_of(more, "concepts.0.num_repeats=5").train["sample_every_n_epochs"]
    assert drawn.value == (1 if epochs == 15 else 2)
    assert epochs % drawn.value == 0
    last = "each file has its pictures" if epochs == 15 else "the final file has pictures of its own"
    assert last in drawn.because.en
    plan = plan_of(f"{more}save: {{save_every_n_epochs: 1}}\n", "concepts.0.num_repeats=5")
    assert plan.train["sample_every_n_epochs"].value == 1


def test_other_options_that_save_are_not_overlooked(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    more = "validate: {hold_out: 0}\ntrain: {max_train_epochs: 10, train_batch_size: 1}\ntrainer_args: {save_every_n_steps: 130}\n"
    plan = plan_of(more, "concepts.0.num_repeats=10")
    (note,) = told(plan)
    assert note == "a crash can lose up to 200 (10%) of 2000 steps: a state to go on from comes every epoch"
    assert "`save_every_n_steps` under `trainer_args` decides too" in plan.train["sample_every_n_epochs"].because.en
    (note,) = told(plan_of(f"{more}save: {{save_state: false}}\n", "concepts.0.num_repeats=10"))
    assert "up to 130 (6%) of 2000 steps" in note


def test_steps_of_many_samples_make_no_endless_epochs(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of(
        "validate: {hold_out: 0}\ntrain: {target_steps: 3000, train_batch_size: 16, gradient_accumulation_steps: 4}\n"
    )
    assert plan.steps.epochs <= 40
    assert told(plan) == []
