"""The gate before each save: a disk that fills and empties by hand, a clock set by hand, no trainer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.run.saved.disk_gate import DiskGate, Pushes
from tests.run.small_trainer import english

if TYPE_CHECKING:
    from orchestrator.core.text import Text

MIB = 1024 * 1024
SAVE = 100 * MIB


@dataclass
class World:
    """A disk and a trainer that can be held."""

    free: int = 10_000 * MIB
    can_hold: bool = True
    ballast: int = 64 * MIB
    did: list[str] = field(default_factory=list)
    told: list[Text] = field(default_factory=list)

    def pushes(self) -> Pushes:
        return Pushes(self.free_now, self.hold, lambda: self.did.append("go"), self.drop, self.told.append)

    def free_now(self) -> int:
        return self.free

    def hold(self) -> bool:
        if self.can_hold:
            self.did.append("hold")
        return self.can_hold

    def drop(self) -> int:
        freed, self.ballast = self.ballast, 0
        self.free += freed
        return freed


def every_ten(step: int) -> tuple[int, int] | None:
    """Save after each tenth of forty steps."""
    return (step // 10 + 1) * 10, SAVE


def until_forty(step: int) -> tuple[int, int] | None:
    return every_ten(step) if step < 40 else None


def run(gate: DiskGate, first_s: float, last_s: float, pace_s: float = 2.0) -> None:
    """Tick ten times a second, a step each `pace_s` seconds as long as the trainer is not held."""
    tick = int(first_s * 10)
    held = 0
    while tick < last_s * 10:
        held += gate.is_held
        gate.tick(tick / 10, int((tick - held) / 10 / pace_s))
        tick += 1


def test_with_room_nothing_happens() -> None:
    world = World()
    run(DiskGate(until_forty, world.pushes()), 0, 100)
    assert (world.did, world.told) == ([], [])


def test_held_before_the_save_and_let_go_when_there_is_room() -> None:
    world = World(free=SAVE)
    gate = DiskGate(until_forty, world.pushes())
    run(gate, 0, 9)
    assert world.did == [], "the save at step 10 comes at 20 s, the lead is 10 s"
    run(gate, 9, 12)
    assert (world.did, gate.is_held) == (["hold"], True)
    run(gate, 12, 30)
    world.free = 2 * SAVE
    run(gate, 30, 36)
    assert (world.did, gate.is_held) == (["hold", "go"], False)
    first, second = english(world.told)
    assert "paused before the save at step 10: it needs 113.0 MiB, 100.0 MiB are free" in first
    assert "there is room again" in second
    assert 15 < gate.held_s < 26


def test_a_disk_that_fills_only_later_is_seen() -> None:
    world = World()
    gate = DiskGate(until_forty, world.pushes())
    run(gate, 0, 15)
    world.free = 1 * MIB + SAVE
    run(gate, 15, 17)
    assert world.did == ["hold"]


def test_the_very_first_save_is_looked_at_though_no_pace_is_known() -> None:
    world = World(free=SAVE)
    gate = DiskGate(lambda step: (1, SAVE) if step < 1 else None, world.pushes())
    gate.tick(0.0, 0)
    assert world.did == ["hold"]


def test_a_full_disk_lets_the_ballast_go_once() -> None:
    world = World(free=1000)
    gate = DiskGate(lambda _step: (10**6, SAVE), world.pushes())
    run(gate, 0, 5)
    assert world.ballast == 0
    assert world.free == 64 * MIB + 1000


def test_the_ballast_may_be_all_that_a_small_save_needs() -> None:
    world = World(free=1000)
    gate = DiskGate(lambda _step: (1, 10 * MIB), world.pushes())
    run(gate, 0, 5)
    assert world.did == []


def test_released_before_it_is_ended_and_never_held_again() -> None:
    world = World(free=0, ballast=0)
    gate = DiskGate(until_forty, world.pushes())
    run(gate, 0, 20)
    gate.release(20.0)
    assert (world.did, gate.is_held) == (["hold", "go"], False)
    run(gate, 20, 60)
    assert world.did == ["hold", "go"]


def test_where_nothing_can_be_held_it_is_told_once() -> None:
    world = World(free=0, ballast=0, can_hold=False)
    run(DiskGate(until_forty, world.pushes()), 0, 60)
    (told,) = english(world.told)
    assert "the disk is nearly full" in told


def test_a_disk_that_cannot_be_asked_decides_nothing() -> None:
    def fail() -> int:
        raise OSError(5, "Input/output error")

    world = World()
    pushes = Pushes(fail, world.hold, lambda: None, world.drop, world.told.append)
    run(DiskGate(until_forty, pushes), 0, 60)
    assert world.did == []


def test_steps_that_were_done_before_are_no_pace() -> None:
    world = World(free=0, ballast=0)
    gate = DiskGate(lambda step: (500, SAVE) if step < 500 else None, world.pushes(), first_step=400)
    gate.tick(0.0, 400)
    gate.tick(2.0, 401)
    assert world.did == [], "99 steps of 2 s are left"
    gate.tick(190.0, 495)
    assert world.did == ["hold"]


def test_after_the_last_save_nothing_is_held() -> None:
    world = World(free=0, ballast=0)
    gate = DiskGate(until_forty, world.pushes())
    gate.tick(0.0, 40)
    gate.tick(5.0, 40)
    assert world.did == []
