"""Keys of sd-scripts' dataset TOML: type and level of each, as its strict reader demands (library/config_util.py).

An unknown key or another type stops the trainer with `extra keys not allowed` or `expected int`; a float where a table
below says `float` must have a point, a bool passes for an int there but not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.core.text import Text

DatasetKind = Literal["int", "float", "number", "bool", "str", "size", "float_pair", "table"]
Level = Literal["general", "dataset", "subset"]

_TOP: tuple[Level, ...] = ("general", "dataset")
_ALL: tuple[Level, ...] = ("general", "dataset", "subset")
_SUBSET: tuple[Level, ...] = ("subset",)


@dataclass(frozen=True, slots=True)
class DatasetKey:
    """One key of the dataset TOML."""

    kind: DatasetKind
    """`number`: int or float; `size`: int or [int, int]; `float_pair`: [float, float]."""
    levels: tuple[Level, ...]
    """Tables it may stand in; a subset's value wins over the dataset's, that over [general]'s."""
    argument: str = ""
    """Option of the train TOML that stands in where the key is missing everywhere."""


DATASET_KEYS: dict[str, DatasetKey] = {
    "resolution": DatasetKey("size", _TOP, "resolution"),
    "batch_size": DatasetKey("int", _TOP, "train_batch_size"),
    "enable_bucket": DatasetKey("bool", _TOP, "enable_bucket"),
    "bucket_no_upscale": DatasetKey("bool", _TOP, "bucket_no_upscale"),
    "min_bucket_reso": DatasetKey("int", _TOP, "min_bucket_reso"),
    "max_bucket_reso": DatasetKey("int", _TOP, "max_bucket_reso"),
    "bucket_reso_steps": DatasetKey("int", _TOP, "bucket_reso_steps"),
    "validation_split": DatasetKey("float", _TOP, "validation_split"),
    "validation_seed": DatasetKey("int", _TOP, "validation_seed"),
    "network_multiplier": DatasetKey("float", _TOP),
    "resize_interpolation": DatasetKey("str", _ALL, "resize_interpolation"),
    "num_repeats": DatasetKey("int", _ALL, "dataset_repeats"),
    "shuffle_caption": DatasetKey("bool", _ALL, "shuffle_caption"),
    "color_aug": DatasetKey("bool", _ALL, "color_aug"),
    "flip_aug": DatasetKey("bool", _ALL, "flip_aug"),
    "random_crop": DatasetKey("bool", _ALL, "random_crop"),
    "enable_wildcard": DatasetKey("bool", _ALL, "enable_wildcard"),
    "keep_tokens": DatasetKey("int", _ALL, "keep_tokens"),
    "token_warmup_min": DatasetKey("int", _ALL, "token_warmup_min"),
    "token_warmup_step": DatasetKey("number", _ALL, "token_warmup_step"),
    "caption_separator": DatasetKey("str", _ALL, "caption_separator"),
    "keep_tokens_separator": DatasetKey("str", _ALL, "keep_tokens_separator"),
    "secondary_separator": DatasetKey("str", _ALL, "secondary_separator"),
    "caption_prefix": DatasetKey("str", _ALL, "caption_prefix"),
    "caption_suffix": DatasetKey("str", _ALL, "caption_suffix"),
    "face_crop_aug_range": DatasetKey("float_pair", _ALL, "face_crop_aug_range"),
    "custom_attributes": DatasetKey("table", _ALL),
    "caption_dropout_rate": DatasetKey("number", _ALL, "caption_dropout_rate"),
    "caption_tag_dropout_rate": DatasetKey("number", _ALL, "caption_tag_dropout_rate"),
    "caption_dropout_every_n_epochs": DatasetKey("int", _ALL, "caption_dropout_every_n_epochs"),
    "caption_extension": DatasetKey("str", _ALL, "caption_extension"),
    "cache_info": DatasetKey("bool", _ALL, "cache_info"),
    "class_tokens": DatasetKey("str", _ALL),
    "image_dir": DatasetKey("str", _SUBSET),
    "is_reg": DatasetKey("bool", _SUBSET),
    "alpha_mask": DatasetKey("bool", _SUBSET, "alpha_mask"),
}
_INTERPOLATIONS = ("lanczos", "nearest", "bilinear", "linear", "bicubic", "cubic", "area", "box")


def to_dataset_value(name: str, value: Any) -> Any:
    """Return `value` as the trainer's dataset reader wants it: whole numbers become floats where it demands them."""
    key = DATASET_KEYS.get(name)
    if key is None or isinstance(value, bool):
        return value
    if key.kind == "float" and isinstance(value, int):
        return float(value)
    if key.kind == "float_pair" and isinstance(value, (list, tuple)):
        return [float(v) if isinstance(v, int) else v for v in value]
    if key.kind == "size" and isinstance(value, (list, tuple)):
        return list(value)
    return value


def dataset_value_problem(name: str, value: Any, level: Level) -> Text | None:
    """Return what the trainer's dataset reader would refuse in `name = value` at this level, or None."""
    key = DATASET_KEYS.get(name)
    if key is None:
        return Text("is no key of the dataset TOML", "不是数据集 TOML 的键")
    if level not in key.levels:
        places = ", ".join(key.levels)
        return Text(
            f"may not stand in the table of the {level}, only in: {places}",
            f"不能放在 {level} 表中，只能放在：{places}",
        )
    if name == "resize_interpolation" and value not in _INTERPOLATIONS:
        return Text(f"must be one of {', '.join(_INTERPOLATIONS)}", f"必须是以下之一：{'、'.join(_INTERPOLATIONS)}")
    if _fits(key.kind, value):
        return None
    en, zh = _WORDS[key.kind]
    return Text(f"must be {en}; it is {value!r}", f"必须是{zh}；现在是 {value!r}")


_WORDS: dict[DatasetKind, tuple[str, str]] = {
    "int": ("a whole number", "整数"),
    "float": ("a number", "数字"),
    "number": ("a number", "数字"),
    "bool": ("true or false", "true 或 false"),
    "str": ("text", "文本"),
    "size": ("a whole number or [width, height]", "整数或 [宽, 高]"),
    "float_pair": ("two numbers", "两个数字"),
    "table": ("a table", "表"),
}


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fits(kind: DatasetKind, value: Any) -> bool:
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    return {
        "int": _is_int(value),
        "float": isinstance(value, float),
        "number": _is_int(value) or isinstance(value, float),
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
        "size": _is_int(value) or (pair and all(map(_is_int, value))),
        "float_pair": pair and all(isinstance(v, float) for v in value),
        "table": isinstance(value, dict),
    }[kind]
