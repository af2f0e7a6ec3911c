"""The parts of the pocket base before training: vocabulary, autoencoder, U-Net, text encoder, noise schedule."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 64
MAX_TOKENS = 40
TEXT_WIDTH = 96
START, END = "<|startoftext|>", "<|endoftext|>"


def make_tokenizer(captions: list[str], out: Path) -> CLIPTokenizer:
    """A CLIP tokenizer: every byte is a token, so any trigger word can be written, and the captions' words are whole."""
    words = Counter(word for caption in captions for word in caption.replace(",", " ,").split())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=4000, end_of_word_suffix="</w>", show_progress=False)
    learner.train_from_iterator((f"{word} " * min(count, 50) for word, count in sorted(words.items())), trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learned]
    names = [START, END, *alphabet, *(letter + "</w>" for letter in alphabet), *("".join(pair) for pair in merges)]
    vocab = {name: index for index, name in enumerate(dict.fromkeys(names))}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=MAX_TOKENS)
    folder = out / "tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MAX_TOKENS,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return tokenizer


def new_vae() -> AutoencoderKL:
    """The autoencoder: each side of the picture is divided by 4."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(16, 32, 48),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=8,
        sample_size=SIDE,
        mid_block_add_attention=False,
    )


def new_unet() -> UNet2DConditionModel:
    """The denoiser on 16 x 16 x 4 latents; text is attended to at 8 x 8."""
    return UNet2DConditionModel(
        sample_size=SIDE // 4,
        in_channels=4,
        out_channels=4,
        block_out_channels=(48, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_text_encoder(vocab_size: int, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A two-layer CLIP text model."""
    config = CLIPTextConfig(
        vocab_size=vocab_size,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        hidden_act="quick_gelu",
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def noise_settings() -> dict[str, object]:
    """The noise schedule of SD 1.x."""
    return {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": "epsilon",
        "clip_sample": False,
    }
