"""The level of the loss at which nothing of the model is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import FLOW_FAMILIES, family, number, setting
from orchestrator.diagnose.signals.raw import min_snr_mean_weight

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Case

LOST_SHARE = 0.6
"""Share of the loss of a model that predicts nothing (1 for noise). Two means of 6 steps in a row stay under 0.40 in sound runs (33 runs of
sd-scripts on a small SD1.x, batch 2) and 0.30 (63 public SD1.5 runs, batch 1-4); in lost ones they lie between 0.81 and 1.12."""
LOST_LEVEL_FLOW = 1.2
"""Flow models predict noise minus picture, whose mean square is near 2; sound runs stay near 0.5. Not measured on our own runs."""
LOST_LEVEL_UNKNOWN = 0.8
"""Where the family is unknown: above what any family shows in a sound run, below every lost one."""
WINDOW = 6
"""Steps averaged: few enough that two windows in a row are told within 20 steps of the loss leaving its level.
Highest two in a row of sound runs: 0.40 (33 runs of sd-scripts on a small SD1.x) and 0.30 (63 public SD1.5 runs, batch 1-4); lowest of
lost ones: 0.87. Six steps alone reach 0.47 in sound ones."""
PERSISTENCE = 2
"""Windows in a row. One alone may be bad luck at batch 1."""
FIRST_STEPS, FIRST_LEVEL = 3, 4 / 3
"""The base model's own loss: mean of the first steps against the limit. Measured 1.04 for a base without training, 0.33 to 0.73
where a learning rate of 0.2 did it."""
DIVERGED = 15.0
"""Percent worse than the base on training pictures; see rule `diverging`."""
LOST_BASE = Text(
    "The loss lies near 1 from the very first steps: the base model itself predicts nothing.",
    "损失从最初几步起就接近 1：底模本身就什么都预测不出来。",
)
"""Said while the run goes on and in its report."""


def nan_words(step: int) -> Text:
    """Return what is said the moment a loss is NaN: whether it stays so is not known yet."""
    return Text(f"The loss became NaN at step {step}.", f"损失在第 {step} 步变为 NaN。")


def predicts_raw(case: Case) -> bool:
    """Whether the prediction itself is compared; `sigma_scaled`, which the trainer takes for FLUX by itself, and `additive` do not."""
    written = setting(case, "model_prediction_type")
    is_flux = family(case) == "flux" or str(setting(case, "network_module") or "").endswith("lora_flux")
    return written == "raw" or (written is None and not is_flux)


def lost_level(case: Case) -> tuple[float, Confidence] | None:
    """Return the mean loss above which the model is lost, and how sure that is; None where the loss has another scale."""
    loss_type = setting(case, "loss_type")
    if loss_type not in (None, "l2") or setting(case, "debiased_estimation_loss") or setting(case, "masked_loss"):
        return None
    name, module = family(case), str(setting(case, "network_module") or "").rsplit(".", 1)[-1]
    if name == "sd3" or module == "lora_sd3" or not predicts_raw(case):
        return None  # it compares pictures: what the velocity is off counts sigma^2 times, and the level moves with the timesteps
    if name in FLOW_FAMILIES or module in {"lora_flux", "lora_lumina", "lora_hunyuan_image", "lora_anima"}:
        return LOST_LEVEL_FLOW, Confidence.MEDIUM
    if name is None and not module:
        return LOST_LEVEL_UNKNOWN, Confidence.MEDIUM
    gamma = number(case, "min_snr_gamma")
    weight = 1.0 if not gamma else min_snr_mean_weight(gamma, is_v=bool(setting(case, "v_parameterization")))
    return LOST_SHARE * weight, Confidence.HIGH
