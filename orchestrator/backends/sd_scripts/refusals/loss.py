"""Noise and loss."""

from __future__ import annotations

from orchestrator.backends.sd_scripts.refusals.model import DIT, Refusal, drop
from orchestrator.core.text import Text

_HUBER = ("huber", "smooth_l1")

REFUSALS = (
    Refusal(
        "adaptive-noise-without-offset",
        ("adaptive_noise_scale", "noise_offset"),
        lambda s: s.get("adaptive_noise_scale") is not None and s.get("noise_offset") is None,
        Text("`adaptive_noise_scale` needs `noise_offset`", "`adaptive_noise_scale` 需要 `noise_offset`"),
        "adaptive_noise_scale requires noise_offset",
        Text(
            "write `noise_offset`, or leave out `adaptive_noise_scale`",
            "请写 `noise_offset`，或去掉 `adaptive_noise_scale`",
        ),
    ),
    Refusal(
        "scaled-v-loss-without-v",
        ("scale_v_pred_loss_like_noise_pred", "v_parameterization"),
        lambda s: bool(s.get("scale_v_pred_loss_like_noise_pred")) and not s.get("v_parameterization"),
        Text(
            "`scale_v_pred_loss_like_noise_pred` needs `v_parameterization`",
            "`scale_v_pred_loss_like_noise_pred` 需要 `v_parameterization`",
        ),
        "scale_v_pred_loss_like_noise_pred can be enabled only with v_parameterization",
        drop("scale_v_pred_loss_like_noise_pred"),
    ),
    Refusal(
        "v-like-loss-with-v",
        ("v_pred_like_loss", "v_parameterization"),
        lambda s: bool(s.get("v_pred_like_loss")) and bool(s.get("v_parameterization")),
        Text(
            "`v_pred_like_loss` and `v_parameterization` exclude each other",
            "`v_pred_like_loss` 与 `v_parameterization` 不能同时使用",
        ),
        "v_pred_like_loss cannot be enabled with v_parameterization",
        drop("v_pred_like_loss"),
    ),
    Refusal(
        "huber-snr-on-flow-model",
        ("huber_schedule", "loss_type"),
        lambda s: s.text("loss_type") in _HUBER and s.text("huber_schedule") == "snr",
        Text(
            "this family has no SNR for `huber_schedule: snr`, the default",
            "该系列没有 `huber_schedule: snr`（默认值）所需的 SNR",
        ),
        "Huber schedule 'snr' is not supported",
        Text(
            "write `huber_schedule: constant` or `exponential` under `trainer_args`",
            "请在 `trainer_args` 下写 `huber_schedule: constant` 或 `exponential`",
        ),
        DIT,
    ),
    Refusal(
        "weighted-captions-unsupported",
        ("weighted_captions",),
        lambda s: bool(s.get("weighted_captions")),
        Text("`weighted_captions` does not work with this family", "该系列不支持 `weighted_captions`"),
        "NotImplementedError at step 1",
        drop("weighted_captions"),
        DIT,
    ),
)
