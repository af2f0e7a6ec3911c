"""The dataset TOML, checked key by key and resolved: subset, then dataset, then `[general]`, then the arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.backends.pocket.options import DATASET_OPTIONS
from orchestrator.backends.pocket.trainer.arguments import ConfigurationError, nearest, read_toml, type_problem
from orchestrator.backends.pocket.trainer.logs import logger

if TYPE_CHECKING:
    import argparse

LATENT_STEP = 8
"""Sides of pictures must be multiples of this: the autoencoder divides by 4, the U-Net once more by 2."""


@dataclass(slots=True)
class Subset:
    """One picture folder with its effective values."""

    image_dir: str
    num_repeats: int
    class_tokens: str | None
    is_reg: bool
    caption_extension: str
    caption_separator: str
    caption_prefix: str | None
    caption_suffix: str | None
    shuffle_caption: bool
    keep_tokens: int
    keep_tokens_separator: str
    caption_dropout_rate: float
    caption_dropout_every_n_epochs: int
    caption_tag_dropout_rate: float
    flip_aug: bool


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """One `[[datasets]]` table with its effective values."""

    width: int
    height: int
    batch_size: int
    enable_bucket: bool
    min_bucket_reso: int
    max_bucket_reso: int
    bucket_reso_steps: int
    bucket_no_upscale: bool
    validation_split: float
    validation_seed: int | None
    subsets: tuple[Subset, ...]


def _check_table(table: dict[str, Any], level: str, where: str) -> list[str]:
    problems = []
    for name, value in table.items():
        if level == "dataset" and name == "subsets":
            continue
        option = DATASET_OPTIONS.get(name)
        if option is None:
            problems.append(f"{where}: pocket does not implement `{name}`{nearest(name, list(DATASET_OPTIONS))}")
        elif level not in option.levels:
            problems.append(f"{where}: `{name}` belongs to {' or '.join(option.levels)}, not to a {level} table")
        elif text := type_problem(name, value, option.kind):
            problems.append(f"{where}: {text}")
    return problems


def _find(name: str, args: argparse.Namespace, *tables: dict[str, Any]) -> Any:
    option = DATASET_OPTIONS[name]
    for table in tables:
        if table.get(name) is not None:
            return table[name]
    value = getattr(args, option.argument) if option.argument else None
    return option.default if value is None else value


def _size(value: Any) -> tuple[int, int]:
    """`64`, `[64, 96]`, `"64"` or `"64,96"` as (width, height)."""
    if isinstance(value, str):
        try:
            value = [int(part) for part in value.split(",")]
        except ValueError:
            raise ConfigurationError(f'`resolution` must be "width,height", got {value!r}') from None
    if isinstance(value, int):
        value = [value]
    if not value or len(value) > 2:
        raise ConfigurationError("`resolution` is required: a number or [width, height]")
    return int(value[0]), int(value[-1])


def _subset(args: argparse.Namespace, *tables: dict[str, Any]) -> Subset:
    values = {name: _find(name, args, *tables) for name in Subset.__slots__}
    if not values["image_dir"]:
        raise ConfigurationError("each [[datasets.subsets]] needs `image_dir`")
    return Subset(**values)


def _dataset(table: dict[str, Any], general: dict[str, Any], args: argparse.Namespace) -> DatasetPlan:
    subsets = tuple(_subset(args, subset, table, general) for subset in table.get("subsets", []))
    names = [name for name in DatasetPlan.__slots__ if name not in ("width", "height", "subsets")]
    values = {name: _find(name, args, table, general) for name in names}
    width, height = _size(_find("resolution", args, table, general))
    plan = DatasetPlan(width=width, height=height, subsets=subsets, **values)
    _refuse_impossible(plan)
    return _whole_steps(plan) if plan.enable_bucket else plan


def _whole_steps(plan: DatasetPlan) -> DatasetPlan:
    """The bucket limits as multiples of `bucket_reso_steps`: the lower one rounded down, the upper one up."""
    steps = plan.bucket_reso_steps
    low = plan.min_bucket_reso - plan.min_bucket_reso % steps
    high = plan.max_bucket_reso + -plan.max_bucket_reso % steps
    text = "%s is adjusted to be multiple of bucket_reso_steps: %d -> %d"
    if low != plan.min_bucket_reso:
        logger.warning(text, "min_bucket_reso", plan.min_bucket_reso, low)
    if high != plan.max_bucket_reso:
        logger.warning(text, "max_bucket_reso", plan.max_bucket_reso, high)
    return replace(plan, min_bucket_reso=low, max_bucket_reso=high)


def _refuse_impossible(plan: DatasetPlan) -> None:
    """The trainer's own conditions on sizes, under its own words."""
    if plan.batch_size < 1:
        raise ConfigurationError(f"`batch_size` must be at least 1, got {plan.batch_size}")
    if plan.width % LATENT_STEP or plan.height % LATENT_STEP:
        raise ConfigurationError(f"`resolution` must be divisible by {LATENT_STEP}, got {plan.width}x{plan.height}")
    if not plan.enable_bucket:
        return
    if plan.bucket_reso_steps < 1 or plan.bucket_reso_steps % LATENT_STEP:
        raise ConfigurationError(
            f"bucket_reso_steps is {plan.bucket_reso_steps}. it must be divisible by {LATENT_STEP}."
        )
    if min(plan.width, plan.height) < plan.min_bucket_reso:
        raise ConfigurationError("min_bucket_reso must be equal or less than resolution")
    if max(plan.width, plan.height) > plan.max_bucket_reso:
        raise ConfigurationError("max_bucket_reso must be equal or greater than resolution")


def _folder_subsets(parent: str | None, *, is_reg: bool) -> list[dict[str, Any]]:
    """One subset per `<repeats>_<class tokens>` folder directly below `parent`; others are passed over."""
    if parent is None or not Path(parent).is_dir():
        return []
    subsets = []
    for folder in sorted(path for path in Path(parent).iterdir() if path.is_dir()):
        repeats, _, class_tokens = folder.name.partition("_")
        try:
            number = int(repeats)
        except ValueError:
            logger.warning(
                "ignore directory without repeats / 繰り返し回数のないディレクトリを無視します: %s", folder.name
            )
            continue
        if number >= 1:
            names = {"image_dir": str(folder), "num_repeats": number, "class_tokens": class_tokens, "is_reg": is_reg}
            subsets.append(names)
    return subsets


def read_folders(args: argparse.Namespace) -> tuple[DatasetPlan, ...]:
    """One dataset from `train_data_dir` and `reg_data_dir`; everything else comes from the arguments."""
    subsets = _folder_subsets(args.train_data_dir, is_reg=False) + _folder_subsets(args.reg_data_dir, is_reg=True)
    return (_dataset({"subsets": subsets}, {}, args),)


def read_dataset_config(args: argparse.Namespace) -> tuple[DatasetPlan, ...]:
    """The datasets of `args.dataset_config`.

    Raises:
        ConfigurationError: unknown keys, keys on the wrong level, wrong types, impossible sizes.
    """
    path = Path(args.dataset_config)
    content = read_toml(path)
    problems = [f"{path}: unknown table `{name}`" for name in content if name not in ("general", "datasets")]
    general: dict[str, Any] = content.get("general", {})
    problems += _check_table(general, "general", f"{path} [general]")
    tables: list[dict[str, Any]] = content.get("datasets", [])
    for number, table in enumerate(tables):
        problems += _check_table(table, "dataset", f"{path} datasets[{number}]")
        for position, subset in enumerate(table.get("subsets", [])):
            problems += _check_table(subset, "subset", f"{path} datasets[{number}].subsets[{position}]")
    if not tables:
        problems.append(f"{path}: `datasets` is empty")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return tuple(_dataset(table, general, args) for table in tables)
