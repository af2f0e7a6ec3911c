"""The recipe of one benchmark run, as a person would write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmark.faults import CONFIGS, FAULTS, HEALTHY, overrides
from benchmark.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VALIDATION_SEED = 5


def recipe_text(trainer: str, config_name: str, fault_name: str, seed: int, *, images: Path, base: Path | None) -> str:
    """YAML of one run. `base`: diffusers folder with `tokcache` (sd15); pocket has its own."""
    config = CONFIGS[config_name]
    subject = SUBJECTS[config.subject]
    values: dict[str, Any] = {
        "recipe_version": 1,
        "name": f"{config_name}-{fault_name}-{seed}",
        "subject.kind": config.subject,
        "subject.trigger": subject.trigger,
        "subject.class_tokens": subject.class_tokens,
        "base_model.family": trainer,
        "concepts.image_dir": str(images),
        "dataset.resolution": 64,
        "dataset.min_bucket_reso": 64,
        "dataset.max_bucket_reso": 128,
        "train.optimizer_type": "AdamW",
        "train.mixed_precision": "no",
        "train.cache_latents": True,
        "train.seed": seed,
        "validate.hold_out": config.hold_out,
        "validate.validate_every_n_epochs": 2,
        "validate.validation_seed": VALIDATION_SEED,
        "sample.prompts": [],
        "save.checkpoints": 4,
        "save.save_precision": "float",
        "telemetry": "probe",
    }
    if base is not None:
        values["base_model.pretrained_model_name_or_path"] = str(base)
        values["base_model.tokenizer_cache_dir"] = str(base / "tokcache")
    values |= overrides(trainer, config, None if fault_name == HEALTHY else FAULTS[fault_name])
    return _yaml({key: value for key, value in values.items() if value is not None})


def _yaml(values: Mapping[str, Any]) -> str:
    """Dotted keys as sections; the one concept as a list of one."""
    sections: dict[str, dict[str, Any]] = {}
    lines = []
    for key, value in values.items():
        section, dot, name = key.partition(".")
        if dot:
            sections.setdefault(section, {})[name] = value
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    for section, content in sections.items():
        mark = "  - " if section == "concepts" else "  "
        lines.append(f"{section}:")
        for index, (name, value) in enumerate(content.items()):
            lines.append(f"{mark if index == 0 else ' ' * len(mark)}{name}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
