"""Base configurations and planted faults: what is changed in the recipe or the pictures, and what must be diagnosed.

Every fault has a healthy twin: the same configuration and seed without it. Whether a fault had an effect is not decided
here but measured (`about.json`, `truth`): one without is benign, and must raise no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["broken", "unstable", "not-learning", "overfit", "undertrained", "converged", "learning"]
Pictures = Literal[
    "own", "few", "copies", "outliers", "two-concepts", "captions-swapped", "captions-wrong", "no-trigger"
]
TRAINERS = ("sd15", "pocket")
HEALTHY = "healthy"
FEW, FEW_HELD_OUT = 3, 2
"""Pictures to train on and held out where there are too few."""


@dataclass(frozen=True, slots=True)
class Config:
    """One healthy configuration."""

    subject: str
    """Key of `subjects.SUBJECTS`, and the recipe's `subject.kind`."""
    pictures: int
    hold_out: int
    recipe: Mapping[str, Any]
    """Dotted recipe keys."""
    unet_lr: Mapping[str, float]
    """Per trainer."""
    text_share: float
    """Text encoder's learning rate over the U-Net's; 0: left alone."""


CONFIGS: dict[str, Config] = {
    "character": Config(
        "character", 16, 4,
        {
            "network.network_dim": 8, "network.network_alpha": 8, "concepts.num_repeats": 4,
            "train.max_train_epochs": 8, "train.train_batch_size": 2, "train.lr_scheduler": "cosine_with_min_lr",
            "train.lr_scheduler_min_lr_ratio": 0.05, "train.lr_warmup_steps": 0.05,
        },
        {"sd15": 1e-3, "pocket": 1e-3}, 0.5,
    ),
    "style": Config(
        "style", 24, 4,
        {
            "network.network_dim": 16, "network.network_alpha": 8, "network.network_train_unet_only": True,
            "concepts.num_repeats": 2, "train.max_train_epochs": 8, "train.train_batch_size": 1,
            "train.gradient_accumulation_steps": 2, "train.lr_scheduler": "linear", "train.lr_warmup_steps": 0.05,
        },
        {"sd15": 2e-3, "pocket": 1e-3}, 0.0,
    ),
    "object": Config(
        "object", 12, 2,
        {
            "network.network_dim": 4, "network.network_alpha": 4, "concepts.num_repeats": 4,
            "train.max_train_epochs": 10, "train.train_batch_size": 2, "train.lr_scheduler": "cosine",
            "train.lr_warmup_steps": 0.05,
        },
        {"sd15": 2e-3, "pocket": 1.5e-3}, 0.3,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault."""

    expected: str
    """Number in the catalogue of diagnoses; empty: nothing need be said."""
    rules: tuple[str, ...]
    """Names of ours that say it; any of them will do."""
    state: State | None
    """Primary state that a real effect must lead to; None: the fault is told by a flag, the state is the twin's."""
    lr_factor: float = 1.0
    text_factor: float = 1.0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    pictures: Pictures = "own"
    only: tuple[str, ...] = ()
    """Configurations it can be planted in; empty: all."""
    trainers: tuple[str, ...] = TRAINERS


NO_MIN_LR = {"train.lr_scheduler_min_lr_ratio": None}
PRODIGY: dict[str, Any] = {
    "train.optimizer_type": "Prodigy", "train.lr_scheduler": "constant", "train.lr_warmup_steps": None, **NO_MIN_LR,
    "train.optimizer_args": {"d0": 1e-12, "growth_rate": 1.002, "weight_decay": 0.01},
    "train.unet_lr": 1.0, "train.text_encoder_lr": 1.0,
}  # fmt: skip

FAULTS: dict[str, Fault] = {
    "lr-nan": Fault("D01", ("nan-loss",), "broken", lr_factor=1e20),
    "lr-x150": Fault("D03", ("collapsed-loss", "diverging"), "broken", lr_factor=150),
    "lr-x30": Fault("D04", ("diverging", "collapsed-loss"), "broken", lr_factor=30),
    "lr-x10": Fault("D05", ("unstable-training", "worse-than-base"), "unstable", lr_factor=10),
    "lr-x0.01": Fault("D07", ("nothing-learned", "learning-too-slow", "weights-static"), "not-learning", lr_factor=0.01),
    "lr-nil": Fault("D08", ("weights-static", "final-file-zero", "nothing-learned"), "not-learning", lr_factor=1e-7),
    "alpha-nil": Fault(
        "D08", ("weights-static", "nothing-learned"), "not-learning", recipe={"network.network_alpha": 1e-6}
    ),
    "memorise": Fault(
        "D13", ("held-out-rising", "memorised-training-pictures"), "overfit", lr_factor=1.5, pictures="few",
        recipe={"network.network_dim": 32, "network.network_alpha": 32, "concepts.num_repeats": 16,
                "validate.hold_out": FEW_HELD_OUT},
    ),
    "steps-fifth": Fault("D10", ("still-falling",), "undertrained", recipe={"train.max_train_epochs": 2}),
    "prodigy-stuck": Fault("D24", ("prodigy-stuck",), "not-learning", recipe=PRODIGY, trainers=("sd15",)),
    "warmup-long": Fault(
        "D22", ("warmup-too-long",), None,
        recipe={"train.lr_scheduler": "constant_with_warmup", "train.lr_warmup_steps": 0.6, **NO_MIN_LR},
    ),
    "dead-tail": Fault(
        "D23", ("lr-dead-tail",), None,
        recipe={"train.lr_scheduler": "polynomial", "train.lr_warmup_steps": None,
                "trainer_args.lr_scheduler_power": 8.0, **NO_MIN_LR},
    ),
    "restarts": Fault(
        "D21", ("schedule-artefact",), None, lr_factor=2,
        recipe={"train.lr_scheduler": "cosine_with_restarts", "train.lr_scheduler_num_cycles": 3, **NO_MIN_LR},
    ),
    "text-x20": Fault("D27", ("text-encoder-dominant",), None, text_factor=20, only=("character", "object")),
    "clipped": Fault("D31", ("always-clipped",), None, recipe={"train.max_grad_norm": 0.002}),
    "copies": Fault("D19", ("easy-duplicates", "exact-duplicate-images", "held-out-rising"), None, pictures="copies"),
    "outliers": Fault("D17", ("outlier-pictures",), None, pictures="outliers"),
    "two-concepts": Fault("D18", ("two-kinds-of-pictures",), None, pictures="two-concepts"),
    "captions-swapped": Fault("D37", ("trigger-weak",), None, pictures="captions-swapped"),
    "captions-wrong": Fault("D37", ("trigger-weak",), None, pictures="captions-wrong"),
    "no-trigger": Fault("D37", ("missing-trigger", "trigger-weak"), None, pictures="no-trigger"),
}  # fmt: skip


def overrides(trainer: str, config: Config, fault: Fault | None) -> dict[str, Any]:
    """Recipe keys of one run, dotted; None takes a key out."""
    lr = config.unet_lr[trainer] * (fault.lr_factor if fault else 1.0)
    values = {**config.recipe, "train.unet_lr": lr}
    if config.text_share:
        values["train.text_encoder_lr"] = lr * config.text_share * (fault.text_factor if fault else 1.0)
    changed = dict(fault.recipe) if fault else {}
    if not config.text_share:
        changed.pop("train.text_encoder_lr", None)
    return {**values, **changed}


def faults_of(trainer: str, config: str) -> list[str]:
    """Names of the runs of one configuration, the healthy one first, then in the order of the table."""
    fits = [name for name, f in FAULTS.items() if trainer in f.trainers and (not f.only or config in f.only)]
    return [HEALTHY, *fits]
