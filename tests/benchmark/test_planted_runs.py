"""The recipes and pictures of the labelled runs: each is accepted, and each fault is what its name says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

from benchmark.faults import CONFIGS, FAULTS, FEW, FEW_HELD_OUT, HEALTHY, TRAINERS, faults_of  # noqa: E402
from benchmark.pictures import draw_fresh, draw_training, write_folder  # noqa: E402
from benchmark.recipes import recipe_text  # noqa: E402
from orchestrator.diagnose.rules import all_rules  # noqa: E402
from orchestrator.prepared import prepare  # noqa: E402


def pictures_of(config: str, fault: str, seed: int = 1) -> list[tuple[bytes, str]]:
    kind = FAULTS[fault].pictures if fault in FAULTS else "own"
    return [(picture.tobytes(), caption) for picture, caption in draw_training(CONFIGS[config], seed, kind)]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_run_is_accepted_and_has_its_length(trainer: str, config: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "tokcache").mkdir(parents=True)
    for part in ("unet", "vae", "text_encoder"):
        (base / part).mkdir()
    (base / "model_index.json").write_text("{}", encoding="utf-8")
    written: dict[str, Path] = {}
    for fault in faults_of(trainer, config):
        kind = FAULTS[fault].pictures if fault in FAULTS else "own"
        images = written.setdefault(kind, tmp_path / kind)
        if not images.is_dir():
            write_folder(images, draw_training(CONFIGS[config], 1, kind))
        recipe = tmp_path / f"{fault}.yaml"
        at = base if trainer == "sd15" else None
        recipe.write_text(recipe_text(trainer, config, fault, 1, images=images, base=at), encoding="utf-8")
        prepared = prepare(recipe)
        assert not prepared.is_refused, (fault, [problem.what.en for problem in prepared.problems])
        assert prepared.plan is not None
        steps = prepared.plan.steps.total_steps
        assert steps in range(30, 60) if fault == "steps-fifth" else steps in range(150, 260), (fault, steps)


def test_at_least_ten_faults_for_each_configuration_of_each_trainer() -> None:
    assert all(len(faults_of(trainer, config)) > 11 for trainer in TRAINERS for config in CONFIGS)
    assert faults_of("sd15", "character")[0] == HEALTHY


def test_few_pictures_leave_three_to_train_on() -> None:
    assert len(pictures_of("character", "memorise")) == FEW + FEW_HELD_OUT


def test_copies_are_the_same_picture() -> None:
    drawn = pictures_of("style", "copies")
    assert len({data for data, _ in drawn}) == 5
    assert sum(data == drawn[0][0] for data, _ in drawn) == 20


def test_outliers_replace_two_pictures_and_no_caption() -> None:
    plain, planted = pictures_of("object", HEALTHY), pictures_of("object", "outliers")
    assert [caption for _, caption in plain] == [caption for _, caption in planted]
    assert sum(a != b for (a, _), (b, _) in zip(plain, planted, strict=True)) == 2


def test_two_concepts_share_one_trigger() -> None:
    plain, mixed = pictures_of("character", HEALTHY), pictures_of("character", "two-concepts")
    assert all(caption.startswith("zorvex, ") for _, caption in mixed)
    assert [a == b for (a, _), (b, _) in zip(plain, mixed, strict=True)] == [False, True] * 8


@pytest.mark.parametrize("fault", ["captions-swapped", "captions-wrong", "no-trigger"])
def test_caption_faults_leave_the_pictures_alone(fault: str) -> None:
    plain, changed = pictures_of("object", HEALTHY), pictures_of("object", fault)
    assert [data for data, _ in plain] == [data for data, _ in changed]
    assert sum(a != b for (_, a), (_, b) in zip(plain, changed, strict=True)) >= 10


def test_fresh_pictures_are_in_no_folder() -> None:
    for name, config in CONFIGS.items():
        fresh = {picture.tobytes() for picture, _ in draw_fresh(config)}
        assert len(fresh) == 24
        trained = {data for seed in (1, 2, 3) for data, _ in pictures_of(name, HEALTHY, seed)}
        assert not fresh & trained


def test_a_seed_draws_the_same_pictures_again() -> None:
    assert pictures_of("style", HEALTHY, 2) == pictures_of("style", HEALTHY, 2) != pictures_of("style", HEALTHY, 3)


def test_the_rules_that_are_to_say_a_fault_exist() -> None:
    known = {rule.name for rule in all_rules()}
    assert {rule for planted in FAULTS.values() for rule in planted.rules} <= known
