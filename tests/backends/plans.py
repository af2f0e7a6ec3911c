"""Hand-built plans, so that the backends are tested without recipes and planner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.backends.protocol import Trainer
from orchestrator.core.finding import Location
from orchestrator.core.provenance import Source
from orchestrator.core.text import same
from orchestrator.plan.model import Link, Plan, Prompt, Resolved, StepPlan, Subset

if TYPE_CHECKING:
    from collections.abc import Mapping

PIN = "48d368fa557731ad0488c07304dfeba8c07910eb"

STEPS = StepPlan(
    buckets=((512, 512, 20),),
    batches_per_epoch=10,
    steps_per_epoch=10,
    epochs=8,
    total_steps=80,
    train_samples=20,
    reg_samples=0,
    exposures_per_image=16.0,
    lines=(),
)

_COMMON: dict[str, Any] = {
    "network_module": "networks.lora",
    "network_dim": 16,
    "network_alpha": 8,
    "learning_rate": 1e-4,
    "unet_lr": 1e-4,
    "text_encoder_lr": 1e-5,
    "optimizer_type": "AdamW",
    "lr_scheduler": "cosine",
    "lr_warmup_steps": 0,
    "max_train_epochs": 8,
    "train_batch_size": 2,
    "seed": 42,
    "mixed_precision": "bf16",
    "sdpa": True,
    "cache_latents": True,
    "save_every_n_epochs": 2,
    "sample_every_n_epochs": 2,
    "max_data_loader_n_workers": 0,
}
_DIT: dict[str, Any] = {
    **{k: v for k, v in _COMMON.items() if k not in ("sdpa", "text_encoder_lr")},
    "network_train_unet_only": True,
    "cache_text_encoder_outputs": True,
}
FAMILY_VALUES: dict[str, dict[str, Any]] = {
    "sd15": {**_COMMON, "pretrained_model_name_or_path": "/models/sd15.safetensors", "clip_skip": 2},
    "sd2": {**_COMMON, "pretrained_model_name_or_path": "/models/sd21.safetensors"},
    "sdxl": {**_COMMON, "pretrained_model_name_or_path": "/models/sdxl.safetensors", "no_half_vae": True},
    "sd3": {
        **_DIT,
        "network_module": "networks.lora_sd3",
        "pretrained_model_name_or_path": "/models/sd35.safetensors",
        "clip_l": "/models/clip_l.safetensors",
        "clip_g": "/models/clip_g.safetensors",
        "t5xxl": "/models/t5xxl.safetensors",
    },
    "flux": {
        **_DIT,
        "network_module": "networks.lora_flux",
        "pretrained_model_name_or_path": "/models/flux1-dev.safetensors",
        "clip_l": "/models/clip_l.safetensors",
        "t5xxl": "/models/t5xxl.safetensors",
        "ae": "/models/ae.safetensors",
        "timestep_sampling": "shift",
        "discrete_flow_shift": 3.1582,
        "model_prediction_type": "raw",
        "guidance_scale": 1.0,
    },
    "pocket": {**_COMMON, "mixed_precision": "no"},
}
GENERAL: dict[str, Any] = {
    "resolution": 512,
    "batch_size": 2,
    "enable_bucket": True,
    "min_bucket_reso": 256,
    "max_bucket_reso": 1024,
    "bucket_reso_steps": 64,
}
LINE = 7


def resolved(name: str, value: Any) -> Resolved:
    """A value as if the recipe said it in line 7."""
    return Resolved(
        value, Source.RECIPE, same("said"), f"train.{name}", Location("recipe.yaml", LINE, 3, f"  {name}: x")
    )


def subset(image_dir: str = "data/10_alice girl", **changes: Any) -> Subset:
    """A folder of two pictures."""
    links = (Link(f"{image_dir}/a.png", Path("/pictures/a.png")), Link(f"{image_dir}/a.txt", Path("/pictures/a.txt")))
    made = Subset(image_dir, 10, "alice girl", ".txt", is_reg=False, sizes=((512, 512), (600, 800)), links=links)
    return replace(made, **changes)


def make_plan(
    family: str = "sd15", general: Mapping[str, Any] | None = None, plan: Mapping[str, Any] | None = None, **train: Any
) -> Plan:
    """A plan that compiles without a word, but for what is changed."""
    values = {k: v for k, v in {**FAMILY_VALUES[family], **train}.items() if v is not None}
    decided = {k: resolved(k, v) for k, v in values.items()}
    if "learning_rate" not in train:  # the planner's own copy of unet_lr, as long as nobody writes one
        decided["learning_rate"] = replace(decided["learning_rate"], source=Source.DERIVED)
    whole = {k: v for k, v in {**GENERAL, **(general or {})}.items() if v is not None}
    made = Plan(
        name="alice",
        output_name="alice",
        family=family,  # type: ignore[arg-type]
        kind="character",
        trigger="alice",
        train=decided,
        dataset_general={k: resolved(k, v) for k, v in whole.items()},
        subsets=(subset(),),
        validation=None,
        validation_seed=7,
        steps=STEPS,
        prompts=(Prompt("alice, smiling", 512, 768, 28, 7.0, 1, negative_prompt="blurry"),),
        num_processes=1,
        stop_on=("nan",),
    )
    return replace(made, **dict(plan or {}))


TRAINER = Trainer("sd-scripts", Path("/trainer/venv/bin/python"), Path("/trainer/sd-scripts"), PIN)
"""sd-scripts at the pin."""
POCKET = Trainer("pocket", Path("/python"), Path("/project/backends/pocket/trainer"), "0.1.0")
"""The embedded trainer."""
