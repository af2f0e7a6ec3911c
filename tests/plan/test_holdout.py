"""Pictures kept out of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plan.conftest import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.finding import Problem
    from orchestrator.plan.model import Plan, Subset

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]
    Refused = Callable[..., dict[str, Problem]]


def _targets(subset: Subset | None) -> set[Path]:
    return set() if subset is None else {link.target for link in subset.links}


@pytest.mark.parametrize(("count", "held"), [(3, 0), (11, 0), (12, 2), (20, 2), (30, 3), (79, 7), (200, 8)])
def test_auto_takes_a_tenth(plan_of: PlanOf, pictures: Pictures, count: int, held: int) -> None:
    pictures("set", count)
    plan = plan_of()
    assert (len(plan.validation.sizes) if plan.validation else 0) == held
    assert len(plan.subsets[0].sizes) == count - held


def test_too_few_pictures_are_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 11)
    plan = plan_of()
    assert any("no pictures are held out: with 11 pictures" in n.en for n in plan.notes)
    assert "validation_seed" not in plan.train
    assert "validate_every_n_epochs" not in plan.train


def test_held_out_pictures_are_not_trained_on(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 40)
    plan = plan_of()
    trained, held = _targets(plan.subsets[0]), _targets(plan.validation)
    assert len(held) == 8  # four pictures, four captions
    assert not trained & held
    assert len(trained | held) == 80


def test_choice_follows_the_seed(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 40)
    first, again = plan_of(), plan_of()
    other = plan_of("validate: {validation_seed: 7}\n")
    assert _targets(first.validation) == _targets(again.validation)
    assert _targets(first.validation) != _targets(other.validation)
    assert (first.validation_seed, other.validation_seed) == (42, 7)
    assert other.train["validation_seed"].value == 7


def test_wanted_number_is_kept_even_with_few_pictures(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 6)
    plan = plan_of("validate: {hold_out: 1}\n")
    assert plan.validation is not None
    assert len(plan.validation.sizes) == 1


def test_no_hold_out_at_all(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 40)
    plan = plan_of("validate: {hold_out: 0}\n")
    assert plan.validation is None
    assert not [note for note in plan.notes if "held out" in note.en]


def test_more_than_there_are_is_refused(refused: Refused, pictures: Pictures) -> None:
    pictures("set", 6)
    assert "hold-out-too-large" in refused("validate: {hold_out: 6}\n")


def test_more_than_half_is_refused(refused: Refused, plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 12)
    problem = refused("validate: {hold_out: 11}\n")["hold-out-too-large"]
    assert "leaves 1" in problem.what.en
    assert problem.where is not None
    assert "hold-out-too-large" in refused("validate: {hold_out: 7}\n")
    assert plan_of("validate: {hold_out: 6}\n").validation is not None


def test_pictures_without_caption_are_held_out_last(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 5)
    pictures("set", 30, caption=None)
    plan = plan_of()
    assert plan.validation is not None
    assert len(plan.validation.links) == 2 * len(plan.validation.sizes) == 6


def test_a_copy_is_held_out_last(plan_of: PlanOf, pictures: Pictures) -> None:
    folder = pictures("set", 30)
    for index in range(27):
        (folder / f"{index:03d}.png").write_bytes((folder / "000.png").read_bytes())
    plan = plan_of()
    assert {path.name for path in _targets(plan.validation) if path.suffix == ".png"} == {
        "027.png",
        "028.png",
        "029.png",
    }
    assert not any("copy elsewhere" in note.en for note in plan.notes)


def test_copies_that_had_to_be_held_out_are_told(plan_of: PlanOf, pictures: Pictures) -> None:
    folder = pictures("set", 30)
    for index in range(29):
        (folder / f"{index:03d}.png").write_bytes((folder / "000.png").read_bytes())
    assert any("2 of 3 held-out pictures have a copy elsewhere" in note.en for note in plan_of().notes)


def test_nothing_is_held_out_where_each_picture_has_a_copy_that_is_trained_on(
    plan_of: PlanOf, pictures: Pictures
) -> None:
    folder = pictures("set", 30)
    for index in range(30):
        (folder / f"{index:03d}.png").write_bytes((folder / f"{index % 15:03d}.png").read_bytes())
    for body in ("", "validate: {hold_out: 4}\n"):
        plan = plan_of(body)
        assert plan.validation is None
        assert "validation_seed" not in plan.train
        assert sum(len(s.sizes) for s in plan.subsets) == 30
        (note,) = [n for n in plan.notes if "held out" in n.en]
        assert "has a copy that is trained on" in note.en
        assert [u.name for u in plan.unused] == (["hold_out"] if body else [])


def test_pictures_whose_copies_are_held_out_too_are_held_out(plan_of: PlanOf, pictures: Pictures) -> None:
    folder = pictures("set", 6)
    (folder / "001.png").write_bytes((folder / "000.png").read_bytes())
    (folder / "002.png").write_bytes((folder / "000.png").read_bytes())
    for index in (4, 5):
        (folder / f"{index:03d}.png").write_bytes((folder / "003.png").read_bytes())
    seeds = [plan_of("validate: {hold_out: 3}\n", f"validate.validation_seed={seed}") for seed in range(20)]
    whole = {
        frozenset(p.name for p in _targets(plan.validation) if p.suffix == ".png") for plan in seeds if plan.validation
    }
    assert whole
    assert whole <= {frozenset({"000.png", "001.png", "002.png"}), frozenset({"003.png", "004.png", "005.png"})}


def test_validation_is_measured_in_safety(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 40, caption="alicechar, girl, smiling, red hair, hat, standing")
    plan = plan_of("dataset: {caption_dropout_rate: 0.1, flip_aug: true}\n")
    assert plan.validation is not None
    assert plan.dataset_general["shuffle_caption"].value is True
    assert plan.validation.options == {"shuffle_caption": False, "flip_aug": False, "caption_dropout_rate": 0.0}
    assert plan.train["max_data_loader_n_workers"].value == 0
    assert "persistent_data_loader_workers" not in plan.train
    assert "max_validation_steps" not in plan.train
    assert plan.train["validate_every_n_epochs"].value >= 1
    assert plan.validation.image_dir == "data_validation/1_alicechar girl"


CONCEPTS = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar, class_tokens: girl}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
validate: {hold_out: 5}
concepts:
  - image_dir: a
  - image_dir: b
  - {image_dir: reg, is_reg: true}
"""


def test_two_concepts_with_the_same_names_keep_all_files(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("a", 5)
    pictures("b", 5)
    pictures("reg", 30)
    plan = plan_of(CONCEPTS)
    assert plan.validation is not None
    paths = [link.path for link in plan.validation.links]
    assert len(set(paths)) == len(paths) == 10
    assert {link.target.parent.name for link in plan.validation.links} == {"a", "b"}
    assert all(len(s.sizes) >= 1 for s in plan.subsets)
    captions = {link.path.rpartition(".")[0]: link.target for link in plan.validation.links[5:]}
    for link in plan.validation.links[:5]:
        assert captions[link.path.rpartition(".")[0]] == link.target.with_suffix(".txt")


def test_no_concept_loses_its_last_picture(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("a", 1)
    pictures("b", 9)
    pictures("reg", 3)
    for seed in range(8):
        plan = plan_of(CONCEPTS, f"validate.validation_seed={seed}")
        assert [len(s.sizes) for s in plan.subsets] == [1, 4, 3]


@pytest.mark.parametrize(("wanted", "held"), [("auto", 2), ("5", 4), ("1", 0)])
def test_the_halves_of_a_pair_stay_together(plan_of: PlanOf, pictures: Pictures, wanted: str, held: int) -> None:
    pictures("before", 12)
    pictures("after", 12)
    head = HEAD.replace("image_dir: set", "image_dir: after")
    plan = plan_of(f"{head}  - image_dir: before\nvalidate: {{hold_out: {wanted}}}\n")
    kept = sorted(path.stem for path in _targets(plan.validation) if path.suffix == ".png")
    assert len(kept) == held
    assert kept[::2] == kept[1::2]
    assert [len(subset.sizes) for subset in plan.subsets] == [12 - held // 2] * 2
