"""What is recorded inside the trainer's process, and how often the fixed probe is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.plan.model import Recording, Resolved

if TYPE_CHECKING:
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import StepPlan

RECORDED_FAMILIES: Final = frozenset({"pocket", "sd15", "sd2", "sdxl", "sd3", "flux"})
"""Families whose entry script the recorder knows how to start."""
PROBE_PICTURES: Final = 4
"""Training pictures in the probe, and at most as many held-out ones."""
PROBE_TIMESTEPS: Final = (100, 300, 500, 700, 900)
LEAST_PROBES: Final = 8
"""With the LoRA on: fewer give no curve."""
MOST_PROBES: Final = 40
COST_GOAL: Final = 0.04
"""Share of the training time; the limit promised is 0.05, from 1,500 steps at batch 2 on."""
_PASSES_PER_SAMPLE: Final = 3
"""A training sample is one forward pass and one backward pass, which costs about two forward ones."""
_OFF_PROBES: Final = 2
"""With the LoRA switched off: before the first step and after the last."""

_WHY = {
    "off": Text("nothing is recorded", "不做记录"),
    "log": Text(
        "each picture's loss, timestep and gradient are recorded; how far the LoRA is from the base model is not measured",
        "记录每张图片的损失、时间步和梯度；不测量 LoRA 与基础模型的差距",
    ),
    "probe": Text(
        "without it nothing sure can be said about the course of the loss; training itself stays the same to the last bit",
        "没有它就无法可靠地判断损失走势；训练结果本身逐位不变",
    ),
}


def decide_recording(draft: Draft, steps: StepPlan) -> Recording:
    """Decide `telemetry` and the pace of the probe."""
    given, family = draft.recipe.telemetry, draft.recipe.base_model.family
    if family not in RECORDED_FAMILIES:
        because = Text(f"there is no recorder for {family} yet", f"{family} 暂无记录器")
        if given not in (None, "off"):
            draft.leave_out(given, "telemetry", because)
        return Recording(draft.derive("off", because))
    mode = draft.choose(given, "telemetry", "probe", _WHY["probe"])
    if mode.value != "probe":
        return Recording(_told(mode, _WHY[str(mode.value)]))
    batch = max(1.0, draft.number("train_batch_size") or 1) * max(1.0, draft.number("gradient_accumulation_steps") or 1)
    every = probe_pace(steps.total_steps, batch)
    return Recording(_told(mode, _pace_told(steps.total_steps, every)), every)


def _told(mode: Resolved, more: Text) -> Resolved:
    because = Text(f"{mode.because.en}; {more.en}", f"{mode.because.zh}；{more.zh}")
    return replace(mode, because=because)


def probe_pace(total_steps: int, samples_per_step: float) -> int:
    """Return the number of steps from one probe to the next: as many probes as cost about `COST_GOAL`, within limits.

    Counted in forward passes of one sample; a probe takes training and held-out pictures at each timestep.
    """
    probe = 2 * PROBE_PICTURES * len(PROBE_TIMESTEPS)
    affordable = COST_GOAL * total_steps * samples_per_step * _PASSES_PER_SAMPLE / probe - _OFF_PROBES
    count = min(MOST_PROBES, max(LEAST_PROBES, int(affordable)))
    return max(1, total_steps // count)


def _pace_told(total_steps: int, every: int) -> Text:
    count = -(-total_steps // every)
    return Text(
        f"{count} probes, one every {every} of {total_steps} steps, and the base model at both ends",
        f"共 {count} 次探测，{total_steps} 步中每 {every} 步一次，并在首尾各测一次基础模型",
    )
