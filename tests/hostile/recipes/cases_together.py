"""Values that are right alone and impossible together, and options of other families."""

from __future__ import annotations

from tests.hostile.recipes.case import END, Case

_SDXL = "  family: sdxl\n  pretrained_model_name_or_path: base.safetensors"

_BETWEEN = "network:\n  network_dim: 16\n  network_alpha: 8\ntrain:\n"

COMBINATIONS = (
    Case("  mixed_precision: bf16", "  mixed_precision: bf16\n  full_fp16: true"),
    Case("  mixed_precision: bf16", "  mixed_precision: fp16\n  full_bf16: true"),
    Case("  mixed_precision: bf16", "  mixed_precision: 'no'\n  full_fp16: true"),
    Case("  mixed_precision: bf16", "  mixed_precision: bf16\n  full_fp16: true\n  full_bf16: true"),
    Case("  text_encoder_lr: 0", "  text_encoder_lr: 1e-5\n  cache_text_encoder_outputs: true"),
    Case(f"  enable_bucket: true\n{_BETWEEN}", f"  color_aug: true\n{_BETWEEN}  cache_latents: true\n"),
    Case(f"  enable_bucket: true\n{_BETWEEN}", f"  random_crop: true\n{_BETWEEN}  cache_latents: true\n"),
    Case(
        "  enable_bucket: true",
        "  enable_bucket: true\n  shuffle_caption: true\ntrainer_args:\n  cache_text_encoder_outputs: true",
    ),
    Case("  unet_lr: 1e-4\n  text_encoder_lr: 0", "  unet_lr: 0\n  text_encoder_lr: 0"),
    Case(
        "  network_alpha: 8\n",
        "  network_alpha: 8\n  network_train_unet_only: true\n  network_train_text_encoder_only: true\n",
    ),
    Case(END, "trainer_args:\n  network_train_text_encoder_only: true\n"),
    Case("  lr_scheduler: cosine", "  lr_scheduler: constant"),
    Case("  lr_warmup_steps: 0.05", "  lr_warmup_steps: 1000"),
    Case("  lr_scheduler: cosine", "  lr_scheduler: piecewise_constant"),
    Case("  optimizer_type: AdamW8bit", "  optimizer_type: AdamW8bit\n  optimizer_args: {lr: 1e-3}"),
    Case("  optimizer_type: AdamW8bit", "  optimizer_type: AdamW8bit\n  optimizer_args: {wieght_decay: 0.1}"),
    Case("  optimizer_type: AdamW8bit", "  optimizer_type: AdamW8bit\n  optimizer_args: {weight_decay: high}"),
    Case("  optimizer_type: AdamW8bit", "  optimizer_type: AdamW8bit\n  optimizer_args: {betas: 0.9}"),
    Case("network:\n", "network:\n  network_args: {conv_dmi: 8}\n"),
    Case("network:\n", "network:\n  network_args: {conv_dim: many}\n"),
    Case("network:\n", "network:\n  network_args: {conv_dim: 8, rank_dropout: 2}\n"),
    Case("    - alicechr, portrait", "    - alicechr, portrait --w 512 --n bad"),
    Case("    - alicechr, portrait", "    - alicechr, portrait --d 7"),
    Case("  resolution: 1024", "  resolution: 1000\n  bucket_reso_steps: 48"),
    Case("  resolution: 1024", "  resolution: 1024\n  max_bucket_reso: 512"),
    Case("  resolution: 1024", "  resolution: 1024\n  min_bucket_reso: 1536"),
    Case("    num_repeats: 10", "    share: 0.7\n  - image_dir: other\n    share: 0.7"),
    Case("  hold_out: 2", "  hold_out: 13"),
)

FAMILIES = (
    Case(_SDXL, f"{_SDXL}\n  clip_l: base.safetensors"),
    Case(_SDXL, f"{_SDXL}\n  t5xxl: base.safetensors"),
    Case(_SDXL, f"{_SDXL}\n  ae: base.safetensors"),
    Case(_SDXL, f"{_SDXL}\n  model_type: sdxl"),
    Case("  family: sdxl", "  family: flux"),
    Case("  family: sdxl", "  family: flux\n  clip_l: base.safetensors"),
    Case("  family: sdxl", "  family: sd3"),
    Case("  family: sdxl", "  family: pocket"),
    Case("train:\n", "train:\n  guidance_scale: 1.0\n"),
    Case("train:\n", "train:\n  timestep_sampling: shift\n"),
    Case("train:\n", "train:\n  discrete_flow_shift: 3.0\n"),
    Case("train:\n", "train:\n  blocks_to_swap: 8\n"),
    Case("train:\n", "train:\n  model_prediction_type: raw\n"),
    Case("network:\n", "network:\n  network_module: networks.lora_flux\n"),
    Case("network:\n", "network:\n  network_module: os.system\n"),
    Case("network:\n", "network:\n  network_module: my_network\n"),
    Case("  optimizer_type: AdamW8bit", "  optimizer_type: subprocess.Popen"),
    Case("  optimizer_type: AdamW8bit", "  optimizer_type: my_module.MyOptimizer"),
    Case(END, "trainer_args:\n  lr_scheduler_type: os.path.Foo\n"),
    Case(END, "trainer_args:\n  t5xxl_max_token_length: 256\n"),
    Case(END, "trainer_args:\n  weighting_scheme: logit_normal\n"),
    Case(END, "trainer_args:\n  split_mode: true\n"),
    Case(END, "trainer_args:\n  vae_batch_size: 0\n"),
    Case(END, "trainer_args:\n  vae_batch_size: two\n"),
    Case(END, "trainer_args:\n  lowram: 'yes'\n"),
    Case(END, "trainer_args:\n  max_data_loader_n_workers: 2.5\n"),
    Case(END, "trainer_args:\n  loss_type: hubre\n"),
    Case(END, "trainer_args:\n  huber_schedule: linear\n"),
    Case(END, "trainer_args:\n  deepspeed: true\n"),
    Case(END, "trainer_args:\n  config_file: other.toml\n"),
    Case(END, "trainer_args:\n  min_timestep: 900\n  max_timestep: 100\n"),
    Case(END, "trainer_args:\n  log_with: wandb\n"),
    Case(END, "trainer_args:\n  output_config: true\n"),
    Case(END, "trainer_args:\n  console_log_level: LOUD\n"),
)
