"""How long the trainer may be silent. What it is doing decides: hashing seven gigabytes says nothing for minutes, a step must end.

Durations only, of a clock that never jumps; the wall clock has no say here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

Phase = Literal["start", "load", "cache", "step", "sample", "save"]
Answer = Literal["tell", "end"]

START_S: Final = 300.0
"""Until the first word of a trainer that imports torch from a cold disk."""
STEP_S: Final = 300.0
STEP_TIMES: Final = 20.0
"""A step may take this many times the usual one."""
DRAWING_S: Final = 900.0
SAVING_S: Final = 900.0
BYTES_PER_S: Final = 50e6
"""A slow disk, at which a model is read and hashed."""
PICTURE_S: Final = 60.0
CACHING_MOST_S: Final = 3600.0
"""Each picture that is encoded moves a bar: not all of them may be silent together."""
END_TIMES: Final = 2.0
"""A silence this many times longer than what is told ends the attempt, where that is asked for."""
_STEPS_KEPT: Final = 63

PHASES: Final[Mapping[str, Phase]] = {
    "settings-loaded": "load",
    "device": "load",
    "network-module": "cache",
    "network-created": "load",
    "training-started": "load",
    "sampling": "sample",
    "checkpoint-saved": "save",
    "state-saved": "save",
    "model-saved": "save",
}
"""Kind of a console line (observe/console_kinds.py) -> what the trainer does from there on. Between `training-started` and the
first step the model files are hashed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of silence in each phase, after which it is told."""

    start_s: float = START_S
    load_s: float = START_S
    cache_s: float = START_S
    step_s: float = STEP_S
    sample_s: float = DRAWING_S
    save_s: float = SAVING_S


def limits_for(model_bytes: int, pictures: int) -> Limits:
    """Return the limits of a run with model files of `model_bytes` in all, that trains on `pictures` pictures."""
    load_s = START_S + model_bytes / BYTES_PER_S
    cache_s = max(load_s, min(CACHING_MOST_S, PICTURE_S * pictures))
    return Limits(load_s=load_s, cache_s=cache_s)


class Patience:
    """Hears what the trainer does; says when its silence is to be told, and when the attempt is to be ended for it."""

    def __init__(self, limits: Limits = Limits(), *, is_ending: bool = False) -> None:
        """`is_ending`: a silence of twice the limit ends the attempt. By default it is only told."""
        self._limits, self._is_ending = limits, is_ending
        self.phase: Phase = "start"
        self._last_step: tuple[int, float] | None = None
        self._step_times: deque[float] = deque(maxlen=_STEPS_KEPT)
        self._told_s = 0.0

    def hear(self, kind: str) -> None:
        """Take the kind of a line that is no step."""
        phase = PHASES.get(kind)
        if phase is not None:
            self.phase = phase

    def hear_step(self, step: int, at_s: float) -> None:
        """Take a step and when it was seen, in seconds since the start. Step 0 is the bar before the first one."""
        if step < 1:
            return
        if self._last_step is not None and self.phase == "step" and step > self._last_step[0]:
            steps, seconds = step - self._last_step[0], at_s - self._last_step[1]
            self._step_times.append(seconds / steps)
        if self._last_step is None or step > self._last_step[0]:
            self.phase = "step"  # the bar of the same step is drawn again after each sample and save
            self._last_step = (step, at_s)

    @property
    def limit_s(self) -> float:
        """Seconds of silence that are told in the present phase."""
        if self.phase == "step":
            usual = median(self._step_times) if self._step_times else 0.0
            return max(self._limits.step_s, STEP_TIMES * usual)
        limits = self._limits
        return {
            "start": limits.start_s, "load": limits.load_s, "cache": limits.cache_s,
            "sample": limits.sample_s, "save": limits.save_s,
        }[self.phase]  # fmt: skip

    def look(self, silent_s: float) -> Answer | None:
        """Return what a silence of `silent_s` calls for: it is told at the limit, and again whenever it has doubled."""
        limit_s = self.limit_s
        if silent_s < limit_s:
            self._told_s = 0.0
            return None
        if self._is_ending and self._told_s and silent_s >= END_TIMES * limit_s:
            return "end"
        if silent_s < 2 * self._told_s:
            return None
        self._told_s = silent_s
        return "tell"


def silence_text(phase: str, stacks: int) -> Text:
    """Say in which phase the trainer fell silent, and where to see what it does."""
    doing = _DOING.get(phase, _DOING["step"])
    if not stacks:
        return Text(f"the trainer fell silent {doing.en}", f"训练器{doing.zh}没有输出")
    return Text(
        f"the trainer fell silent {doing.en}; where it stands is at the end of console.log",
        f"训练器{doing.zh}没有输出；其当前位置已写入 console.log 末尾",
    )


_DOING: Final[Mapping[str, Text]] = {
    "start": Text("while it starts", "在启动时"),
    "load": Text("while it loads and hashes the model", "在加载和校验模型时"),
    "cache": Text("while it encodes the pictures", "在编码图片时"),
    "step": Text("in the middle of a step", "在训练步骤中"),
    "sample": Text("while it draws samples", "在绘制样图时"),
    "save": Text("while it saves", "在保存时"),
}
