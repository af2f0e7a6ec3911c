"""Length, saving, validation, sampling and logging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.sd_scripts.refusals.model import Refusal, drop
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

_EVERY = (
    "save_every_n_epochs", "save_every_n_steps", "save_n_epoch_ratio", "validate_every_n_steps", "validate_every_n_epochs",
)  # fmt: skip


def _zero_interval(settings: Settings) -> str | None:
    for name in _EVERY:
        value = settings.number(name)
        if value is not None and value < 1:
            return f"{name} = {value}"
    return None


def _no_length(settings: Settings) -> str | None:
    for name in ("max_train_epochs", "max_train_steps"):
        value = settings.number(name)
        if value is not None and value < 1:
            return f"{name} = {value}"
    return None


def _sampling_without_prompts(settings: Settings) -> bool:
    wants = any((settings.number(n) or 0) > 0 for n in ("sample_every_n_epochs", "sample_every_n_steps"))
    return (wants or bool(settings.get("sample_at_first"))) and not settings.plan.prompts


REFUSALS = (
    Refusal(
        "two-lengths",
        ("max_train_steps", "max_train_epochs"),
        lambda s: "max_train_steps" in s.values and "max_train_epochs" in s.values,
        Text(
            "`max_train_steps` and `max_train_epochs` are both given",
            "同时给出了 `max_train_steps` 和 `max_train_epochs`",
        ),
        "nothing; it would take the epochs and a resumed run would overshoot",
        drop("max_train_steps"),
    ),
    Refusal(
        "no-length",
        ("max_train_epochs", "max_train_steps"),
        _no_length,
        Text("nothing would be trained: {0}", "不会进行任何训练：{0}"),
        "nothing; it would write an untrained file and report success",
        Text("write at least 1", "至少写 1"),
    ),
    Refusal(
        "interval-below-one",
        _EVERY,
        _zero_interval,
        Text("an interval must be at least 1: {0}", "间隔至少为 1：{0}"),
        "ZeroDivisionError at the end of the first epoch",
        Text("leave it out to turn it off", "不需要时请去掉"),
    ),
    Refusal(
        "sampling-without-prompts",
        ("sample_every_n_epochs", "sample_every_n_steps", "sample_at_first"),
        _sampling_without_prompts,
        Text("sample pictures are asked for, but there is no prompt", "要求生成采样图，但没有提示词"),
        "stat: path should be string, bytes, os.PathLike or integer, not NoneType, at the first sampling step",
        Text("write `sample.prompts`, or leave out the sampling", "请写 `sample.prompts`，或去掉采样"),
    ),
)
