"""Options that change nothing are told, with their line; those that work, and those the planner chose, are not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.backends import registry
from orchestrator.backends.argspec import load_options
from orchestrator.backends.no_effect import no_effect
from orchestrator.backends.sd_scripts.compile import compile as compile_plan
from orchestrator.backends.sd_scripts.effects import EFFECTIVE, PARTNERS
from orchestrator.backends.sd_scripts.families import FAMILIES
from orchestrator.core.finding import Severity
from orchestrator.core.provenance import Source
from orchestrator.core.text import same
from tests.backends.plans import LINE, PIN, POCKET, TRAINER, make_plan, subset

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Trainer


def told(
    family: str = "sd15", general: dict[str, Any] | None = None, plan: dict[str, Any] | None = None, **train: Any
) -> set[str]:
    build = compile_plan(make_plan(family, general, plan, **train), TRAINER)
    return {w.evidence[0].what.en for w in build.warnings}


def test_what_a_preset_says_is_taken_back_in_the_recipe() -> None:
    """Nobody is to edit a shipped preset."""
    made = make_plan("flux", None, None, clip_skip=2)
    own = no_effect("clip_skip", made.train["clip_skip"], same("x")).fix
    preset = no_effect("clip_skip", replace(made.train["clip_skip"], source=Source.PRESET), same("x")).fix
    assert own is not None
    assert own.advice.en == "leave out `clip_skip`"
    assert preset is not None
    assert "write `clip_skip: null` under `train:`" in preset.advice.en


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("flux", "min_snr_gamma", 5.0),
        ("flux", "noise_offset", 0.05),
        ("flux", "clip_skip", 2),
        ("flux", "sample_sampler", "euler_a"),
        ("flux", "sdpa", True),
        ("flux", "max_timestep", 900),
        ("sd3", "ip_noise_gamma", 0.1),
        ("sdxl", "clip_skip", 2),
        ("sd15", "cpu_offload_checkpointing", True),
    ],
)
def test_an_option_the_family_ignores_is_told(family: str, name: str, value: Any) -> None:
    build = compile_plan(make_plan(family, None, None, **{name: value}), TRAINER)
    assert [w.evidence[0].what.en for w in build.warnings] == [name]
    warning = build.warnings[0]
    assert (warning.rule, warning.name, warning.severity) == ("R002", "no-effect-option", Severity.WATCH)
    assert warning.where is not None
    assert warning.where.line == LINE
    assert warning.fix is not None
    assert warning.fix.changes[0].key == f"train.{name}"


@pytest.mark.parametrize(
    ("family", "name", "value", "without", "company"),
    [
        ("sd15", "noise_offset_random_strength", True, {}, {"noise_offset": 0.05}),
        ("sd15", "multires_noise_discount", 0.2, {}, {"multires_noise_iterations": 6}),
        ("sd15", "huber_c", 0.2, {}, {"loss_type": "huber"}),
        ("sd15", "lr_scheduler_num_cycles", 3, {}, {"lr_scheduler": "cosine_with_restarts"}),
        ("sd15", "lr_scheduler_power", 2.0, {}, {"lr_scheduler": "polynomial"}),
        ("sd15", "lr_warmup_steps", 5, {"optimizer_type": "AdamWScheduleFree"}, {}),
        ("sd15", "dynamo_backend", "eager", {}, {"torch_compile": True}),
        ("sd15", "vae_batch_size", 2, {"cache_latents": False}, {}),
        ("sd15", "text_encoder_lr", 1e-5, {"network_train_unet_only": True}, {}),
        ("sd15", "caption_prefix", "a photo", None, {}),
        ("sd3", "text_encoder_batch_size", 2, {"cache_text_encoder_outputs": False}, {}),
        ("flux", "caption_prefix", "a photo", {}, {"cache_text_encoder_outputs": False}),
        ("flux", "sigmoid_scale", 0.5, {"timestep_sampling": "uniform"}, {}),
        ("flux", "logit_mean", 0.5, {}, {"weighting_scheme": "logit_normal"}),
        ("sd15", "save_last_n_steps", 100, {}, {"save_every_n_steps": 10}),
        ("sd15", "sample_every_n_steps", 100, {}, {"sample_every_n_epochs": None}),
        ("sd15", "unet_lr", 1e-4, {"network_train_text_encoder_only": True}, {}),
        ("sd15", "token_warmup_min", 3, {}, {"token_warmup_step": 100}),
        ("sd15", "masked_loss", True, {}, {"alpha_mask": True}),
    ],
)
def test_an_option_without_its_partner_is_told(
    family: str, name: str, value: Any, without: dict[str, Any] | None, company: dict[str, Any]
) -> None:
    """`without` makes it useless (None: it is never useless in this family), `company` makes it work."""
    if without is not None:
        assert name in told(family, None, None, **{name: value, **without})
    assert name not in told(family, None, None, **{name: value, **company})


@pytest.mark.parametrize(("name", "value"), [("validate_every_n_epochs", 1), ("max_validation_steps", 5)])
def test_validation_needs_held_out_pictures(name: str, value: int) -> None:
    assert name in told("sd15", None, None, **{name: value})
    assert name not in told("sd15", None, {"validation": subset("data/1_held")}, **{name: value})


def test_settings_of_several_processes_need_them() -> None:
    assert "ddp_timeout" in told(ddp_timeout=30)
    assert "ddp_timeout" not in told(ddp_timeout=30, plan={"num_processes": 2})


def test_prior_loss_needs_regularisation_pictures() -> None:
    assert "prior_loss_weight" in told(prior_loss_weight=0.5)
    assert "prior_loss_weight" not in told(
        prior_loss_weight=0.5, plan={"subsets": (subset(), subset("data/1_girl", is_reg=True))}
    )


def test_bucket_limits_without_buckets_are_told() -> None:
    assert told(general={"enable_bucket": False}) >= {"min_bucket_reso", "max_bucket_reso", "bucket_reso_steps"}


def test_flow_shift_matters_only_for_some_samplings() -> None:
    assert "discrete_flow_shift" in told("flux", timestep_sampling="sigmoid")
    assert "discrete_flow_shift" not in told("flux", timestep_sampling="sigma")


def test_keep_tokens_needs_something_that_moves_tokens() -> None:
    assert "keep_tokens" in told(general={"keep_tokens": 1})
    assert "keep_tokens" not in told(general={"keep_tokens": 1, "shuffle_caption": True})
    assert "keep_tokens" not in told(
        general={"keep_tokens": 1}, plan={"subsets": (subset(options={"shuffle_caption": True}),)}
    )


def test_a_second_text_encoder_rate_is_told_where_only_one_is_used() -> None:
    assert "text_encoder_lr" in told("sdxl", text_encoder_lr=[1e-5, 2e-5])
    assert "text_encoder_lr" not in told("sdxl", text_encoder_lr=[1e-5])


@pytest.mark.parametrize("value", [0, 0.0, [0.0], []])
def test_what_is_off_is_not_told(value: Any) -> None:
    assert told("sd15", text_encoder_lr=value, network_train_unet_only=True) == set()


@pytest.mark.parametrize(
    ("name", "value"), [("huber_schedule", "wrong"), ("guidance_scale", 1.0), ("clip_skip", "two")]
)
def test_what_is_refused_is_not_told_again(name: str, value: Any) -> None:
    build = compile_plan(make_plan("sd15", None, None, **{name: value}), TRAINER)
    assert len(build.problems) == 1
    assert build.warnings == ()


def test_what_the_planner_chose_is_not_told() -> None:
    plan = make_plan("flux", min_snr_gamma=5.0)
    decided = replace(plan.train["min_snr_gamma"], source=Source.DERIVED)
    assert compile_plan(replace(plan, train={**plan.train, "min_snr_gamma": decided}), TRAINER).warnings == ()


def test_the_tables_name_options_that_exist() -> None:
    known = {name for facts in FAMILIES.values() for name in load_options(PIN, facts.entry)}
    assert set(EFFECTIVE) | set(PARTNERS) <= known


@pytest.mark.parametrize(("family", "trainer"), [("sd15", TRAINER), ("pocket", POCKET)])
def test_a_rate_beside_both_others_is_told(family: str, trainer: Trainer) -> None:
    def plan(unet_key: str) -> Any:
        made = make_plan(family, None, None, learning_rate=1e-4, unet_lr=1e-4, text_encoder_lr=[5e-5])
        unet = replace(made.train["unet_lr"], key=unet_key)
        return replace(made, train={**made.train, "unet_lr": unet})

    def names(unet_key: str) -> set[str]:
        return {w.evidence[0].what.en for w in registry.compile_plan(plan(unet_key), trainer).warnings}

    assert names("train.unet_lr") == {"learning_rate"}
    assert names("train.learning_rate") == set()  # it stands in for a rate that was left out
