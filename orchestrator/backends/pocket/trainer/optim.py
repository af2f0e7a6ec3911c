"""Optimizers and learning-rate schedules under sd-scripts' names."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import torch
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.logs import logger

if TYPE_CHECKING:
    import argparse


def key_values(items: list[str] | None, option: str) -> dict[str, Any]:
    """`["a=1", "b=True"]` as a dict; the values are Python literals.

    Raises:
        ConfigurationError: an item is not `key=literal`.
    """
    values = {}
    for item in items or []:
        key, sign, text = item.partition("=")
        try:
            values[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            sign = ""
        if not sign:
            raise ConfigurationError(f"`{option}`: {item!r} must be key=value with a Python literal, such as a=0.1")
    return values


def _optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    if name != "Prodigy":
        found: type[torch.optim.Optimizer] = getattr(torch.optim, {"": "AdamW", "SGDNesterov": "SGD"}.get(name, name))
        return found
    try:
        from prodigyopt import Prodigy
    except ImportError:
        raise ConfigurationError(
            "No prodigyopt: the optimizer Prodigy needs the package prodigyopt (pip install prodigyopt)"
        ) from None
    prodigy: type[torch.optim.Optimizer] = Prodigy
    return prodigy


def make_optimizer(args: argparse.Namespace, groups: list[dict[str, object]]) -> tuple[str, torch.optim.Optimizer]:
    """The optimizer, and its name with arguments for the metadata."""
    chosen = _optimizer_class(args.optimizer_type)
    options = key_values(args.optimizer_args, "optimizer_args")
    if args.optimizer_type == "SGDNesterov":
        options = {"momentum": 0.9, "nesterov": True} | options
    rates = [float(str(group["lr"])) for group in groups]
    if args.optimizer_type == "Prodigy" and max(rates) <= 0.1:
        logger.warning(
            "learning rate is too low. If using D-Adaptation or Prodigy, set learning rate around 1.0: lr=%s",
            max(rates),
        )
    logger.info("use %s optimizer | %s", args.optimizer_type or "AdamW", options)
    try:
        optimizer = chosen(groups, lr=args.learning_rate, **options)
    except TypeError as error:
        raise ConfigurationError(f"`optimizer_args` do not fit {chosen.__name__}: {error}") from error
    text = ",".join(f"{key}={value}" for key, value in options.items())
    return f"{chosen.__module__}.{chosen.__name__}" + (f"({text})" if text else ""), optimizer


def _steps(value: float, total: int) -> int:
    """A float is a share of the run, an int a number of steps."""
    return int(value * total) if isinstance(value, float) else value


def make_scheduler(args: argparse.Namespace, optimizer: torch.optim.Optimizer) -> Any:
    """The learning-rate schedule over `max_train_steps`.

    Raises:
        ConfigurationError: a warm-up for a schedule that has none, or missing companions.
    """
    name, total = args.lr_scheduler, args.max_train_steps
    extra = key_values(args.lr_scheduler_args, "lr_scheduler_args")
    warmup, decay = _steps(args.lr_warmup_steps, total), _steps(args.lr_decay_steps, total)
    if name == "constant" and warmup:
        raise ConfigurationError("constant does not require `num_warmup_steps`. Set None or 0: `lr_warmup_steps = 0`")
    if name == "piecewise_constant":
        if "step_rules" not in extra:
            raise ConfigurationError("piecewise_constant needs `lr_scheduler_args = [\"step_rules='1:10,0.1'\"]`")
        from diffusers.optimization import get_piecewise_constant_schedule

        return get_piecewise_constant_schedule(optimizer, **extra)
    options = _schedule_options(args, total, warmup, decay)
    return TYPE_TO_SCHEDULER_FUNCTION[name](optimizer, **options, **extra)


def _schedule_options(args: argparse.Namespace, total: int, warmup: int, decay: int) -> dict[str, Any]:
    """What each schedule is given; lengths in optimizer steps."""
    name, cycles, least = args.lr_scheduler, args.lr_scheduler_num_cycles, args.lr_scheduler_min_lr_ratio
    if name == "constant":
        return {}
    if name == "cosine_with_min_lr" and least is None:
        raise ConfigurationError("cosine_with_min_lr needs `lr_scheduler_min_lr_ratio`")
    whole = {"num_warmup_steps": warmup, "num_training_steps": total}
    special: dict[str, dict[str, Any]] = {
        "constant_with_warmup": {"num_warmup_steps": warmup},
        "inverse_sqrt": {"num_warmup_steps": warmup, "timescale": args.lr_scheduler_timescale},
        "cosine_with_restarts": whole | {"num_cycles": cycles},
        "polynomial": whole | {"power": args.lr_scheduler_power},
        "cosine_with_min_lr": whole | {"num_cycles": cycles / 2, "min_lr_rate": least},
        "warmup_stable_decay": {
            "num_warmup_steps": warmup, "num_stable_steps": total - warmup - decay, "num_decay_steps": decay,
            "num_cycles": cycles / 2, "min_lr_ratio": least or 0.0,
        },
    }  # fmt: skip
    return special.get(name, whole)
