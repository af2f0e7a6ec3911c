"""One wrong recipe: the good one with one place changed, as a user would have got it wrong."""

from __future__ import annotations

from dataclasses import dataclass

END = ""
"""The end of the good recipe: the new text is added behind it."""
ALL = "*"
"""The whole recipe: the new text stands instead of it."""

GOOD = """\
recipe_version: 1
name: alice
subject:
  kind: character
  trigger: alicechr
  class_tokens: girl
base_model:
  family: sdxl
  pretrained_model_name_or_path: base.safetensors
concepts:
  - image_dir: pictures
    num_repeats: 10
dataset:
  resolution: 1024
  enable_bucket: true
network:
  network_dim: 16
  network_alpha: 8
train:
  target_steps: 600
  train_batch_size: 2
  unet_lr: 1e-4
  text_encoder_lr: 0
  optimizer_type: AdamW8bit
  lr_scheduler: cosine
  lr_warmup_steps: 0.05
  mixed_precision: bf16
  seed: 42
validate:
  hold_out: 2
sample:
  prompts:
    - alicechr, portrait
    - prompt: alicechr, standing in a garden
      seed: 7
save:
  checkpoints: 5
metadata:
  license: CC-BY-4.0
telemetry: probe
"""


@dataclass(frozen=True, slots=True)
class Case:
    """`new` stands in the good recipe where `old` stood."""

    old: str
    new: str

    @property
    def text(self) -> str:
        """The wrong recipe."""
        if self.old == ALL:
            return self.new
        if self.old == END:
            return GOOD + self.new
        if GOOD.count(self.old) != 1:
            raise ValueError(f"{self.old!r} does not stand in the good recipe exactly once")
        return GOOD.replace(self.old, self.new)
