"""Number formats, memory, caches, loss: how the machine is to go about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.given import Draft

_CLIP_TOKENS = 70
_TOKENS_PER_WORD = 1.35
_SAVED_AS = {"no": "float", "fp16": "fp16", "bf16": "bf16"}


def decide_computing(draft: Draft, concepts: Sequence[ConceptPictures], *, is_validated: bool) -> None:
    """Write precision, attention, caches, workers and loss."""
    _decide_precision(draft)
    _decide_memory(draft)
    _decide_caches(draft)
    _decide_workers(draft, is_validated=is_validated)
    _decide_text(draft, concepts)
    _decide_loss(draft, has_reg=any(c.is_reg for c in concepts))


def _decide_precision(draft: Draft) -> None:
    recipe, facts = draft.recipe, draft.facts
    family = recipe.base_model.family
    why = {
        "no": Text("a CPU trains in full precision", "CPU 以全精度训练"),
        "fp16": Text("runs on every CUDA card", "所有 CUDA 显卡都能运行"),
        "bf16": Text(
            f"{family} overflows in fp16; needs a card from 2020 on",
            f"{family} 在 fp16 下会溢出；需要 2020 年以后的显卡",
        ),
    }
    mixed = draft.choose(
        recipe.train.mixed_precision, "train.mixed_precision", facts.mixed_precision, why[facts.mixed_precision]
    )
    draft.train["mixed_precision"] = mixed
    saved = _SAVED_AS[mixed.value]
    draft.train["save_precision"] = draft.choose(
        recipe.save.save_precision, "save.save_precision", saved,
        Text(f"as it is computed with mixed_precision {mixed.value}", f"与 mixed_precision {mixed.value} 的计算一致"),
    )  # fmt: skip
    for name in ("full_fp16", "full_bf16", "fp8_base"):
        draft.pass_on(name, getattr(recipe.train, name), f"train.{name}")
    if facts.no_half_vae is None:
        draft.pass_on("no_half_vae", recipe.train.no_half_vae, "train.no_half_vae")
        return
    draft.train["no_half_vae"] = draft.choose(
        recipe.train.no_half_vae, "train.no_half_vae", facts.no_half_vae,
        Text("SDXL's VAE makes NaN in half precision, and nothing tells", "SDXL 的 VAE 在半精度下会产生 NaN，且没有提示")
        if facts.no_half_vae else Text("this VAE is safe in half precision", "该 VAE 用半精度是安全的"),
    )  # fmt: skip


def _decide_memory(draft: Draft) -> None:
    train, facts = draft.recipe.train, draft.facts
    if facts.has_attention_choice:
        kind = draft.choose(
            train.attention, "train.attention", "sdpa",
            Text("torch's own fast attention; the trainer's default is the slow one", "torch 自带的快速注意力；训练器默认的很慢"),
        )  # fmt: skip
        for name in ("sdpa", "xformers"):
            if kind.value == name:
                draft.train[name] = replace(kind, value=True)
    elif train.attention != "none":
        family = draft.recipe.base_model.family
        draft.leave_out(train.attention, "train.attention", Text(f"{family} ignores it", f"{family} 会忽略它"))
    if facts.has_gradient_checkpointing:
        draft.train["gradient_checkpointing"] = draft.choose(
            train.gradient_checkpointing, "train.gradient_checkpointing", facts.gradient_checkpointing,
            Text("a large model: less memory for slower steps", "模型较大：以速度换显存") if facts.gradient_checkpointing
            else Text("a small model: fits without, and is faster", "模型较小：不需要，且更快"),
        )  # fmt: skip
    else:
        draft.pass_on("gradient_checkpointing", train.gradient_checkpointing, "train.gradient_checkpointing")
    draft.pass_on("blocks_to_swap", train.blocks_to_swap, "train.blocks_to_swap")


def _decide_caches(draft: Draft) -> None:
    train = draft.recipe.train
    general = draft.dataset_general
    changing = [n for n in ("color_aug", "random_crop") if n in general and general[n].value]
    draft.train["cache_latents"] = draft.choose(
        train.cache_latents, "train.cache_latents", not changing,
        Text(f"{changing[0]} makes every picture new each time", f"{changing[0]} 每次都会改变图片") if changing
        else Text("each picture is encoded once", "每张图片只编码一次"),
    )  # fmt: skip
    draft.pass_on("cache_latents_to_disk", train.cache_latents_to_disk, "train.cache_latents_to_disk")
    if not draft.facts.can_cache_text:
        draft.pass_on(
            "cache_text_encoder_outputs", train.cache_text_encoder_outputs, "train.cache_text_encoder_outputs"
        )
        return
    obstacle = _text_cache_obstacle(draft)
    draft.train["cache_text_encoder_outputs"] = draft.choose(
        train.cache_text_encoder_outputs, "train.cache_text_encoder_outputs", obstacle is None,
        obstacle or Text("captions do not change and the text encoders are not trained: each caption is encoded once",
                         "标注不变且不训练文本编码器：每条标注只编码一次"),
    )  # fmt: skip


def _text_cache_obstacle(draft: Draft) -> Text | None:
    if not draft.value("network_train_unet_only"):
        return Text("the text encoders are trained", "文本编码器参与训练")
    general = draft.dataset_general
    for name in ("shuffle_caption", "caption_dropout_rate", "caption_tag_dropout_rate"):
        if name in general and general[name].value:
            return Text(f"{name} changes the captions", f"{name} 会改变标注")
    if any(c.shuffle_caption for c in draft.recipe.concepts):
        return Text("shuffle_caption changes the captions", "shuffle_caption 会改变标注")
    for name in ("token_warmup_step", "caption_dropout_every_n_epochs"):
        if draft.recipe.trainer_args.get(name):
            return Text(f"{name} changes the captions", f"{name} 会改变标注")
    return None


def _decide_workers(draft: Draft, *, is_validated: bool) -> None:
    if is_validated:
        count, why = 0, Text("with workers the trainer shuffles the held-out pictures while it measures them",
                             "有加载进程时，训练器会在验证过程中打乱留出图片")  # fmt: skip
    elif draft.value("cache_latents"):
        count, why = (
            0,
            Text("latents lie in memory: workers would only copy them", "潜变量在内存中：加载进程只会多复制一份"),
        )
    else:
        count, why = 2, Text("pictures are decoded while the model computes", "模型计算时解码图片")
    draft.train["max_data_loader_n_workers"] = draft.derive(count, why)
    if count:
        draft.train["persistent_data_loader_workers"] = draft.derive(
            value=True, because=Text("workers stay from epoch to epoch", "加载进程跨轮保留")
        )


def _decide_text(draft: Draft, concepts: Sequence[ConceptPictures]) -> None:
    train, facts = draft.recipe.train, draft.facts
    if facts.has_clip_skip:
        draft.train["clip_skip"] = draft.choose(
            train.clip_skip, "train.clip_skip", 1,
            Text("the last layer; anime models made from NovelAI's want 2", "最后一层；源自 NovelAI 的动漫模型用 2"),
        )  # fmt: skip
    else:
        draft.pass_on("clip_skip", train.clip_skip, "train.clip_skip")
    if not facts.has_max_token_length:
        draft.pass_on("max_token_length", train.max_token_length, "train.max_token_length")
        return
    longest = max(
        (len((p.caption or "").split()) + (p.caption or "").count(",") for c in concepts for p in c.pictures), default=0
    )
    tokens = round(longest * _TOKENS_PER_WORD)
    decided = train.max_token_length or (225 if tokens > _CLIP_TOKENS else 75)
    if decided != 75:  # the trainer's word for 75 is to leave the option out
        draft.train["max_token_length"] = draft.choose(
            train.max_token_length, "train.max_token_length", decided,
            Text(f"the longest caption has about {tokens} tokens; beyond 75 they would be cut off",
                 f"最长的标注约 {tokens} 个 token；超过 75 会被截断"),
        )  # fmt: skip


def _decide_loss(draft: Draft, *, has_reg: bool) -> None:
    recipe, facts = draft.recipe, draft.facts
    train = recipe.train
    draft.train["prior_loss_weight"] = draft.derive(
        1.0, Text("regularisation pictures count as much as the subject's", "正则化图片与主体图片同等权重") if has_reg
        else Text("no regularisation pictures: without effect", "没有正则化图片：不起作用"),
    )  # fmt: skip
    draft.train["loss_type"] = draft.derive(
        "l2", Text("the loss the base models were trained with", "基础模型训练时所用的损失")
    )
    if facts.is_flow and str(recipe.trainer_args.get("loss_type", "l2")) in {"huber", "smooth_l1"}:
        draft.train["huber_schedule"] = draft.derive(
            "constant",
            Text("the trainer's default `snr` crashes with flow models", "训练器默认的 `snr` 会使流模型崩溃"),
        )
    if train.min_snr_gamma is not None or facts.default_min_snr_gamma is not None:
        draft.train["min_snr_gamma"] = draft.choose(
            None if train.min_snr_gamma is None else float(train.min_snr_gamma), "train.min_snr_gamma", facts.default_min_snr_gamma,
            Text("evens out the steps of the noise: what most published recipes use", "平衡各噪声阶段：多数公开配方的取值"),
        )  # fmt: skip
    draft.pass_on("noise_offset", train.noise_offset, "train.noise_offset")
    if recipe.base_model.family == "flux":
        _decide_flow(draft)
    else:
        for name in ("timestep_sampling", "discrete_flow_shift", "model_prediction_type", "guidance_scale"):
            draft.pass_on(name, getattr(train, name), f"train.{name}")


def _decide_flow(draft: Draft) -> None:
    train = draft.recipe.train
    is_chroma = draft.recipe.base_model.model_type == "chroma"
    draft.train["timestep_sampling"] = draft.choose(
        train.timestep_sampling, "train.timestep_sampling", "sigmoid" if is_chroma else "shift",
        Text("what the trainer's documents advise; its default `sigma` learns worse", "训练器文档的建议；默认的 `sigma` 效果较差"),
    )  # fmt: skip
    if draft.value("timestep_sampling") == "shift" or train.discrete_flow_shift is not None:
        draft.train["discrete_flow_shift"] = draft.choose(
            None if train.discrete_flow_shift is None else float(train.discrete_flow_shift), "train.discrete_flow_shift", 3.1582,
            Text("FLUX's own shift at 1024 pixels", "FLUX 在 1024 像素下自身的 shift"),
        )  # fmt: skip
    draft.train["model_prediction_type"] = draft.choose(
        train.model_prediction_type, "train.model_prediction_type", "raw",
        Text("the model predicts the velocity itself; the trainer's default scales it", "模型直接预测速度；训练器默认会缩放"),
    )  # fmt: skip
    guidance = 0.0 if is_chroma else 1.0
    draft.train["guidance_scale"] = draft.choose(
        None if train.guidance_scale is None else float(train.guidance_scale), "train.guidance_scale", guidance,
        Text(f"{short_number(guidance)} for this model; the trainer's 3.5 would train a guided model away", f"该模型取 {short_number(guidance)}；训练器默认的 3.5 会破坏蒸馏引导"),
    )  # fmt: skip
    if is_chroma:
        draft.train["apply_t5_attn_mask"] = draft.derive(
            value=True, because=Text("Chroma stops without it", "Chroma 缺它会停止")
        )
