"""Options that a family accepts and does nothing with, and options that only work together with another one.

Read at commit 48d368fa557731ad0488c07304dfeba8c07910eb. What stops the trainer is in `refusals`; this is what it ignores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.backends.no_effect import RATE_NEEDS, is_off, no_effect, stands_in
from orchestrator.backends.option_values import value_problem
from orchestrator.backends.sd_scripts.refusals.scheduler import is_schedule_free
from orchestrator.core.provenance import Source
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.backends.sd_scripts.settings import Settings
    from orchestrator.core.finding import Finding

SD = frozenset({"sd15", "sd2"})
SDX = SD | {"sdxl"}
SDX3 = SDX | {"sd3"}
NONE: frozenset[str] = frozenset()

EFFECTIVE: Mapping[str, frozenset[str]] = {
    "v_parameterization": SDX,
    "vae": SDX3,
    "clip_skip": SD,
    "max_token_length": SDX,
    "network_train_text_encoder_only": SDX,
    "cpu_offload_checkpointing": frozenset({"flux"}),
    "fused_backward_pass": NONE,
    "xformers": SDX,
    "sdpa": SDX,
    "mem_eff_attn": SDX,
    "noise_offset": SDX,
    "noise_offset_random_strength": SDX,
    "adaptive_noise_scale": SDX,
    "multires_noise_iterations": SDX,
    "multires_noise_discount": SDX,
    "ip_noise_gamma": SDX | {"flux"},
    "ip_noise_gamma_random_strength": SDX | {"flux"},
    "zero_terminal_snr": SDX,
    "min_timestep": SDX3,
    "max_timestep": SDX3,
    "min_snr_gamma": SDX,
    "scale_v_pred_loss_like_noise_pred": SDX,
    "v_pred_like_loss": SDX,
    "debiased_estimation_loss": SDX,
    "sample_sampler": SDX,
    "conditioning_data_dir": NONE,
    "controlnet_model_name_or_path": NONE,
    "save_clip": NONE,
    "save_t5xxl": NONE,
    "t5xxl_device": NONE,
    "t5xxl_dtype": NONE,
}
"""Option -> families where its value changes anything; an option that is not listed matters everywhere."""


@dataclass(frozen=True, slots=True)
class Partner:
    """An option that only works in company."""

    works: Callable[[Settings], bool]
    needs: Text


def _huber(settings: Settings) -> bool:
    return settings.text("loss_type") in ("huber", "smooth_l1")


def _sampling(*methods: str) -> Callable[[Settings], bool]:
    return lambda settings: settings.text("timestep_sampling") in methods


def _scheduler(*names: str) -> Callable[[Settings], bool]:
    return lambda settings: settings.text("lr_scheduler") in names and not settings.get("lr_scheduler_type")


def _with(name: str) -> Partner:
    return Partner(lambda settings: bool(settings.get(name)), same(f"`{name}`"))


def _logit_normal(settings: Settings) -> bool:
    return settings.text("weighting_scheme") == "logit_normal"


def _shuffles(settings: Settings) -> bool:
    names = ("shuffle_caption", "caption_tag_dropout_rate", "token_warmup_step")
    return any(settings.dataset_value(n, s) for s in settings.training_subsets for n in names)


def _buckets(settings: Settings) -> bool:
    return bool(settings.dataset_value("enable_bucket"))


def _sized_buckets(settings: Settings) -> bool:
    return _buckets(settings) and not settings.dataset_value("bucket_no_upscale")


def _raw_captions(settings: Settings) -> bool:
    return not settings.is_caching_text_encoder


_CYCLES = ("cosine_with_restarts", "cosine_with_min_lr", "warmup_stable_decay")
_HUBER = Partner(_huber, same("`loss_type: huber`"))
_BUCKETS = Partner(_buckets, same("`enable_bucket`"))
_SIZED = Partner(
    _sized_buckets, Text("`enable_bucket` without `bucket_no_upscale`", "`enable_bucket` 且没有 `bucket_no_upscale`")
)
_RAW = Partner(
    _raw_captions,
    Text(
        "captions that are encoded anew each time (no text encoder cache)", "每次重新编码标注（不缓存文本编码器输出）"
    ),
)
_HELD_OUT = Partner(
    lambda s: s.plan.validation is not None,
    Text("held-out pictures (`validate.hold_out`)", "留出图片（`validate.hold_out`）"),
)
_PROCESSES = Partner(
    lambda s: s.plan.num_processes > 1,
    Text("more than one process (`train.num_processes`)", "多个进程（`train.num_processes`）"),
)
_SCHEDULED = Partner(
    lambda s: not is_schedule_free(s), Text("an optimizer that is not schedule-free", "非 schedule-free 的优化器")
)


PARTNERS: Mapping[str, Partner] = {
    "learning_rate": Partner(lambda s: stands_in(s.plan), RATE_NEEDS),
    "noise_offset_random_strength": _with("noise_offset"),
    "unet_lr": Partner(
        lambda s: not (s.get("network_train_text_encoder_only") and s.family in SDX),
        Text(
            "a trained U-Net (no `network_train_text_encoder_only`)",
            "训练 U-Net（没有 `network_train_text_encoder_only`）",
        ),
    ),
    "token_warmup_min": Partner(
        lambda s: any(s.dataset_value("token_warmup_step", x) for x in s.training_subsets), same("`token_warmup_step`")
    ),
    "ddp_timeout": _PROCESSES,
    "ddp_gradient_as_bucket_view": _PROCESSES,
    "ddp_static_graph": _PROCESSES,
    "ip_noise_gamma_random_strength": _with("ip_noise_gamma"),
    "multires_noise_discount": _with("multires_noise_iterations"),
    "dynamo_backend": _with("torch_compile"),
    "base_weights_multiplier": _with("base_weights"),
    "huber_schedule": _HUBER,
    "huber_c": _HUBER,
    "huber_scale": _HUBER,
    "lr_scheduler": _SCHEDULED,
    "lr_warmup_steps": _SCHEDULED,
    "lr_scheduler_num_cycles": Partner(_scheduler(*_CYCLES), same("`lr_scheduler: cosine_with_restarts`")),
    "lr_scheduler_power": Partner(_scheduler("polynomial"), same("`lr_scheduler: polynomial`")),
    "lr_scheduler_timescale": Partner(_scheduler("inverse_sqrt"), same("`lr_scheduler: inverse_sqrt`")),
    "lr_scheduler_min_lr_ratio": Partner(
        _scheduler("cosine_with_min_lr", "warmup_stable_decay"), same("`lr_scheduler: cosine_with_min_lr`")
    ),
    "lr_decay_steps": Partner(_scheduler("warmup_stable_decay"), same("`lr_scheduler: warmup_stable_decay`")),
    "discrete_flow_shift": Partner(_sampling("shift", "sigma"), same("`timestep_sampling: shift`")),
    "sigmoid_scale": Partner(_sampling("sigmoid", "shift", "flux_shift"), same("`timestep_sampling: sigmoid`")),
    "logit_mean": Partner(_logit_normal, same("`weighting_scheme: logit_normal`")),
    "logit_std": Partner(_logit_normal, same("`weighting_scheme: logit_normal`")),
    "mode_scale": Partner(lambda s: s.text("weighting_scheme") == "mode", same("`weighting_scheme: mode`")),
    "keep_tokens": Partner(
        _shuffles, Text("`shuffle_caption`, tag dropout or token warm-up", "`shuffle_caption`、标签丢弃或 token 预热")
    ),
    "keep_tokens_separator": Partner(
        _shuffles, Text("`shuffle_caption`, tag dropout or token warm-up", "`shuffle_caption`、标签丢弃或 token 预热")
    ),
    "caption_prefix": _RAW,
    "caption_suffix": _RAW,
    "enable_wildcard": _RAW,
    "secondary_separator": _RAW,
    "text_encoder_lr": Partner(
        lambda s: not s.get("network_train_unet_only"),
        Text(
            "a trained text encoder (no `network_train_unet_only`)", "训练文本编码器（没有 `network_train_unet_only`）"
        ),
    ),
    "min_bucket_reso": _SIZED,
    "max_bucket_reso": _SIZED,
    "bucket_reso_steps": _BUCKETS,
    "bucket_no_upscale": _BUCKETS,
    "vae_batch_size": Partner(lambda s: s.is_caching_latents, same("`cache_latents`")),
    "text_encoder_batch_size": Partner(lambda s: s.is_caching_text_encoder, same("`cache_text_encoder_outputs`")),
    "prior_loss_weight": Partner(
        lambda s: any(x.is_reg for x in s.training_subsets), Text("regularisation pictures", "正则化图片")
    ),
    "masked_loss": Partner(
        lambda s: any(s.dataset_value("alpha_mask", x) for x in s.training_subsets), same("`alpha_mask`")
    ),
    "validate_every_n_steps": _HELD_OUT,
    "validate_every_n_epochs": _HELD_OUT,
    "max_validation_steps": _HELD_OUT,
    "validation_seed": _HELD_OUT,
    "sample_every_n_steps": Partner(
        lambda s: not s.get("sample_every_n_epochs"), Text("no `sample_every_n_epochs`", "没有 `sample_every_n_epochs`")
    ),
    "save_last_n_epochs": Partner(
        lambda s: bool(s.get("save_every_n_epochs") or s.get("save_n_epoch_ratio")), same("`save_every_n_epochs`")
    ),
    "save_last_n_steps": _with("save_every_n_steps"),
}
"""Option -> what it needs to have an effect, in any family."""


def ineffective(settings: Settings) -> tuple[Finding, ...]:
    """Return a warning for each option of the recipe that changes nothing. Values the planner chose are not told."""
    found: list[Finding] = []
    for name, decided in {**settings.plan.dataset_general, **settings.plan.train}.items():
        if decided.source is Source.DERIVED or is_off(decided.value) or _is_refused(settings, name):
            continue
        if settings.family not in EFFECTIVE.get(name, {settings.family}):
            why = Text(f"{settings.family} ignores it", f"{settings.family} 会忽略它")
            found.append(no_effect(name, decided, why))
        elif name in PARTNERS and not PARTNERS[name].works(settings):
            needs = PARTNERS[name].needs
            found.append(no_effect(name, decided, Text(f"it needs {needs.en}", f"它需要 {needs.zh}")))
    found += _single_text_encoder_lr(settings)
    return tuple(found)


def _is_refused(settings: Settings, name: str) -> bool:
    """Whether the option or its value is a mistake: that is told already."""
    if name not in settings.plan.train:
        return False
    option = settings.options.get(name)
    return option is None or (name in settings.values and value_problem(option, settings.values[name]) is not None)


def _single_text_encoder_lr(settings: Settings) -> list[Finding]:
    value = settings.values.get("text_encoder_lr")
    module = settings.text("network_module")
    if (
        settings.family not in SDX
        or not isinstance(value, list)
        or len(value) < 2
        or not module.startswith("networks.")
    ):
        return []
    why = Text("this network module uses the first value only", "该网络模块只使用第一个值")
    return [no_effect("text_encoder_lr", settings.plan.train["text_encoder_lr"], why)]
