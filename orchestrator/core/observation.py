"""What a run left behind, as typed facts. A missing source is a fact too, not an exception."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.core.telemetry import Telemetry
    from orchestrator.core.text import Text


@dataclass(frozen=True, slots=True)
class Series:
    """One scalar over training.

    `steps` int64 (N,): optimizer steps from 1, ascending and unique (epoch numbers for the trainer's per-epoch tags);
    `values` float64 (N,): may hold NaN and infinities; `times` float64 (N,): Unix seconds, or empty where unknown.
    """

    name: str
    """The trainer's own tag, e.g. `loss/current`."""
    steps: array[int]
    values: array[float]
    times: array[float] = field(default_factory=lambda: array("d"))
    source: str = ""
    """File it was read from, relative to the run."""
    note: str = ""
    """What a reader of the numbers must know: series that the trainer itself spoils are handed on as logged."""

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line of the trainer's console that means something."""

    kind: str
    """kebab-case, e.g. `total-steps`, `checkpoint-saved`, `model-saved`, `progress`, `traceback`; see observe/console_kinds.py."""
    values: Mapping[str, Any]
    line_number: int
    """From 1, counting both carriage returns and newlines as line ends."""
    text: str


@dataclass(frozen=True, slots=True)
class GroupWeights:
    """The updates scale * up @ down of one group of modules (`unet`, `te`) in one network file; plain LoRA only."""

    modules: int
    """Modules whose update was measured; those with a number that is not finite are left out."""
    dead: int
    """Of them, modules whose update has a Frobenius norm below 1e-6: they do nothing."""
    rank: int
    """Largest rank among them."""
    mean_norm: float
    """Mean Frobenius norm of the updates."""
    rms: float
    """Root mean square of the updates over all elements of all modules."""
    spectral_norm: float
    """Median of the largest singular values."""
    effective_rank: float
    """Median over living modules of exp(entropy of the shares of squared singular values); NaN where none lives."""
    stable_rank: float
    """Median over living modules of squared Frobenius norm / squared spectral norm; NaN where none lives."""
    rank_shares: tuple[float, ...] = ()
    """Effective rank / rank of the living modules: minimum, the nine deciles, maximum; empty where none lives."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One saved network file."""

    path: str
    """Relative to the run."""
    step: int | None
    epoch: int | None
    is_final: bool
    size_bytes: int
    is_readable: bool
    problem: str = ""
    """Why it is not readable."""
    is_scanned: bool = False
    """Whether the numbers were read and not only the header: the counts below and `norms` mean nothing otherwise."""
    key_count: int = 0
    nonfinite_count: int = 0
    """Tensors that hold at least one NaN or infinity."""
    zero_up_count: int = 0
    """`lora_up`-like tensors that are all zero: modules that never moved."""
    up_count: int = 0
    norms: Mapping[str, float] = field(default_factory=dict)
    """Root mean square of the update per module group (`unet`, `te`): scale * up @ down, without units."""
    groups: Mapping[str, GroupWeights] = field(default_factory=dict)
    """The same groups in detail; empty where the spectra were not computed."""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture the trainer drew during the run."""

    path: str
    """Relative to the run."""
    step: int | None
    epoch: int | None
    prompt_index: int
    seed: int | None
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class SamplePixels:
    """What one sample picture looks like. Shares are 0 ... 1."""

    path: str
    """Of the `Sample`."""
    deviation: float
    """Standard deviation of the channel that varies most, 0 ... 127: near 0 is one flat colour."""
    saturation: float
    """Mean of (max - min) / max over pixels."""
    saturation_high: float
    """Its 95th percentile."""
    clipped: float
    """Share of channel values at black or white."""
    brightness: tuple[float, ...]
    """Shares in equal bins from black to white."""
    layout: bytes
    """uint8 (16, 16, 3): the picture made small."""
    nearest: str = ""
    """The training picture most like it; empty where none was compared."""
    similarity: float | None = None
    """Correlation with that picture at 32 x 32 in grey, mirrored or not, -1 ... 1."""
    hash_distance: int = 64
    """Differing bits, of 64, of the two pictures' difference hashes."""


@dataclass(frozen=True, slots=True)
class SampleReading:
    """What the sample pictures look like."""

    pixels: tuple[SamplePixels, ...] = ()
    """Of those that could be read, by path."""
    compared: int = 0
    """Training pictures they were compared with."""
    usual_similarity: float | None = None
    """How alike a training picture is to the one most like it, median; None for fewer than two."""
    notes: tuple[str, ...] = ()
    """What was not looked at, and why."""
    usual_clipped: float | None = None
    """Share of clipped values in the training pictures, median; None where none was compared."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A source that was not there, and what cannot be judged without it."""

    what: str
    why: Text


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything read back from a run."""

    series: Mapping[str, Series] = field(default_factory=dict)
    """By the trainer's tag. `loss/current` is averaged per optimizer step; the rest is as logged."""
    events: tuple[LogEvent, ...] = ()
    """Console lines that mean something, progress updates excepted, in order."""
    facts: Mapping[str, int | float | str] = field(default_factory=dict)
    """What the trainer itself announced: `total_steps`, `batches_per_epoch`, `train_images`, `epochs`, `last_step`, ..."""
    checkpoints: tuple[Checkpoint, ...] = ()
    samples: tuple[Sample, ...] = ()
    missing: tuple[Missing, ...] = ()
    damage: tuple[str, ...] = ()
    """Notes on damaged sources that were read around: which file, which bytes."""
    telemetry: Telemetry | None = None
    """What the recorder inside the trainer's process wrote; None where it was off or absent."""
    sample_reading: SampleReading = field(default_factory=SampleReading)
    """What the sample pictures look like; empty where none was drawn."""
