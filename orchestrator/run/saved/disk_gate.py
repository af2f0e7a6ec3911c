"""Looks at the disk before each save and holds the trainer while there is no room for it.

A save on a full disk leaves a torn file and ends the run. The trainer cannot be told to wait, but its processes can be stopped
where they are, some seconds before the save, and go on once there is room. On one machine only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.number_text import size
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

LEAD_S: Final = 10.0
"""How long before a save, by the pace of the last steps, its room is looked at."""
LOOK_EVERY_S: Final = 1.0
LOOK_HELD_EVERY_S: Final = 5.0
FACTOR: Final = 1.05
SPARE_BYTES: Final = 8 * 1024 * 1024
"""For logs and records that are written meanwhile."""
FULL_BYTES: Final = 1024 * 1024
"""Less free than this and the ballast is let go: not even records could be written."""


@dataclass(frozen=True, slots=True)
class Pushes:
    """What the gate can do to the world; injected, so that it can be tried without a trainer."""

    free_bytes: Callable[[], int]
    """Bytes that can still be written where the trainer saves."""
    hold: Callable[[], bool]
    """Stop the trainer's processes where they are; False where that cannot be done."""
    let_go: Callable[[], None]
    free_ballast: Callable[[], int]
    """Delete the ballast, return the bytes this made free."""
    tell: Callable[[Text], None]


class DiskGate:
    """One for each launch. Call `tick` about ten times a second, and `release` before the trainer is asked to end."""

    def __init__(
        self,
        next_save: Callable[[int], tuple[int, int] | None],
        pushes: Pushes,
        *,
        first_step: int = 0,
    ) -> None:
        """`next_save(step)` returns (step, bytes) of the next save (`Saves.next_after`), None when all are done.

        `first_step`: optimizer steps done when the trainer is started. It is held until there is room or somebody ends it.
        """
        self._next_save = next_save
        self._pushes = pushes
        self._step = first_step
        self._step_at: float | None = None
        self._pace_s = math.inf
        self._looked_at = -math.inf
        self._held_at: float | None = None
        self._is_unable = False
        self.held_s = 0.0
        """Seconds that the trainer was held in all, without the time it is held now."""

    @property
    def is_held(self) -> bool:
        """Whether the trainer is held now. Its silence then means nothing."""
        return self._held_at is not None

    def tick(self, now: float, step: int) -> None:
        """Look at the disk where it is time to. `now`: seconds by any clock that does not go back; `step`: optimizer steps done.

        `free_bytes` may raise OSError: nothing is then decided.
        """
        self._note_pace(now, step)
        every = LOOK_HELD_EVERY_S if self.is_held else LOOK_EVERY_S
        if now - self._looked_at < every or self._is_unable:
            return
        self._looked_at = now
        coming = self._next_save(self._step)
        if coming is None:
            self._go_on(now)
            return
        at_step, size_bytes = coming
        needed = math.ceil(size_bytes * FACTOR) + SPARE_BYTES
        try:
            free = self._pushes.free_bytes()
            if free < FULL_BYTES and self._pushes.free_ballast():
                free = self._pushes.free_bytes()
        except OSError:
            return
        if free >= needed:
            self._go_on(now)
        elif not self.is_held and self._is_close(at_step):
            self._stop_there(now, at_step, needed, free)

    def release(self, now: float) -> None:
        """Let a held trainer go, because it is to be ended: a stopped process does not hear that."""
        if self._held_at is not None:
            self._pushes.let_go()
            self.held_s += now - self._held_at
            self._held_at = None
        self._is_unable = True

    def _note_pace(self, now: float, step: int) -> None:
        if step <= self._step:
            if self._step_at is None:
                self._step_at = now
            return
        if self._step_at is not None:
            self._pace_s = (now - self._step_at) / (step - self._step)
        self._step, self._step_at = step, now

    def _is_close(self, at_step: int) -> bool:
        """Whether the save comes within the lead, or after the very next step. Before the first step no pace is known."""
        left = at_step - self._step
        return left <= 1 or (math.isfinite(self._pace_s) and left * self._pace_s <= LEAD_S)

    def _stop_there(self, now: float, at_step: int, needed: int, free: int) -> None:
        if not self._pushes.hold():
            self._is_unable = True
            self._pushes.tell(
                Text(
                    f"the disk is nearly full: the save at step {at_step} needs {size(needed)}, {size(free)} are free",
                    f"磁盘快满了：第 {at_step} 步的保存需要 {size(needed)}，只剩 {size(free)}",
                )
            )
            return
        self._held_at = now
        self._pushes.tell(
            Text(
                f"paused before the save at step {at_step}: it needs {size(needed)}, {size(free)} are free. Free some space and "
                "training goes on by itself; Ctrl-C ends it with what is saved already",
                f"在第 {at_step} 步保存前暂停：需要 {size(needed)}，只剩 {size(free)}。腾出空间后训练会自动继续；按 Ctrl-C 则以已保存的结果结束",
            )
        )

    def _go_on(self, now: float) -> None:
        if self._held_at is None:
            return
        waited = now - self._held_at
        self.held_s += waited
        self._held_at = None
        self._step_at = now  # the pause is no pace
        self._pushes.let_go()
        self._pushes.tell(
            Text(
                f"there is room again: training goes on after {waited:.0f} s",
                f"空间已够：暂停 {waited:.0f} 秒后继续训练",
            )
        )
