"""What each family of base models asks for: sizes, files, encoders, and the numbers to start from. Facts, no decisions.

Sizes, files and encoders are the trainer's (sd-scripts at the pinned commit) and pocket's own. The starting numbers lie
inside what published presets and guides use; where those disagree the middle was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.recipe.model import BaseModelFiles, Family, SubjectKind


@dataclass(frozen=True, slots=True)
class Start:
    """Numbers to start from for one kind of subject."""

    target_steps: int
    network_dim: int
    network_alpha: float
    unet_lr: float
    text_encoder_lr: float
    train_batch_size: int
    lr_scheduler: str


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """One family of base models."""

    resolution: int
    """Side of the square the base model was made for, in pixels."""
    bucket_divisor: int
    """The trainer refuses other `bucket_reso_steps`."""
    bucket_reso_steps: int
    size_divisor: int
    """Sample pictures are cut down to multiples of this, in pixels."""
    network_module: str
    text_encoders: int
    """Values that `text_encoder_lr` takes."""
    trainable_text_encoders: int
    """Of those, how many the network module trains without further arguments: T5 is left alone."""
    trains_text_encoder: bool
    """Whether it is usual to train the text encoder here."""
    is_flow: bool
    """Flow matching: `min_snr_gamma`, `noise_offset` and huber's `snr` schedule have no effect or crash."""
    reads_tags: bool
    """Text encoder of the CLIP kind: comma tags may be shuffled."""
    can_cache_text: bool
    """Has `cache_text_encoder_outputs`."""
    has_attention_choice: bool
    """`sdpa` and `xformers` change anything."""
    has_clip_skip: bool
    has_max_token_length: bool
    has_gradient_checkpointing: bool
    gradient_checkpointing: bool
    """Usual setting."""
    mixed_precision: str
    no_half_vae: bool | None
    """Usual setting; None: the family has no such option."""
    sample_steps: int
    sample_scale: float
    sample_guidance: float | None
    sample_sampler: str | None
    required: tuple[str, ...]
    """Keys of `base_model` without which the trainer dies."""
    default_min_snr_gamma: float | None
    starts: Mapping[SubjectKind, Start]
    has_edit_pairs: bool = False
    """Whether its trainer learns from pairs, a picture before and one after. None here: sd-scripts' LoRA scripts and pocket have no such data set."""


def facts_of(family: Family) -> FamilyFacts:
    """Return the facts of `family`."""
    return FAMILIES[family]


def native_side(base: BaseModelFiles) -> int:
    """Return the side of the square, in pixels, that this base model was made for."""
    return 768 if base.family == "sd2" and base.v_parameterization else FAMILIES[base.family].resolution


def start_of(family: Family, kind: SubjectKind) -> Start:
    """Return the numbers to start from; kinds without numbers of their own start like `concept`."""
    starts = FAMILIES[family].starts
    return starts.get(kind, starts["concept"])


_CONSTANT = "constant_with_warmup"

_SD: dict[SubjectKind, Start] = {
    "character": Start(1500, 32, 16.0, 1.4e-4, 2e-5, 2, "cosine"),
    "person": Start(1800, 64, 32.0, 1e-4, 1e-5, 2, "cosine"),
    "style": Start(2500, 32, 16.0, 2e-4, 0.0, 4, "cosine"),
    "concept": Start(1500, 32, 16.0, 1e-4, 1e-5, 2, "cosine"),
}
_SDXL: dict[SubjectKind, Start] = {
    "character": Start(1800, 32, 16.0, 1.5e-4, 0.0, 2, "cosine"),
    "person": Start(2000, 32, 16.0, 1e-4, 0.0, 2, _CONSTANT),
    "style": Start(3000, 16, 8.0, 2e-4, 0.0, 4, "cosine"),
    "concept": Start(1800, 32, 16.0, 1e-4, 0.0, 2, "cosine"),
}
_FLUX: dict[SubjectKind, Start] = {
    "style": Start(2800, 16, 16.0, 1e-4, 0.0, 1, _CONSTANT),
    "concept": Start(2000, 16, 16.0, 1e-4, 0.0, 1, _CONSTANT),
}
_SD3: dict[SubjectKind, Start] = {"concept": Start(2000, 16, 16.0, 1e-4, 0.0, 1, "constant")}
_POCKET: dict[SubjectKind, Start] = {"concept": Start(300, 8, 8.0, 1e-3, 2e-4, 4, "cosine")}

_SD15 = FamilyFacts(
    resolution=512, bucket_divisor=64, bucket_reso_steps=64, size_divisor=8, network_module="networks.lora",
    text_encoders=1, trainable_text_encoders=1, trains_text_encoder=True, is_flow=False, reads_tags=True,
    can_cache_text=False, has_attention_choice=True, has_clip_skip=True, has_max_token_length=True,
    has_gradient_checkpointing=True, gradient_checkpointing=False, mixed_precision="fp16", no_half_vae=False,
    sample_steps=28, sample_scale=7.0, sample_guidance=None, sample_sampler="euler",
    required=("pretrained_model_name_or_path",), default_min_snr_gamma=5.0, starts=_SD,
)  # fmt: skip

FAMILIES: Mapping[Family, FamilyFacts] = {
    "pocket": FamilyFacts(
        resolution=64, bucket_divisor=8, bucket_reso_steps=16, size_divisor=8, network_module="networks.lora",
        text_encoders=1, trainable_text_encoders=1, trains_text_encoder=True, is_flow=False, reads_tags=True,
        can_cache_text=False, has_attention_choice=True, has_clip_skip=False, has_max_token_length=False,
        has_gradient_checkpointing=False, gradient_checkpointing=False, mixed_precision="no", no_half_vae=None,
        sample_steps=20, sample_scale=3.0, sample_guidance=None, sample_sampler="euler",
        required=(), default_min_snr_gamma=None, starts=_POCKET,
    ),
    "sd15": _SD15,
    "sd2": _SD15,
    "sdxl": FamilyFacts(
        resolution=1024, bucket_divisor=32, bucket_reso_steps=64, size_divisor=8, network_module="networks.lora",
        # Two encoders, but networks.lora reads one learning rate for both.
        text_encoders=1, trainable_text_encoders=1, trains_text_encoder=False, is_flow=False, reads_tags=True,
        can_cache_text=True, has_attention_choice=True, has_clip_skip=False, has_max_token_length=True,
        has_gradient_checkpointing=True, gradient_checkpointing=True, mixed_precision="bf16", no_half_vae=True,
        sample_steps=28, sample_scale=6.0, sample_guidance=None, sample_sampler="euler",
        required=("pretrained_model_name_or_path",), default_min_snr_gamma=5.0, starts=_SDXL,
    ),
    "sd3": FamilyFacts(
        resolution=1024, bucket_divisor=32, bucket_reso_steps=64, size_divisor=8, network_module="networks.lora_sd3",
        text_encoders=3, trainable_text_encoders=2, trains_text_encoder=False, is_flow=True, reads_tags=False,
        can_cache_text=True, has_attention_choice=False, has_clip_skip=False, has_max_token_length=False,
        has_gradient_checkpointing=True, gradient_checkpointing=True, mixed_precision="bf16", no_half_vae=False,
        sample_steps=28, sample_scale=4.5, sample_guidance=None, sample_sampler=None,
        required=("pretrained_model_name_or_path", "clip_l", "clip_g", "t5xxl"), default_min_snr_gamma=None, starts=_SD3,
    ),
    "flux": FamilyFacts(
        resolution=1024, bucket_divisor=64, bucket_reso_steps=64, size_divisor=16, network_module="networks.lora_flux",
        text_encoders=2, trainable_text_encoders=1, trains_text_encoder=False, is_flow=True, reads_tags=False,
        can_cache_text=True, has_attention_choice=False, has_clip_skip=False, has_max_token_length=False,
        has_gradient_checkpointing=True, gradient_checkpointing=True, mixed_precision="bf16", no_half_vae=False,
        sample_steps=20, sample_scale=1.0, sample_guidance=3.5, sample_sampler=None,
        required=("pretrained_model_name_or_path", "clip_l", "t5xxl", "ae"), default_min_snr_gamma=None, starts=_FLUX,
    ),
}  # fmt: skip
