"""Each condition under which the trainer aborts is refused, and its nearest healthy neighbour is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.backends.sd_scripts.compile import compile as compile_plan
from orchestrator.backends.sd_scripts.refusals import REFUSALS
from tests.backends.plans import FAMILY_VALUES, LINE, TRAINER, make_plan, subset


@dataclass(frozen=True)
class Row:
    """One refusal: what brings it up, and what is fine beside it."""

    code: str
    bad: dict[str, Any]
    good: dict[str, Any]
    family: str = "sd15"
    general: dict[str, Any] = field(default_factory=dict)
    good_general: dict[str, Any] | None = None
    plan: dict[str, Any] = field(default_factory=dict)
    good_plan: dict[str, Any] | None = None
    has_place: bool = True
    """Whether the recipe says one of its options."""


def _args(*items: str) -> dict[str, Any]:
    return {"network_args": list(items)}


def _dylora(*items: str) -> dict[str, Any]:
    return {"network_module": "networks.dylora", **_args(*items)}


ROWS = [
    # model files
    Row("pickle-model-file", {"pretrained_model_name_or_path": "/m/old.ckpt"}, {}),
    Row("pickle-model-file", {"vae": "C:\\models\\vae.PT"}, {"vae": "C:\\models\\vae.safetensors"}),
    Row("pickle-model-file", {"network_weights": "/m/a.bin"}, {"network_weights": "/m/a.safetensors"}),
    Row("pickle-model-file", {"base_weights": ["/m/a.safetensors", "/m/b.pt"]}, {"base_weights": ["/m/a.safetensors"]}),
    Row("pickle-output", {"save_model_as": "ckpt"}, {"save_model_as": "safetensors"}),
    Row("v2-outside-sd2", {"v2": True}, {"v2": False}, "sdxl"),
    Row("sd2-without-v2", {"v2": False}, {"v2": True}, "sd2"),
    Row("sd3-base-not-a-file", {"pretrained_model_name_or_path": "stabilityai/sd3"}, {}, "sd3"),
    Row(
        "chroma-without-attn-mask",
        {"model_type": "chroma"},
        {"model_type": "chroma", "apply_t5_attn_mask": True},
        "flux",
    ),
    Row("two-attentions", {"mem_eff_attn": True}, {"mem_eff_attn": True, "sdpa": None}),
    Row("two-attentions", {"xformers": True}, {"xformers": True, "sdpa": False}, "sdxl"),
    Row(
        "optimizer-argument-value",
        {"optimizer_args": ["weight_decay=(1, 2)"]},
        {"optimizer_args": ["weight_decay=0.1"]},
    ),
    Row("optimizer-argument-value", {"optimizer_args": ["betas=0.9"]}, {"optimizer_args": ["betas=0.9,0.99"]}),
    Row("optimizer-argument-value", {"optimizer_args": ["amsgrad=1"]}, {"optimizer_args": ["amsgrad=True"]}),
    # network
    Row("missing-network-module", {"network_module": None}, {}, has_place=False),
    Row("network-module-of-another-family", {"network_module": "networks.lora"}, {}, "flux"),
    Row("network-module-of-another-family", {"network_module": "evil.module"}, {"network_module": "lycoris.kohya"}),
    Row("network-args-without-equals", _args("conv_dim"), _args("conv_dim=8")),
    Row("unknown-network-argument", _args("conv_dm=8"), _args("conv_dim=8")),
    Row("unknown-network-argument", _args("conv_dim=8", "unit=4"), _dylora("conv_dim=16", "unit=4")),
    Row("unknown-network-argument", _args("algo=loha"), {"network_module": "lycoris.kohya", **_args("algo=loha")}),
    Row("network-argument-value", _args("rank_dropout=2"), _args("rank_dropout=0.2")),
    Row("network-argument-value", _args("conv_dim=many"), _args("conv_dim=8")),
    Row(
        "misread-network-switch",
        {"network_module": "networks.oft", **_args("enable_conv=False")},
        {"network_module": "networks.oft", **_args("enable_conv=True")},
    ),
    Row("misread-network-switch", _args("split_qkv=true"), _args("split_qkv=True"), "flux"),
    Row("neuron-dropout-twice", _args("neuron_dropout=0.1"), {"network_dropout": 0.1}),
    Row(
        "dim-from-no-weights",
        {"dim_from_weights": True},
        {"dim_from_weights": True, "network_weights": "/m/a.safetensors"},
    ),
    Row(
        "nothing-to-train",
        {"network_train_unet_only": True, "network_train_text_encoder_only": True},
        {"network_train_unet_only": True},
    ),
    Row("dylora-unit", _dylora("unit=5"), _dylora("unit=4")),
    Row("dylora-conv-dim", _dylora("conv_dim=8"), _dylora("conv_dim=16")),
    Row("block-list-length", _args("block_dims=" + ",".join("4" * 23)), _args("block_dims=" + ",".join("4" * 25))),
    Row(
        "block-list-length",
        _args("block_dims=" + ",".join("4" * 25)),
        _args("block_dims=" + ",".join("4" * 23)),
        "sdxl",
    ),
    Row("in-dims-length", _args("in_dims=[4,4]"), _args("in_dims=[4,4,4,4,4]"), "flux"),
    Row("emb-dims-length", _args("emb_dims=4,4"), _args("emb_dims=4,4,4,4,4,4"), "sd3"),
    Row("train-blocks-choice", _args("train_blocks=half"), _args("train_blocks=single"), "flux"),
    Row(
        "block-index-out-of-range",
        _args("train_double_block_indices=0-19"),
        _args("train_double_block_indices=0-3,18"),
        "flux",
    ),
    Row("block-index-out-of-range", _args("train_block_indices=7-3"), _args("train_block_indices=all"), "sd3"),
    Row("t5-trained-while-cached", _args("train_t5xxl=True"), _args("train_t5xxl=False"), "flux"),
    Row(
        "oft-on-text-encoder",
        {"network_module": "networks.oft", "network_train_text_encoder_only": True},
        {"network_module": "networks.oft"},
    ),
    # optimizer
    Row("two-optimizers", {"use_8bit_adam": True}, {"use_8bit_adam": True, "optimizer_type": None}),
    Row("two-optimizers", {"use_lion_optimizer": True}, {"use_lion_optimizer": True, "optimizer_type": None}),
    Row("unknown-optimizer", {"optimizer_type": "AdamV"}, {"optimizer_type": "adamw8bit"}),
    Row(
        "foreign-optimizer-class",
        {"optimizer_type": "os.system"},
        {"optimizer_type": "bitsandbytes.optim.AdEMAMix8bit"},
    ),
    Row(
        "optimizer-args-unreadable", {"optimizer_args": ["weight_decay=big"]}, {"optimizer_args": ["weight_decay=0.1"]}
    ),
    Row("optimizer-args-unreadable", {"optimizer_args": ["betas=0.9=0.99"]}, {"optimizer_args": ["betas=0.9,0.99"]}),
    Row(
        "optimizer-args-unreadable",
        {"optimizer_args": ["weight_decay = 0.1"]},
        {"optimizer_args": {"weight_decay": 0.1}},
    ),
    Row("unknown-optimizer-argument", {"optimizer_args": ["weight_deca=0.1"]}, {"optimizer_args": ["eps=1e-8"]}),
    Row(
        "unknown-optimizer-argument",
        {"optimizer_type": "Prodigy", "optimizer_args": ["amsgrad=True"]},
        {"optimizer_type": "Prodigy", "optimizer_args": ["d_coef=2.0"]},
    ),
    Row(
        "fused-backward-needs-adafactor",
        {"fused_backward_pass": True},
        {"fused_backward_pass": True, "optimizer_type": "AdaFactor"},
    ),
    # scheduler
    Row("warmup-without-use", {"lr_scheduler": "constant", "lr_warmup_steps": 10}, {"lr_warmup_steps": 10}),
    Row("warmup-without-use", {"optimizer_type": "AdaFactor", "lr_warmup_steps": 10}, {"optimizer_type": "AdaFactor"}),
    Row(
        "warmup-without-use",
        {"lr_scheduler_type": "CosineAnnealingLR", "lr_scheduler_args": ["T_max=80"], "lr_warmup_steps": 5},
        {"optimizer_type": "AdamWScheduleFree", "lr_scheduler": "constant", "lr_warmup_steps": 5},
    ),
    Row(
        "adafactor-scheduler-alone",
        {"lr_scheduler": "adafactor"},
        {"lr_scheduler": "adafactor", "optimizer_type": "AdaFactor"},
    ),
    Row("unknown-scheduler", {"lr_scheduler": "cosin"}, {"lr_scheduler": "linear"}),
    Row("crashing-scheduler", {"lr_scheduler": "reduce_lr_on_plateau"}, {"lr_scheduler": "polynomial"}),
    Row(
        "min-lr-missing",
        {"lr_scheduler": "cosine_with_min_lr"},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.1},
    ),
    Row(
        "step-rules-missing",
        {"lr_scheduler": "piecewise_constant"},
        {"lr_scheduler": "piecewise_constant", "lr_scheduler_args": ['step_rules="1:10,0.1"']},
    ),
    Row("scheduler-args-unreadable", {"lr_scheduler_args": ["power=high"]}, {"lr_scheduler_args": ["power=2"]}),
    Row(
        "foreign-scheduler-class",
        {"lr_scheduler_type": "os.system"},
        {"lr_scheduler_type": "torch.optim.lr_scheduler.StepLR"},
    ),
    # precision, memory, processes
    Row("full-fp16-without-fp16", {"full_fp16": True}, {"full_fp16": True, "mixed_precision": "fp16"}),
    Row("full-bf16-without-bf16", {"full_bf16": True, "mixed_precision": "fp16"}, {"full_bf16": True}),
    Row("fp8-without-mixed-precision", {"fp8_base": True, "mixed_precision": "no"}, {"fp8_base": True}),
    Row(
        "fp8-without-mixed-precision", {"fp8_base_unet": True, "mixed_precision": "no"}, {"fp8_base_unet": True}, "flux"
    ),
    Row(
        "cpu-offload-checkpointing-unsupported",
        {"cpu_offload_checkpointing": True, "gradient_checkpointing": True},
        {"gradient_checkpointing": True},
    ),
    Row(
        "swap-with-cpu-offload",
        {"blocks_to_swap": 18, "cpu_offload_checkpointing": True},
        {"blocks_to_swap": 18},
        "flux",
    ),
    Row("too-many-blocks-to-swap", {"blocks_to_swap": 36}, {"blocks_to_swap": 35}, "flux"),
    Row("too-many-blocks-to-swap", {"blocks_to_swap": 37}, {"blocks_to_swap": 36}, "sd3"),
    Row(
        "persistent-workers-without-workers",
        {"persistent_data_loader_workers": True},
        {"persistent_data_loader_workers": True, "max_data_loader_n_workers": 2},
    ),
    Row("batch-below-one", {"gradient_accumulation_steps": 0}, {"gradient_accumulation_steps": 2}),
    # noise and loss
    Row(
        "adaptive-noise-without-offset",
        {"adaptive_noise_scale": 0.01},
        {"adaptive_noise_scale": 0.01, "noise_offset": 0.05},
    ),
    Row(
        "scaled-v-loss-without-v",
        {"scale_v_pred_loss_like_noise_pred": True},
        {"scale_v_pred_loss_like_noise_pred": True, "v_parameterization": True},
        "sd2",
    ),
    Row("v-like-loss-with-v", {"v_pred_like_loss": 0.5, "v_parameterization": True}, {"v_pred_like_loss": 0.5}, "sd2"),
    Row(
        "huber-snr-on-flow-model", {"loss_type": "huber"}, {"loss_type": "huber", "huber_schedule": "constant"}, "flux"
    ),
    Row("weighted-captions-unsupported", {"weighted_captions": True}, {"weighted_captions": False}, "flux"),
    # pictures
    Row(
        "resolution-missing",
        {},
        {},
        general={"resolution": None},
        good_general={"resolution": [512, 768]},
        has_place=False,
    ),
    Row("min-bucket-above-resolution", {}, {}, general={"min_bucket_reso": 576}, good_general={"min_bucket_reso": 512}),
    Row("max-bucket-below-resolution", {}, {}, general={"max_bucket_reso": 448}, good_general={"max_bucket_reso": 500}),
    Row(
        "bucket-steps-not-divisible", {}, {}, general={"bucket_reso_steps": 32}, good_general={"bucket_reso_steps": 128}
    ),
    Row(
        "bucket-steps-not-divisible",
        {},
        {},
        "sdxl",
        general={"bucket_reso_steps": 16},
        good_general={"bucket_reso_steps": 32},
    ),
    Row(
        "picture-below-one-bucket-step",
        {},
        {},
        general={"bucket_no_upscale": True},
        plan={"subsets": (subset(sizes=((60, 500),)),)},
        good_plan={"subsets": (subset(sizes=((64, 500),)),)},
    ),
    Row(
        "picture-size-without-buckets",
        {"cache_latents": False},
        {"cache_latents": True},
        general={"enable_bucket": False},
    ),
    Row("augmentation-while-caching-latents", {}, {"cache_latents": False}, general={"color_aug": True}),
    Row(
        "augmentation-while-caching-latents",
        {"cache_latents_to_disk": True, "cache_latents": False},
        {"cache_latents": False},
        plan={"subsets": (subset(options={"random_crop": True}),)},
    ),
    Row("face-crop-range", {"face_crop_aug_range": "4,2"}, {"face_crop_aug_range": "2.0,4.0"}),
    Row("no-pictures", {}, {}, plan={"subsets": (subset(sizes=()),)}, good_plan={}, has_place=False),
    Row("repeats-below-one", {}, {}, plan={"subsets": (subset(num_repeats=0),)}, good_plan={}, has_place=False),
    Row(
        "cache-info-with-hold-out",
        {"cache_info": True},
        {"cache_info": True},
        plan={"validation": subset("data/1_held")},
        good_plan={},
    ),
    # captions
    Row(
        "changing-captions-while-cached",
        {},
        {"cache_text_encoder_outputs": False},
        "flux",
        general={"shuffle_caption": True},
    ),
    Row("changing-captions-while-cached", {"caption_dropout_rate": 0.1}, {"caption_dropout_rate": 0.0}, "sd3"),
    Row(
        "text-encoder-trained-while-cached",
        {"cache_text_encoder_outputs": True},
        {"cache_text_encoder_outputs": True, "network_train_unet_only": True, "text_encoder_lr": None},
        "sdxl",
    ),
    Row("split-that-leaks", {"validation_split": 0.1}, {"validation_split": 0.0}),
    Row("every-caption-dropped", {"caption_dropout_every_n_epochs": 1}, {"caption_dropout_every_n_epochs": 2}),
    # length, saving, sampling
    Row("two-lengths", {"max_train_steps": 800}, {}),
    Row("no-length", {"max_train_epochs": 0}, {"max_train_epochs": 1}),
    Row("interval-below-one", {"save_every_n_epochs": 0}, {"save_every_n_epochs": 1}),
    Row("interval-below-one", {"save_every_n_steps": 0}, {"save_every_n_steps": 10}),
    Row("sampling-without-prompts", {}, {"sample_every_n_epochs": None}, plan={"prompts": ()}),
]


def _codes(row: Row, *, is_bad: bool) -> dict[str, Any]:
    train = row.bad if is_bad else row.good
    general = row.general if is_bad or row.good_general is None else row.good_general
    plan = row.plan if is_bad or row.good_plan is None else row.good_plan
    build = compile_plan(make_plan(row.family, general, plan, **train), TRAINER)
    return {problem.code: problem for problem in build.problems}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.code}-{r.family}")
def test_refuses_what_the_trainer_would_abort_on(row: Row) -> None:
    problems = _codes(row, is_bad=True)
    assert row.code in problems
    problem = problems[row.code]
    assert "{0}" not in problem.what.en + problem.what.zh
    assert problem.fix is not None
    if row.has_place:
        assert problem.where is not None
        assert problem.where.line == LINE


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.code}-{r.family}")
def test_lets_the_healthy_neighbour_pass(row: Row) -> None:
    assert _codes(row, is_bad=False) == {}


def test_every_refusal_has_a_row() -> None:
    assert {refusal.code for refusal in REFUSALS} == {row.code for row in ROWS}
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize("family", [f for f in FAMILY_VALUES if f != "pocket"])
def test_a_healthy_plan_of_each_family_is_silent(family: str) -> None:
    build = compile_plan(make_plan(family), TRAINER)
    assert build.problems == ()
    assert build.warnings == ()
