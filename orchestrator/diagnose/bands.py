"""Learning rates that have worked, per family, as lr * sqrt(alpha / rank): published presets, and runs of our own for pocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.diagnose.facts import family, is_adaptive, number, optimizer, setting, significant, unet_lr
from orchestrator.diagnose.signals.raw import effective_lr

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

# family: (narrow low, narrow high, wide low, wide high) of lr * sqrt(alpha / rank); sources on the page of `lr-out-of-band`.
BANDS: dict[str, tuple[float, float, float, float]] = {
    "sd15": (7e-5, 2.5e-4, 2e-5, 5e-4),
    "sd2": (7e-5, 2.5e-4, 2e-5, 5e-4),
    "sdxl": (5e-5, 2.2e-4, 1.5e-5, 4e-4),
    "flux": (5e-5, 2e-4, 2e-5, 5e-4),
    "sd3": (5e-5, 1.5e-4, 2e-5, 3e-4),
    "qwen-image": (3e-5, 1.2e-4, 1e-5, 5e-4),
    "pocket": (2e-4, 5e-3, 2e-5, 1e-2),
}
LYCORIS_FACTOR = 5.0
"""LoHa and LoKr presets use about five times LoRA's rate."""
LION_FACTORS = (0.1, 1 / 3)
"""Lion's rate is a tenth to a third of AdamW's (practitioners' courses)."""


def not_comparable(case: Case) -> Text | None:
    """Return why the learning rate cannot be held against a range; None where it can."""
    name = optimizer(case) or "adamw"
    if family(case) not in BANDS:
        return Text("No range is known for this family.", "该模型系列没有已知范围。")
    if is_adaptive(case) or name.startswith("sgd"):
        return Text(f"{name} takes learning rates of another kind.", f"{name} 的学习率含义不同。")
    if name == "adafactor" and "relative_step=false" not in str(setting(case, "optimizer_args", "")).lower():
        return Text("Adafactor finds its own step size here.", "此处 Adafactor 自行决定步长。")
    return None


def usual_rates(case: Case) -> tuple[float, float, float, float]:
    """Return (narrow low, narrow high, wide low, wide high) of the effective rate. Raises KeyError for a family without a range."""
    low, high, wide_low, wide_high = BANDS[family(case) or ""]
    module = f"{setting(case, 'network_module', '')} {setting(case, 'network_args', '')}".lower()
    if "loha" in module or "lokr" in module:
        low, high, wide_low, wide_high = (limit * LYCORIS_FACTOR for limit in (low, high, wide_low, wide_high))
    if (optimizer(case) or "").startswith("lion") or (optimizer(case) or "").endswith("lion8bit"):
        least, most = LION_FACTORS
        low, high, wide_low, wide_high = low * least, high * most, wide_low * least, wide_high * most
    return low, high, wide_low, wide_high


def lower_lr(case: Case, factor: float) -> float | None:
    """Return `factor` times the U-Net's learning rate, and no more than the top of the family's range; None where there is no rate."""
    lr, alpha, rank = unet_lr(case), number(case, "network_alpha"), number(case, "network_dim")
    if not lr or is_adaptive(case):
        return None
    better = lr * factor
    if alpha and rank and not_comparable(case) is None:
        better = min(better, usual_rates(case)[1] / effective_lr(1.0, alpha, rank))
    return significant(better)
