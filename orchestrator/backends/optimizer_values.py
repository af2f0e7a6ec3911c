"""Types of the optimizers' own arguments, where every optimizer that has the argument wants the same."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBERS = frozenset({
    "weight_decay", "momentum", "dampening", "d0", "d_coef", "growth_rate", "clip_threshold", "decay_rate", "warmup_steps",
    "r", "weight_lr_power", "slice_p", "optim_bits", "min_8bit_size", "percentile_clipping", "lr_decay", "alpha",
})  # fmt: skip
_SWITCHES = frozenset({
    "amsgrad", "maximize", "nesterov", "decouple", "use_bias_correction", "safeguard_warmup", "scale_parameter",
    "relative_step", "warmup_init", "capturable", "differentiable", "is_paged", "block_wise",
})  # fmt: skip

WRONG_VALUE = "optimizer-argument-value"
"""Code of the problem."""
WRONG_VALUE_WHAT = Text("an optimizer argument has a wrong value: {0}", "优化器参数的值不对：{0}")
WRONG_VALUE_FIX = Text(
    "write a number, `true` or `false`, or for `betas` a list of numbers",
    "请写数字、`true` 或 `false`；`betas` 请写数字列表",
)


def wrong_argument(items: Sequence[str], optimizer: str) -> str | None:
    """Return the first `key=literal` of `optimizer_args` with a value of the wrong type, and what it must be; else None.

    `optimizer` in lower case. Items that cannot be read are left to the check for that.
    """
    for item in items:
        key, _, text = item.partition("=")
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        wanted = _wanted(key.strip(), value, optimizer)
        if wanted is not None:
            return f"{item} ({wanted})"
    return None


def _wanted(key: str, value: Any, optimizer: str) -> str | None:
    if key in _NUMBERS or (key == "eps" and optimizer in ("", "adamw", "adam", "adamw8bit", "lion", "prodigy")):
        return None if _is_number(value) else "a number"
    if key in _SWITCHES:
        return None if isinstance(value, bool) else "True / False"
    if key == "betas":
        is_pair = isinstance(value, (list, tuple)) and len(value) >= 2 and all(map(_is_number, value))
        return None if is_pair else "0.9,0.99"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
