"""Captions, text encoder caches and the hold-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.sd_scripts.refusals.model import DIT, Refusal
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

_CHANGING = ("caption_dropout_rate", "shuffle_caption", "token_warmup_step", "caption_tag_dropout_rate")
_CACHING = ("sdxl", *DIT)


def _changing(settings: Settings) -> str | None:
    if not settings.is_caching_text_encoder:
        return None
    return next((n for s in settings.training_subsets for n in _CHANGING if settings.dataset_value(n, s)), None)


REFUSALS = (
    Refusal(
        "changing-captions-while-cached",
        (*_CHANGING, "cache_text_encoder_outputs"),
        _changing,
        Text("`{0}` cannot be combined with cached text encoder outputs", "`{0}` 不能与文本编码器输出缓存一起使用"),
        "when caching Text Encoder output, either caption_dropout_rate, shuffle_caption, token_warmup_step or caption_tag_dropout_rate cannot be used",
        Text(
            "leave out `{0}`, or write `cache_text_encoder_outputs: false`",
            "请去掉 `{0}`，或写 `cache_text_encoder_outputs: false`",
        ),
        _CACHING,
    ),
    Refusal(
        "text-encoder-trained-while-cached",
        ("cache_text_encoder_outputs", "network_train_unet_only"),
        lambda s: s.is_caching_text_encoder and not s.get("network_train_unet_only"),
        Text(
            "the text encoder cannot be trained while its outputs are cached", "缓存文本编码器输出时不能训练文本编码器"
        ),
        "network for Text Encoder cannot be trained with caching Text Encoder outputs",
        Text(
            "write `network_train_unet_only: true`, or `cache_text_encoder_outputs: false`",
            "请写 `network_train_unet_only: true`，或 `cache_text_encoder_outputs: false`",
        ),
        ("sdxl",),
    ),
    Refusal(
        "split-that-leaks",
        ("validation_split",),
        lambda s: bool(s.number("validation_split")) or bool(s.dataset_number("validation_split")),
        Text("`validation_split` is not safe in this trainer", "在该训练器中 `validation_split` 不安全"),
        "nothing; by rounding or without a seed, pictures would be trained on and validated with",
        Text(
            "write `validate.hold_out`: the pictures go into a data set of their own",
            "请写 `validate.hold_out`：这些图片会放入独立的数据集",
        ),
    ),
    Refusal(
        "every-caption-dropped",
        ("caption_dropout_every_n_epochs",),
        lambda s: any(s.dataset_number("caption_dropout_every_n_epochs", x) == 1 for x in s.training_subsets),
        Text(
            "`caption_dropout_every_n_epochs: 1` drops every caption of every epoch",
            "`caption_dropout_every_n_epochs: 1` 会在每个 epoch 丢弃所有标注",
        ),
        "nothing; it would train without a single caption",
        Text("write 2 or more, or `caption_dropout_rate`", "请写 2 或更大，或使用 `caption_dropout_rate`"),
    ),
)
