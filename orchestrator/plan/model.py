"""The plan: everything a backend may read to write its files. Nothing in it is undecided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.core.finding import Location
    from orchestrator.core.provenance import Source
    from orchestrator.core.text import Text
    from orchestrator.recipe.model import Family, SubjectKind


@dataclass(frozen=True, slots=True)
class Resolved:
    """One decided value."""

    value: Any
    source: Source
    because: Text
    """The reason, with the numbers in it."""
    key: str = ""
    """Recipe key it came from, e.g. `train.unet_lr`; empty where it was derived."""
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One file of the layout: `path` in the run folder points at `target`, the user's file."""

    path: str
    """Relative to the run folder."""
    target: Path


@dataclass(frozen=True, slots=True)
class Subset:
    """One `[[datasets.subsets]]` of the data set TOML and its folder in the layout."""

    image_dir: str
    """Relative to the run folder: `data/10_alice girl`."""
    num_repeats: int
    class_tokens: str
    caption_extension: str
    is_reg: bool
    sizes: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each picture, raw as the trainer sees it, in the order of `links`."""
    links: tuple[Link, ...]
    """Pictures first, then captions."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the subset, by the trainer's names (`shuffle_caption`, `keep_tokens`, `flip_aug` ...)."""
    because: Text | None = None
    """Why this number of repeats."""
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The arithmetic of the length, exactly as the trainer counts. See `plan/steps.py`."""

    buckets: tuple[tuple[int, int, int], ...]
    """(width, height, samples per epoch with repeats) in the trainer's order."""
    batches_per_epoch: int
    """Micro-batches per epoch on all processes together."""
    steps_per_epoch: int
    epochs: int
    total_steps: int
    """What the trainer will print as `total optimization steps`."""
    train_samples: int
    """`num train images * repeats`."""
    reg_samples: int
    """Nominal number of regularisation samples, as the trainer prints it."""
    exposures_per_image: float
    """Times one training picture is seen in the whole run, mean over pictures."""
    lines: tuple[Text, ...]
    """The sum, line by line, for people."""
    is_band_bound: bool = False
    """`exposures_per_image` moved the steps: another `target_steps` would change nothing, more pictures or a wider band would."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sample picture, with nothing left open. None: the family has no such setting."""

    prompt: str
    width: int
    height: int
    sample_steps: int
    scale: float | None
    seed: int
    negative_prompt: str | None = None
    guidance_scale: float | None = None
    where: Location | None = None
    """Place of the prompt in the recipe; None for one that the planner wrote."""


@dataclass(frozen=True, slots=True)
class Unused:
    """A value that somebody wrote and the plan leaves out or replaces, because it could do nothing."""

    name: str
    """Last part of the recipe key: `attention`."""
    given: Resolved
    """The value as it was written."""
    because: Text
    """Why it does nothing, as the end of a sentence: `flux ignores it`."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is recorded inside the trainer's process."""

    mode: Resolved
    """`off`, `log` or `probe`."""
    probe_every_steps: int = 0
    """Optimizer steps from one probe to the next; 0 where none is measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `compile` may read."""

    name: str
    output_name: str
    """Plain-ASCII file name stem of the LoRA."""
    family: Family
    kind: SubjectKind
    trigger: str | None
    train: Mapping[str, Resolved]
    """The train TOML by the trainer's own option names, paths of base model files absolute, run paths left out."""
    dataset_general: Mapping[str, Resolved]
    """Keys of the data set TOML that hold for all subsets (`resolution`, `batch_size`, `enable_bucket` ...)."""
    subsets: tuple[Subset, ...]
    validation: Subset | None
    """Held-out pictures: a data set of its own with `validation_split = 1.0`."""
    validation_seed: int
    steps: StepPlan
    prompts: tuple[Prompt, ...]
    num_processes: int
    stop_on: tuple[str, ...]
    notes: tuple[Text, ...] = ()
    """Decisions that surprise: steps moved because of the exposure band, no hold-out under 12 pictures ..."""
    unused: tuple[Unused, ...] = ()
    """What somebody wrote and the train TOML does not hold."""
    telemetry: Recording | None = None
    """None: a plan of a version that did not record."""
    state_every_n_epochs: int | None = None
    """Epochs from one saved state to the next, counted over the whole run; None: none is saved before the end, or a plan of a version
    that did not say."""
    target: Resolved | None = None
    """The steps that somebody asked for; None: nobody did, or a plan of a version that did not keep it."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Recipe keys that the run changed itself, for lack of memory -> their value; what was asked for stands in the recipe."""

    def option(self, name: str) -> Any:
        """Return the value of one of the trainer's options, None where it is left to the trainer."""
        resolved = self.train.get(name)
        return None if resolved is None else resolved.value
