"""The recipe: the keys that people decide about, under the trainer's own names. One file trains one LoRA.

Models say what is well-formed. They never advise, never fill in and never change data: the planner fills, rules advise.
A key left out is `None` and is decided by the planner. Every other option of the trainer goes under `trainer_args`.

Annotations are meant to be evaluated here (no `annotations` from the future): pydantic would evaluate each of them from text.
"""

import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RECIPE_VERSION = 1

Family = Literal["pocket", "sd15", "sd2", "sdxl", "sd3", "flux"]
SubjectKind = Literal["character", "person", "style", "object", "concept", "edit"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
OneLine = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\r\n\x00]*$")]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
MOST_RANK = 4096
"""A matrix has no more rank than its smaller side; the largest such side in any family here is T5-XXL's 4096 (FLUX: 3072, SDXL: 1280)."""
MOST_SIDE = 8192
"""Pixels; eight times the side that the largest family here was made for. More is a slip: no trainer holds such a picture."""
MOST_EXPOSURES = 1_000_000
"""Times one picture is seen in a run: as often as the longest run that is planned has steps."""
MOST_BATCH = 1024
"""Pictures per forward pass: a thousand with their activations fit no device; `gradient_accumulation_steps` makes larger steps."""
MOST_PROCESSES = 64
"""GPUs of one machine; the largest machines have sixteen."""
Dropout = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Exposures = Annotated[float, Field(gt=0, le=MOST_EXPOSURES)]
Rank = Annotated[int, Field(ge=1, le=MOST_RANK)]
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]
Processes = Annotated[int, Field(ge=1, le=MOST_PROCESSES)]
BatchSize = Annotated[int, Field(ge=1, le=MOST_BATCH)]


class Section(BaseModel):
    """A table of the recipe: unknown keys are errors, types are strict, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


class Subject(Section):
    """What the LoRA is of."""

    kind: SubjectKind
    """What is learned; decides target steps, hold-out and which rules apply. `edit` needs a family with edit pairs; none has them yet."""
    trigger: OneLine | None = None
    """The word that calls the subject up: unknown to the base model, first in every caption. Styles may go without."""
    class_tokens: OneLine | None = None
    """What the subject is to the base model (`girl`, `man`, `trophy`): the caption of pictures without a caption file."""


class BaseModelFiles(Section):
    """The model that is trained on, and the files its family needs beside it. Relative paths start at the recipe file."""

    family: Family
    """Architecture of the base model; decides the trainer's entry script."""
    pretrained_model_name_or_path: OneLine | None = None
    """Checkpoint file, diffusers folder or Hugging Face id. pocket: left out means the shipped base."""
    vae: OneLine | None = None
    """Another VAE (sd15, sd2, sdxl, sd3)."""
    v_parameterization: bool | None = None
    """The base predicts v instead of noise (sd2 768-v, some SDXL models)."""
    clip_l: OneLine | None = None
    """CLIP-L text encoder (flux, sd3)."""
    clip_g: OneLine | None = None
    """CLIP-G text encoder (sd3)."""
    t5xxl: OneLine | None = None
    """T5-XXL text encoder (flux, sd3)."""
    ae: OneLine | None = None
    """Autoencoder (flux)."""
    model_type: Literal["flux", "chroma"] | None = None
    """Which FLUX-shaped model (flux)."""
    tokenizer_cache_dir: OneLine | None = None
    """Folder of tokenizers, for machines without a network."""


class Concept(Section):
    """One folder of pictures. It is linked as `<num_repeats>_<class_tokens>` inside the run; the folder itself is never touched."""

    image_dir: OneLine
    """Folder that holds the pictures and their captions; relative paths start at the recipe file. Sub-folders are not read."""
    num_repeats: PositiveInt | None = None
    """Times each picture is shown per epoch. Left out: decided from the target steps and `share`."""
    share: Share | None = None
    """Wanted share of all training samples (0-1), instead of `num_repeats`, to balance concepts of different size."""
    class_tokens: OneLine | None = None
    """Caption of pictures without a caption file; also the folder's name. Left out: trigger and `subject.class_tokens`."""
    is_reg: bool | None = None
    """Regularisation pictures: what the class looks like without the subject."""
    caption_extension: OneLine | None = None
    """`.txt` or `.caption`; left out: the one that is found."""
    shuffle_caption: bool | None = None
    """Shuffle tags after the first `keep_tokens`; overrides `dataset.shuffle_caption`."""
    keep_tokens: NonNegativeInt | None = None
    """Leading tags that stay in place; overrides `dataset.keep_tokens`."""
    flip_aug: bool | None = None
    """Mirror half of the pictures; overrides `dataset.flip_aug`."""


class DatasetOptions(Section):
    """How pictures and captions are prepared, for all concepts."""

    resolution: Side | Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    """Training size in pixels: one number (square area) or [width, height]."""
    enable_bucket: bool | None = None
    """Group pictures by aspect ratio instead of cropping all to one shape."""
    min_bucket_reso: Side | None = None
    """Smallest side of a bucket in pixels."""
    max_bucket_reso: Side | None = None
    """Largest side of a bucket in pixels; the trainer's 1024 would take SDXL's portrait shapes away."""
    bucket_reso_steps: PositiveInt | None = None
    """Bucket sides are multiples of this many pixels; each family demands its own divisor."""
    bucket_no_upscale: bool | None = None
    """Never enlarge small pictures."""
    caption_separator: OneLine | None = None
    """What stands between tags."""
    shuffle_caption: bool | None = None
    """Shuffle tags after the first `keep_tokens`. Not together with cached text encoder outputs."""
    keep_tokens: NonNegativeInt | None = None
    """Leading tags that stay in place when shuffling: at least 1 where there is a trigger."""
    caption_dropout_rate: Rate | None = None
    """Share of steps that see no caption."""
    caption_tag_dropout_rate: Rate | None = None
    """Share of tags left out."""
    flip_aug: bool | None = None
    """Mirror half of the pictures. Not for subjects that are not symmetric."""
    color_aug: bool | None = None
    """Weak colour changes. Not together with cached latents."""
    random_crop: bool | None = None
    """Crop at random instead of the centre. Not together with cached latents."""


class Network(Section):
    """The LoRA itself."""

    network_module: OneLine | None = None
    """Importable module of the network; left out: the family's LoRA."""
    network_dim: Rank | None = None
    """Rank. File size grows with it."""
    network_alpha: PositiveFloat | None = None
    """Scale is alpha / rank. The trainer's 1 would make the update rank times weaker."""
    network_dropout: Dropout | None = None
    """Share of neurons dropped while training."""
    network_args: dict[str, str | int | float | bool] | None = None
    """Further arguments of the network module, e.g. `conv_dim: 8`."""
    network_weights: OneLine | None = None
    """LoRA file to start from."""
    network_train_unet_only: bool | None = None
    """Leave the text encoders alone."""
    scale_weight_norms: PositiveFloat | None = None
    """Max-norm regularisation of the update."""


class Train(Section):
    """How it is trained."""

    target_steps: PositiveInt | None = None
    """Wanted optimizer steps; epochs and repeats are decided so that whole epochs come nearest."""
    max_train_epochs: PositiveInt | None = None
    """Epochs, where you want to decide them yourself; then `target_steps` is only compared."""
    exposures_per_image: Annotated[list[Exposures], Field(min_length=2, max_length=2)] | None = None
    """Band [least, most] of how often one picture may be seen in the whole run; outside it the steps move instead."""
    train_batch_size: BatchSize | None = None
    """Pictures per forward pass and device."""
    gradient_accumulation_steps: PositiveInt | None = None
    """Forward passes per optimizer step."""
    num_processes: Processes | None = None
    """Training processes (GPUs) of one machine."""
    learning_rate: NonNegativeFloat | None = None
    """Stands in where `unet_lr` or `text_encoder_lr` is left out."""
    unet_lr: NonNegativeFloat | None = None
    """Learning rate of the U-Net or DiT."""
    text_encoder_lr: NonNegativeFloat | list[NonNegativeFloat] | None = None
    """Learning rate of the text encoder(s); 0 leaves them alone."""
    optimizer_type: OneLine | None = None
    """Optimizer by the trainer's name: AdamW, AdamW8bit, Prodigy, AdaFactor, Lion ..."""
    optimizer_args: dict[str, Any] | None = None
    """Arguments of the optimizer, e.g. `weight_decay: 0.1`."""
    lr_scheduler: OneLine | None = None
    """Learning rate over time: constant, constant_with_warmup, cosine, cosine_with_restarts, linear, polynomial ..."""
    lr_warmup_steps: NonNegativeInt | Rate | None = None
    """Warm-up: a whole number is steps, a fraction below 1 a share of the run."""
    lr_scheduler_num_cycles: PositiveInt | None = None
    """Restarts of cosine_with_restarts."""
    lr_scheduler_min_lr_ratio: Rate | None = None
    """Lowest learning rate of cosine_with_min_lr as a share of the highest."""
    max_grad_norm: NonNegativeFloat | None = None
    """Gradient clipping; 0 turns it off."""
    seed: NonNegativeInt | None = None
    """Seed of everything random; left out: decided and written down."""
    mixed_precision: Literal["no", "fp16", "bf16"] | None = None
    """Number format of the computation."""
    full_fp16: bool | None = None
    """Network weights in fp16 as well; needs mixed_precision fp16."""
    full_bf16: bool | None = None
    """Network weights in bf16 as well; needs mixed_precision bf16."""
    fp8_base: bool | None = None
    """Base model in 8 bit."""
    no_half_vae: bool | None = None
    """VAE in full precision: the cure of NaN latents with SDXL in fp16."""
    gradient_checkpointing: bool | None = None
    """Less memory, slower steps."""
    blocks_to_swap: NonNegativeInt | None = None
    """DiT blocks kept in main memory (flux, sd3)."""
    attention: Literal["sdpa", "xformers", "none"] | None = None
    """Attention of the U-Net (sd15, sd2, sdxl); the trainer's default is the slow one."""
    cache_latents: bool | None = None
    """Encode each picture once."""
    cache_latents_to_disk: bool | None = None
    """Keep the encoded pictures beside the linked ones in the run folder."""
    cache_text_encoder_outputs: bool | None = None
    """Encode each caption once (sdxl, sd3, flux); needs an untrained text encoder."""
    clip_skip: PositiveInt | None = None
    """Layer of CLIP counted from the end (sd15, sd2)."""
    max_token_length: Literal[75, 150, 225] | None = None
    """Longest caption in CLIP tokens (sd15, sd2, sdxl)."""
    min_snr_gamma: PositiveFloat | None = None
    """Min-SNR loss weighting (sd15, sd2, sdxl); usual value 5."""
    noise_offset: Rate | None = None
    """Offset noise (sd15, sd2, sdxl), as a share of the noise; usual values end at 0.1."""
    timestep_sampling: Literal["sigma", "uniform", "sigmoid", "shift", "flux_shift"] | None = None
    """How timesteps are drawn (flux)."""
    discrete_flow_shift: PositiveFloat | None = None
    """Shift of the timesteps (flux with timestep_sampling shift)."""
    model_prediction_type: Literal["raw", "additive", "sigma_scaled"] | None = None
    """What the model's output means (flux)."""
    guidance_scale: NonNegativeFloat | None = None
    """Guidance given to the model while training (flux): 1.0 for dev."""
    stop_on: list[Literal["nan", "collapse", "divergence"]] | None = None
    """What may stop a run early; left out: nan. An empty list never stops."""
    on_oom: Literal["stop", "adapt"] | None = None
    """When memory runs out: `stop` (the default), or `adapt`: try again with less, up to four times, each change told. First what only costs time (gradient checkpointing, cached latents), then half the batch with twice the accumulation, then 8 bit and block swap where the family has them."""
    on_hang: Literal["warn", "restart"] | None = None
    """When the trainer says nothing for far longer than its work can take: `warn` (the default) tells it and writes where it stands into the console log; `restart` also ends it and goes on once from the newest saved state."""


class Validate(Section):
    """Held-out pictures, the only proof of overfitting."""

    hold_out: Literal["auto"] | NonNegativeInt | None = None
    """Pictures kept out of training: a number, 0 for none, `auto` for a tenth (2-8) from 12 pictures on."""
    validate_every_n_epochs: PositiveInt | None = None
    """How often the held-out loss is measured."""
    validation_seed: NonNegativeInt | None = None
    """Seed of the noise and of the choice of pictures."""


class SamplePrompt(Section):
    """One sample picture."""

    prompt: OneLine
    """What to draw."""
    negative_prompt: OneLine | None = None
    """What not to draw."""
    width: Side | None = None
    """Pixels."""
    height: Side | None = None
    """Pixels."""
    sample_steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Denoising steps."""
    scale: NonNegativeFloat | None = None
    """Classifier-free guidance."""
    seed: NonNegativeInt | None = None
    """Seed of the picture; fixed, so that pictures of different steps can be compared."""


class SampleOptions(Section):
    """Pictures drawn during the run."""

    prompts: list[SamplePrompt | OneLine] | None = None
    """Prompts; left out: with trigger, with trigger in another setting, without trigger."""
    sample_every_n_epochs: PositiveInt | None = None
    """How often; left out: at every save."""
    sample_at_first: bool | None = None
    """Draw before training too: what the base model does by itself."""
    sample_sampler: OneLine | None = None
    """Sampler by the trainer's name (sd15, sd2, sdxl)."""


class SaveOptions(Section):
    """Files the run leaves."""

    save_every_n_epochs: PositiveInt | None = None
    """How often a checkpoint is kept."""
    checkpoints: PositiveInt | None = None
    """Wanted number of checkpoints, instead of `save_every_n_epochs`. Left out: about 10, more where a crash would lose much between two."""
    save_precision: Literal["float", "fp16", "bf16"] | None = None
    """Number format of the file."""
    save_state: bool | None = None
    """Save the whole state of the training beside each checkpoint, so that a crashed or stopped run can be resumed. Left out: true."""
    runs_dir: OneLine | None = None
    """Folder of the run folders; relative paths start at the working directory. Left out: `runs`."""


class Metadata(Section):
    """What the published file says about itself."""

    title: OneLine | None = None
    """Left out: the name."""
    author: OneLine | None = None
    """Who made it."""
    description: OneLine | None = None
    """What it does."""
    license: OneLine | None = None
    """Licence of the pictures and of the LoRA."""
    tags: OneLine | None = None
    """Comma-separated."""
    training_comment: OneLine | None = None
    """Free text kept as ss_training_comment."""


class Ignore(Section):
    """A rule that does not apply here, and why."""

    rule: OneLine
    """Id (`R012`) or name (`too-many-steps`)."""
    because: Annotated[str, StringConstraints(min_length=3, max_length=500)]
    """The reason; it is printed in the report."""


class Recipe(Section):
    """One LoRA."""

    recipe_version: Literal[1]
    """Version of this format."""
    name: Name
    """Name of the LoRA: run folder, title and file names. Files take plain letters, digits, `.`, `_` and `-`: `my girl` becomes `my_girl`, a name in another script `lora-` and eight digits of its hash."""
    subject: Subject
    base_model: BaseModelFiles
    concepts: Annotated[list[Concept], Field(min_length=1)]
    """Folders of pictures."""
    dataset: DatasetOptions = DatasetOptions.model_construct()
    network: Network = Network.model_construct()
    train: Train = Train.model_construct()
    validate_: Annotated[Validate, Field(alias="validate")] = Validate.model_construct()
    sample: SampleOptions = SampleOptions.model_construct()
    save: SaveOptions = SaveOptions.model_construct()
    metadata: Metadata = Metadata.model_construct()
    telemetry: Literal["off", "log", "probe"] | None = None
    """Recording inside the trainer's process; training stays the same to the last bit. `log`: loss, timestep and picture of each sample, gradient and learning rate of each step. `probe` (the default) also measures a few pictures with fixed noise against the base model."""
    trainer_args: dict[str, Any] = {}
    """Every other option of the trainer by its own name; checked against the trainer's parser."""
    ignore: list[Ignore] = []
    """Rules that do not apply here."""


def parse_recipe(data: Any) -> Recipe:
    """Return `data` as a recipe. Raises pydantic's ValidationError with everything that is not well-formed.

    The sections are built here and once. Plug-ins of pydantic, for which it would look through every installed package, are
    left out of that: none of them has a say in what a recipe is.
    """
    before = os.environ.get(_NO_PLUGINS)
    os.environ[_NO_PLUGINS] = "__all__"
    try:
        Recipe.model_rebuild()
    finally:
        os.environ.pop(_NO_PLUGINS) if before is None else os.environ.update({_NO_PLUGINS: before})
    return Recipe.model_validate(data)


_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
"""The variable by which pydantic is told so; set for a moment, no other program sees it."""
