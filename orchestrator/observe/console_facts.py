"""What the trainer announced about itself on its console, as counts and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.observation import LogEvent

_FACT_OF_KIND: Final = {
    "total-steps": "total_steps",
    "batches-per-epoch": "batches_per_epoch",
    "train-images": "train_images",
    "validation-images": "validation_images",
    "reg-images": "reg_images",
    "epochs": "epochs",
    "gradient-accumulation": "gradient_accumulation_steps",
}


def collect_facts(events: Iterable[LogEvent]) -> dict[str, int | float | str]:
    """Return what the trainer announced about itself: counts, device, optimizer, modules, whether it said `model saved.`."""
    facts: dict[str, int | float | str] = {}
    for event in events:
        values = event.values
        if event.kind in _FACT_OF_KIND:
            facts[_FACT_OF_KIND[event.kind]] = values["count"]
        elif event.kind in ("modules-created", "modules-enabled"):
            # SD3 and FLUX have several text encoders, each with its own line while they are created.
            facts[f"{values['part']}_modules"] = values["count"]
        elif event.kind == "captions-missing":
            facts["captions_missing"] = int(facts.get("captions_missing", 0)) + values["count"]
        elif event.kind == "epoch-started":
            facts["last_epoch"] = values["epoch"]
        elif event.kind == "network-created":
            facts["network_dim"], facts["network_alpha"] = values["dim"], values["alpha"]
        elif event.kind in ("device", "optimizer", "attention"):
            facts[event.kind] = values["name"]
        elif event.kind == "model-saved":
            facts["model_saved"] = 1
    return facts
