"""The bases of the rig: SD1.x, random at two widths or trained on the pictures this project draws itself; SDXL, random and narrow.

Everything but the widths is what the real ones have: the layout, the noise schedule, 77 tokens, latents of an eighth
of the picture's side, scaled by 0.18215 (SDXL: 0.13025). Run with the trainer's interpreter (torch, diffusers, transformers).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from make_pocket_base import confetti, encode_all, say, scenes, train_unet, train_vae
from pocket_architecture import END, START
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

TEXT_WIDTH = 64
SD1_SCALE = 0.18215  # the trainer multiplies latents by this whatever the base's own configuration says
SMALL_WIDTHS = (32, 64, 64, 64)
SDXL_SCALE = 0.13025
SDXL_WIDTHS = (32, 64, 128)  # the trainer multiplies one number by 1, 2 and 4; a head is 64 wide
VOCABULARY = 2000
POCKET_VAE = Path(__file__).resolve().parents[1] / "orchestrator/backends/pocket/base/vae"


def make_tokenizer(captions: list[str], out: Path, name: str = "openai/clip-vit-large-patch14") -> CLIPTokenizer:
    """A CLIP tokenizer in the trainer's cache, as that of `name`: every byte is a token, the words of `captions` are whole."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, end_of_word_suffix="</w>", show_progress=False)
    learner.train_from_iterator(sorted(captions), trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in learned]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*alphabet, *(f"{x}</w>" for x in alphabet), *(pair.replace(" ", "") for pair in merges), START, END]
    cache = out / "tokcache" / name.replace("/", "_")
    cache.mkdir(parents=True, exist_ok=True)
    vocabulary = {name: index for index, name in enumerate(dict.fromkeys(names))}
    (cache / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (cache / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    tokenizer = CLIPTokenizer(str(cache / "vocab.json"), str(cache / "merges.txt"), model_max_length=77)
    tokenizer.save_pretrained(cache)
    return tokenizer


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A two-layer CLIP text model, 64 wide."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=TEXT_WIDTH, intermediate_size=4 * TEXT_WIDTH, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=77, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id, projection_dim=TEXT_WIDTH,
        )
    )  # fmt: skip


def new_vae(scale: float = SD1_SCALE) -> AutoencoderKL:
    """The autoencoder: each side of the picture is divided by 8."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 48, 48), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=1, latent_channels=4, norm_num_groups=8,
        sample_size=64, mid_block_add_attention=False, scaling_factor=scale,
    )  # fmt: skip


@torch.no_grad()
def start_from_pocket(vae: AutoencoderKL) -> None:
    """Copy pocket's trained autoencoder into all but the innermost level, which begins as the identity.

    Pocket's divides each side by 4 only, so its latents are no use here; but what it knows about pixels is, and spares
    nine tenths of the training.
    """
    theirs = AutoencoderKL.from_pretrained(POCKET_VAE, torch_dtype=torch.float32).state_dict()
    ours = vae.state_dict()
    for name, value in theirs.items():
        place = name
        if name.startswith("decoder.up_blocks."):
            place = f"decoder.up_blocks.{int(name[18]) + 1}{name[19:]}"
        if ours.get(place, value).shape == value.shape:
            ours[place] = value
    vae.load_state_dict(ours)
    for block in (*vae.encoder.down_blocks[3].resnets, *vae.decoder.up_blocks[0].resnets):
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()


def new_unet(kind: str) -> UNet2DConditionModel:
    """The real layout of SD1.x; only `full` has the real widths."""
    if kind == "full":
        return UNet2DConditionModel(sample_size=8, cross_attention_dim=TEXT_WIDTH, attention_head_dim=8)
    return UNet2DConditionModel(
        sample_size=8, cross_attention_dim=TEXT_WIDTH, attention_head_dim=4, block_out_channels=SMALL_WIDTHS
    )


def save_pipeline(
    out: Path, vae: AutoencoderKL, text: CLIPTextModel, unet: UNet2DConditionModel, tokenizer: CLIPTokenizer
) -> None:
    """Write the diffusers folder the trainer reads."""
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(out)  # fmt: skip


def write_random_base(out: Path, kind: str) -> None:
    """A base of random weights (loss near 1): enough for everything but judging pictures."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer([], out)
    save_pipeline(out, new_vae(), new_text_encoder(tokenizer), new_unet(kind), tokenizer)


def write_sdxl_base(out: Path) -> None:
    """A base of random weights: both text encoders as wide as the trainer wants them, the U-Net at a tenth of its width."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer([], out)
    tokenizer_2 = make_tokenizer([], out, "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k")
    shared = {
        "vocab_size": len(tokenizer), "max_position_embeddings": 77, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.eos_token_id, "intermediate_size": 64,
    }  # fmt: skip
    # the trainer takes the output of the eleventh layer of the first, of the last but one of the second
    text = CLIPTextConfig(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, **shared)
    text_2 = CLIPTextConfig(
        hidden_size=1280, num_hidden_layers=2, num_attention_heads=20, projection_dim=1280, **shared
    )
    unet = UNet2DConditionModel(
        sample_size=8, cross_attention_dim=2048, block_out_channels=SDXL_WIDTHS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10), attention_head_dim=tuple(max(1, w // 64) for w in SDXL_WIDTHS),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=1280 + 6 * 256,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )
    StableDiffusionXLPipeline(
        vae=new_vae(SDXL_SCALE), text_encoder=CLIPTextModel(text), text_encoder_2=CLIPTextModelWithProjection(text_2),
        tokenizer=tokenizer, tokenizer_2=tokenizer_2, unet=unet, scheduler=scheduler,
    ).save_pretrained(out)  # fmt: skip


@torch.no_grad()
def fit_to_scale(vae: AutoencoderKL, spread: float) -> None:
    """Rescale the latents in place so that 0.18215 times them has variance one; pictures stay what they are.

    `spread` is the standard deviation of the latent means now. Both convolutions around the latents are 1 x 1, so the
    factor moves into their weights exactly; the log-variance channels gain its logarithm twice.
    """
    factor = 1 / (SD1_SCALE * spread)
    vae.quant_conv.weight[:4] *= factor
    vae.quant_conv.bias[:4] *= factor
    vae.quant_conv.bias[4:] += 2 * torch.tensor(factor).log()
    vae.post_quant_conv.weight /= factor


def write_trained_base(out: Path, *, pictures: int, vae_steps: int, unet_steps: int, seed: int) -> None:
    """Train all parts on drawn scenes and write them; the U-Net and the text encoder are saved every 500 steps."""
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    drawn, captions = scenes(pictures, seed)
    tokenizer = make_tokenizer(captions, out)
    say(f"{len(drawn)} pictures, vocabulary of {len(tokenizer)} tokens")
    vae = new_vae()
    start_from_pocket(vae)
    train_vae(vae, drawn, vae_steps, confetti(6000, seed), None)
    vae = vae.to(memory_format=torch.contiguous_format)
    fit_to_scale(vae, float(encode_all(vae, drawn[:2000]).std()))
    text, unet = new_text_encoder(tokenizer), new_unet("small")
    save_pipeline(out, vae, text, unet, tokenizer)
    latents = encode_all(vae, drawn) * SD1_SCALE
    say(f"scaled latents: mean {latents.mean():.3f}, standard deviation {latents.std():.3f}")
    tokens = {"padding": "max_length", "truncation": True, "max_length": 77, "return_tensors": "pt"}
    ids, empty = tokenizer(captions, **tokens).input_ids, tokenizer([""], **tokens).input_ids
    train_unet(
        unet, text, latents, ids, empty, steps=unet_steps, save=out, every=500, peak=1.5e-3, noisy_share=0.0
    )  # fmt: skip
