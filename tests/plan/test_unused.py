"""What somebody wrote and the plan does not use is told by every verb, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import Trainer
from orchestrator.backends.registry import compile_plan, trainer_of
from orchestrator.core.record import write_record
from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
from orchestrator.plan.saved import read_plan
from tests.backends.plans import PIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.finding import Finding
    from orchestrator.plan.model import Plan

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]

FLUX = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar, class_tokens: girl}
base_model: {family: flux, pretrained_model_name_or_path: f.safetensors, clip_l: c.safetensors, t5xxl: t.safetensors, ae: a.safetensors}
concepts: [{image_dir: set}]
"""


def _warnings(plan: Plan) -> dict[str, Finding]:
    name = trainer_of(plan.family)
    trainer = Trainer(name, Path("/python"), Path("/trainer"), PIN if name == "sd-scripts" else "0")
    return {w.evidence[0].what.en: w for w in compile_plan(plan, trainer).warnings}


@pytest.mark.parametrize(
    ("body", "override", "key"),
    [
        ("network: {network_train_unet_only: true}\n", "train.text_encoder_lr=1e-5", "text_encoder_lr"),
        (FLUX + "network: {network_train_unet_only: true}\n", "train.text_encoder_lr=1e-5", "text_encoder_lr"),
        (FLUX, "train.attention=xformers", "attention"),
        ("dataset: {enable_bucket: false}\n", "dataset.min_bucket_reso=128", "min_bucket_reso"),
        ("validate: {hold_out: 0}\n", "validate.validation_seed=7", "validation_seed"),
        ("validate: {hold_out: 0}\n", "validate.validate_every_n_epochs=3", "validate_every_n_epochs"),
        ("sample: {prompts: []}\n", "sample.sample_every_n_epochs=3", "sample_every_n_epochs"),
    ],
)
def test_a_value_that_is_not_used_is_told_with_its_place(
    plan_of: PlanOf, pictures: Pictures, body: str, override: str, key: str
) -> None:
    pictures("set", 20)
    warning = _warnings(plan_of(body, override))[key]
    assert (warning.rule, warning.name) == ("R002", "no-effect-option")
    assert warning.where is not None
    assert warning.where.file.startswith("--set")
    assert warning.fix is not None
    assert warning.fix.changes[0].key == override.partition("=")[0]
    assert key not in _warnings(plan_of(body))


def test_pocket_tells_it_too(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20, (64, 64))
    body = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar}
base_model: {family: pocket}
concepts: [{image_dir: set}]
network: {network_train_unet_only: true}
train: {text_encoder_lr: 1e-4}
"""
    assert "text_encoder_lr" in _warnings(plan_of(body))


def test_what_is_off_is_not_told(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    body = "train: {text_encoder_lr: 0}\nnetwork: {network_train_unet_only: true}\nsample: {prompts: []}\n"
    assert _warnings(plan_of(body, "sample.sample_at_first=false")) == {}


def test_it_survives_the_disk(plan_of: PlanOf, pictures: Pictures, tmp_path: Path) -> None:
    pictures("set", 20)
    plan = plan_of(FLUX + "train: {attention: xformers}\n")
    path = tmp_path / "plan.json"
    write_record(path, "plan", PLAN_RECORD_VERSION, plan_record(plan))
    assert read_plan(path).unused == plan.unused
    assert [u.given.value for u in plan.unused] == ["xformers"]
