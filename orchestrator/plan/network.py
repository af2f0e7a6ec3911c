"""The base model's files and the LoRA itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.plan.given import Draft

_FILES = ("vae", "clip_l", "clip_g", "t5xxl", "ae", "tokenizer_cache_dir")
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
_FILE_ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
_BUNDLES = {"clip_l": "incl_clips", "clip_g": "incl_clips", "t5xxl": "t5xxl"}
"""What the name of an SD3 checkpoint says when the text encoders are inside, as in its publisher's files."""
_FIX_SD3 = Text(
    "write the path of the file; an SD3 checkpoint that holds its text encoders has `incl_clips` (and `t5xxl`) in its name",
    "请写该文件的路径；包含文本编码器的 SD3 检查点文件名中带有 `incl_clips`（和 `t5xxl`）",
)
POCKET_BASE = "pocket"
_FETCHED = frozenset({"pretrained_model_name_or_path", "vae"})
"""Keys whose model the trainer fetches from Hugging Face; the others are files to it."""


def decide_model(draft: Draft) -> None:
    """Write the base model and the files its family needs. Existence is not looked at: rules do that."""
    base = draft.recipe.base_model
    _check_kind(draft)
    _decide_checkpoint(draft)
    for name in _FILES:
        if getattr(base, name) is not None:
            key = f"base_model.{name}"
            draft.train[name] = draft.given(_named_model(draft, key, getattr(base, name)), key)
    if base.family == "sd2":
        draft.train["v2"] = draft.derive(
            value=True, because=Text("sd2 has another text encoder than sd15", "sd2 的文本编码器与 sd15 不同")
        )
    draft.pass_on("v_parameterization", base.v_parameterization, "base_model.v_parameterization")
    if base.family == "flux":
        draft.train["model_type"] = draft.choose(
            base.model_type,
            "base_model.model_type",
            "flux",
            Text("a FLUX.1 model unless told otherwise", "未注明则为 FLUX.1"),
        )
    for name in draft.facts.required:
        if getattr(base, name) is None and not _is_inside(draft, name):
            draft.refuse(
                "missing-model-file",
                Text(f"{base.family} needs `base_model.{name}`", f"{base.family} 需要 `base_model.{name}`"),
                Text("the trainer stops after it has loaded the rest", "训练器会在加载完其他文件后停止"),
                _FIX_SD3
                if base.family == "sd3" and name in _BUNDLES
                else Text(
                    f"write the path of the file as `{name}` under `base_model:`",
                    f"请在 `base_model:` 下以 `{name}` 写该文件的路径",
                ),
                draft.where_to_add("base_model", "base_model.family"),
            )


def _check_kind(draft: Draft) -> None:
    """Refuse an edit for a family whose trainer has no pairs: it would learn the pictures one by one instead."""
    if draft.recipe.subject.kind != "edit" or draft.facts.has_edit_pairs:
        return
    family = draft.recipe.base_model.family
    draft.refuse(
        "no-edit-pairs",
        Text(f"`kind: edit` cannot be trained for {family}", f"{family} 不能训练 `kind: edit`"),
        Text(
            "an edit is learned from pairs, a picture before and one after; the trainer of this family has no pairs and would learn "
            "each picture by itself",
            "编辑要从成对的图片（编辑前与编辑后）学习；该系列的训练器没有图片对，只会逐张学习图片",
        ),
        Text(
            "write another kind, such as `concept`; an edit needs a family with pairs, and none is supported yet",
            "请写其他类型，例如 `concept`；编辑需要支持图片对的模型系列，目前还没有",
        ),
        "subject.kind",
    )


def _is_inside(draft: Draft, name: str) -> bool:
    """Whether the model needs no file of its own for `name`: Chroma has no CLIP-L, some SD3 checkpoints hold their encoders."""
    base = draft.recipe.base_model
    if base.family == "sd3" and name in _BUNDLES:
        return _BUNDLES[name] in (base.pretrained_model_name_or_path or "").lower()
    return name == "clip_l" and base.model_type == "chroma"


def decide_network(draft: Draft) -> None:
    """Write module, rank, alpha and what else the recipe says about the network."""
    network, start, facts = draft.recipe.network, draft.start, draft.facts
    family, kind = draft.recipe.base_model.family, draft.recipe.subject.kind
    draft.train["network_module"] = draft.choose(
        network.network_module, "network.network_module", facts.network_module,
        Text(f"the plain LoRA of {family}", f"{family} 的普通 LoRA"),
    )  # fmt: skip
    rank = draft.choose(
        network.network_dim, "network.network_dim", start.network_dim,
        Text(f"usual for {family} and `kind: {kind}`; the trainer's own 4 is small", f"{family} 与该类主体的常用值；训练器默认的 4 偏小"),
    )  # fmt: skip
    draft.train["network_dim"] = rank
    alpha = rank.value * start.network_alpha / start.network_dim
    draft.train["network_alpha"] = draft.choose(
        None if network.network_alpha is None else float(network.network_alpha), "network.network_alpha", float(alpha),
        Text(f"scale alpha/rank = {short_number(alpha)}/{rank.value}; the trainer's own 1 would make the update {short_number(rank.value)} times weaker",
             f"缩放 alpha/rank = {short_number(alpha)}/{rank.value}；训练器默认的 1 会使更新弱 {short_number(rank.value)} 倍"),
    )  # fmt: skip
    draft.pass_on("network_dropout", network.network_dropout, "network.network_dropout")
    draft.pass_on("scale_weight_norms", network.scale_weight_norms, "network.scale_weight_norms")
    if network.network_args is not None:
        draft.train["network_args"] = draft.given(
            [f"{k}={v}" for k, v in network.network_args.items()], "network.network_args"
        )
    if network.network_weights is not None:
        key = "network.network_weights"
        draft.train["network_weights"] = draft.given(str(draft.loaded.resolve_path(key)), key)


def _named_model(draft: Draft, key: str, name: str) -> str:
    """Return the absolute path of the model under `key`, or its name at Hugging Face where no such file is there and the trainer takes one."""
    path = draft.loaded.resolve_path(key)
    may_be_fetched = key.rpartition(".")[2] in _FETCHED and not name.lower().endswith(_FILE_ENDINGS)
    return name if may_be_fetched and _HUB_ID.match(name) and not path.exists() else str(path)


def _decide_checkpoint(draft: Draft) -> None:
    base, key = draft.recipe.base_model, "base_model.pretrained_model_name_or_path"
    name = base.pretrained_model_name_or_path
    if name is None:
        if base.family == "pocket":
            draft.train["pretrained_model_name_or_path"] = draft.derive(
                POCKET_BASE, Text("the base that comes with this tool", "本工具自带的基础模型")
            )
        return
    if base.family == "pocket" and name == POCKET_BASE:
        draft.train["pretrained_model_name_or_path"] = draft.given(name, key)
        return
    draft.train["pretrained_model_name_or_path"] = draft.given(_named_model(draft, key, name), key)
