"""The learning rate over time."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from orchestrator.backends.sd_scripts.refusals.model import TRUST_FIX, Refusal
from orchestrator.backends.sd_scripts.refusals.optimizer import is_relative_adafactor, malformed
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

WORKING = (
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt",
    "cosine_with_min_lr", "warmup_stable_decay", "piecewise_constant", "adafactor",
)  # fmt: skip
CRASHING = ("reduce_lr_on_plateau", "cosine_warmup_with_min_lr")
"""Accepted by name, but the trainer calls them without what they need."""
TORCH_SCHEDULERS = (
    "LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ChainedScheduler", "SequentialLR", "CyclicLR", "OneCycleLR",
    "ReduceLROnPlateau",
)  # fmt: skip
"""Classes of torch.optim.lr_scheduler."""
CLASSES = re.compile(
    rf"(?:torch\.optim\.lr_scheduler\.)?(?:{'|'.join(TORCH_SCHEDULERS)})|pytorch_optimizer\.[A-Z]\w*", re.ASCII
)
"""What `lr_scheduler_type` may name; the trainer takes a name without a dot from torch's module."""


def is_schedule_free(settings: Settings) -> bool:
    """Whether the optimizer brings its own schedule: the trainer then looks at no scheduler at all."""
    return settings.text("optimizer_type").lower().endswith("schedulefree")


def _name(settings: Settings) -> str:
    """The scheduler that is really built; empty where none is."""
    if is_schedule_free(settings):
        return ""
    if settings.get("lr_scheduler_type"):
        return "class"
    return "adafactor" if is_relative_adafactor(settings) else settings.text("lr_scheduler")


def _warmup(settings: Settings) -> str | None:
    name = _name(settings)
    return name if name in ("constant", "adafactor", "class") and settings.number("lr_warmup_steps") else None


def _unknown(settings: Settings) -> str | None:
    name = _name(settings)
    if name in ("", "class", *WORKING, *CRASHING):
        return None
    near = difflib.get_close_matches(name, WORKING, n=1)
    return name + (f" ({near[0]}?)" if near else "")


def _strange_class(settings: Settings) -> str | None:
    name = settings.text("lr_scheduler_type")
    return None if not name or CLASSES.fullmatch(name) or settings.trust.is_recipe else name


def _has_argument(settings: Settings, *names: str) -> bool:
    return any(name in settings.pairs("lr_scheduler_args") for name in names)


def _fixed_adafactor(settings: Settings) -> bool:
    return _name(settings) == "adafactor" and not is_relative_adafactor(settings)


REFUSALS = (
    Refusal(
        "warmup-without-use",
        ("lr_warmup_steps",),
        _warmup,
        Text("warm-up cannot be combined with this scheduler ({0})", "该调度器（{0}）不能使用预热"),
        "SchedulerType.CONSTANT does not require `num_warmup_steps`. Set None or 0.",
        Text(
            "write `lr_warmup_steps: 0`, or `lr_scheduler: constant_with_warmup`",
            "请写 `lr_warmup_steps: 0`，或 `lr_scheduler: constant_with_warmup`",
        ),
    ),
    Refusal(
        "adafactor-scheduler-alone",
        ("lr_scheduler",),
        _fixed_adafactor,
        Text(
            "the adafactor scheduler needs the AdaFactor optimizer with `relative_step`",
            "adafactor 调度器需要启用 `relative_step` 的 AdaFactor 优化器",
        ),
        "adafactor scheduler must be used with Adafactor optimizer",
        Text("take another scheduler, such as `constant_with_warmup`", "请换用其他调度器，例如 `constant_with_warmup`"),
    ),
    Refusal(
        "unknown-scheduler",
        ("lr_scheduler",),
        _unknown,
        Text("the scheduler is not known: {0}", "未知的调度器：{0}"),
        "... is not a valid SchedulerType, please select one of ...",
        Text(f"one of: {', '.join(WORKING)}", f"可用：{'、'.join(WORKING)}"),
    ),
    Refusal(
        "crashing-scheduler",
        ("lr_scheduler",),
        lambda s: _name(s) if _name(s) in CRASHING else None,
        Text("the trainer cannot run the scheduler {0}", "训练器无法运行调度器 {0}"),
        "TypeError: got an unexpected keyword argument",
        Text("write `cosine_with_min_lr` or `cosine`", "请写 `cosine_with_min_lr` 或 `cosine`"),
    ),
    Refusal(
        "min-lr-missing",
        ("lr_scheduler", "lr_scheduler_min_lr_ratio"),
        lambda s: (
            _name(s) == "cosine_with_min_lr"
            and s.number("lr_scheduler_min_lr_ratio") is None
            and not _has_argument(s, "min_lr")
        ),
        Text(
            "`cosine_with_min_lr` needs `lr_scheduler_min_lr_ratio`",
            "`cosine_with_min_lr` 需要 `lr_scheduler_min_lr_ratio`",
        ),
        "One of min_lr or min_lr_rate should be set",
        Text("write `lr_scheduler_min_lr_ratio: 0.1`", "请写 `lr_scheduler_min_lr_ratio: 0.1`"),
    ),
    Refusal(
        "step-rules-missing",
        ("lr_scheduler", "lr_scheduler_args"),
        lambda s: _name(s) == "piecewise_constant" and not _has_argument(s, "step_rules"),
        Text("`piecewise_constant` needs `step_rules`", "`piecewise_constant` 需要 `step_rules`"),
        "missing 1 required positional argument: 'step_rules'",
        Text(
            """write `lr_scheduler_args: ['step_rules="1:10,0.1"']`""",
            """请写 `lr_scheduler_args: ['step_rules="1:10,0.1"']`""",
        ),
    ),
    Refusal(
        "scheduler-args-unreadable",
        ("lr_scheduler_args",),
        lambda s: None if is_schedule_free(s) else malformed(s, "lr_scheduler_args"),
        Text("a scheduler argument cannot be read: {0}", "无法读取调度器参数：{0}"),
        "malformed node or string / too many values to unpack",
        Text("write Python literals, texts in quotes", "请写 Python 字面量，文本加引号"),
    ),
    Refusal(
        "foreign-scheduler-class",
        ("lr_scheduler_type",),
        _strange_class,
        Text(
            "the scheduler class {0} would be imported from an unknown module and run",
            "调度器类 {0} 会从未知模块导入并执行",
        ),
        "",
        TRUST_FIX,
    ),
)
