"""What the launcher inside the trainer's process recorded, as typed facts. Written by `telemetry`, read by `observe`."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as the trainer met it."""

    index: int
    name: str
    """Folder and file, e.g. `10_glyph man/003.png`; never absolute."""
    caption: str = ""
    """First 8 hex digits of the caption's sha256."""
    bucket: tuple[int, int] | None = None
    """Width, height in pixels."""
    is_held_out: bool = False
    is_reg: bool = False
    """A regularisation picture: it keeps the base model's own, and is nothing of the subject."""

    @property
    def is_subject(self) -> bool:
        """Whether the subject is trained on it."""
        return not (self.is_held_out or self.is_reg)


@dataclass(frozen=True, slots=True)
class SampleLosses:
    """One row per picture shown, in order. All arrays have the same length M."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    """int64 (M,): optimizer step from 1, not descending."""
    timesteps: array[float] = field(default_factory=lambda: array("d"))
    """float64 (M,): 0 ... 1000; for flow models sigma * 1000."""
    losses: array[float] = field(default_factory=lambda: array("d"))
    """float64 (M,): mean squared error of this sample, without any weighting; may be NaN or infinite."""
    targets: array[float] = field(default_factory=lambda: array("d"))
    """float64 (M,): mean squared target; 1 - loss / target is the explained fraction."""
    pictures: array[int] = field(default_factory=lambda: array("q"))
    """int64 (M,): index into `Telemetry.pictures`, -1 where unknown."""

    def __len__(self) -> int:
        return len(self.steps)

    def without(self, pictures: Collection[int]) -> SampleLosses:
        """Return the rows of all but these pictures."""
        if not pictures:
            return self
        is_kept = [picture not in pictures for picture in self.pictures]
        columns = (self.steps, self.timesteps, self.losses, self.targets, self.pictures)
        kept: tuple[Any, ...] = tuple(array(column.typecode, compress(column, is_kept)) for column in columns)
        return SampleLosses(*kept)


@dataclass(frozen=True, slots=True)
class StepRecords:
    """One row per optimizer step, of rank 0. All arrays have the same length N."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    """int64 (N,): from 1, ascending and unique."""
    grad_norms: array[float] = field(default_factory=lambda: array("d"))
    """float64 (N,): total gradient norm before clipping; NaN also where it was not recorded."""
    clipped: array[float] = field(default_factory=lambda: array("d"))
    """float64 (N,): 1 where clipping shrank the gradient, 0 where not, NaN where unknown."""
    lrs: tuple[array[float], ...] = ()
    """Per parameter group, float64 (N,): learning rate as the optimizer held it."""
    ds: tuple[array[float], ...] = ()
    """Per parameter group, float64 (N,): step size found by Prodigy or D-Adaptation; empty for other optimizers."""

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Probe:
    """Loss on fixed pictures, timesteps and noise."""

    step: int
    """Optimizer steps done."""
    is_on: bool
    """False: the LoRA was switched off, which is the base model."""
    when: str
    """`start`, `train`, `end`; `no-trigger`: at the end, with captions that lack the trigger, of pictures whose captions hold it."""
    timesteps: tuple[float, ...]
    """(T,)"""
    pictures: tuple[int, ...]
    """(P,): indices into `Telemetry.pictures`."""
    losses: tuple[tuple[float, ...], ...]
    """(P, T): unweighted mean squared errors."""
    targets: tuple[tuple[float, ...], ...]
    """(P, T): mean squared targets."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that was recorded, all ranks together."""

    mode: str
    """`log` or `probe`."""
    entry: str = ""
    objective: str | None = None
    """`epsilon`, `v` or `flow`."""
    world_size: int = 1
    pictures: tuple[Picture, ...] = ()
    samples: SampleLosses = field(default_factory=SampleLosses)
    steps: StepRecords = field(default_factory=StepRecords)
    probes: tuple[Probe, ...] = ()
    """In order of steps."""
    hooks: Mapping[str, bool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What the recorder had to say: missing hooks, errors it swallowed."""
    is_complete: bool = False
    """Whether the last line was written: the trainer's own end was seen."""
    log_seconds: float = 0.0
    probe_seconds: float = 0.0
    damage: tuple[str, ...] = ()
    """Lines that could not be read: which file, how many."""
