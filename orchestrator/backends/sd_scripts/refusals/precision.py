"""Number formats, memory and processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backends.sd_scripts.refusals.model import ALL, DIT, U_NET, Refusal, drop
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

_MOST_BLOCKS = {"flux": 35, "sd3": 36}
"""`blocks_to_swap` at most: flux has 19 + 38 blocks swapped in halves; the largest SD3 has 38, two must stay."""


def _too_many_blocks(settings: Settings) -> str | None:
    blocks = settings.number("blocks_to_swap")
    most = _MOST_BLOCKS[settings.family]
    return f"{blocks} > {most}" if blocks is not None and blocks > most else None


_ATTENTIONS = ("mem_eff_attn", "xformers", "sdpa")
"""In the trainer's order: the first that is set wins."""


def _attentions(settings: Settings) -> str | None:
    wanted = [f"`{name}`" for name in _ATTENTIONS if settings.get(name)]
    return ", ".join(wanted) if len(wanted) > 1 else None


REFUSALS = (
    Refusal(
        "two-attentions",
        _ATTENTIONS,
        _attentions,
        Text("more than one attention is asked for: {0}", "要求了多种注意力：{0}"),
        "nothing; it would take the first of these and leave the others",
        Text(
            "write `train.attention: none` beside an option of your own, or leave that option out",
            "自己写选项时请写 `train.attention: none`，或去掉该选项",
        ),
        U_NET,
    ),
    Refusal(
        "full-fp16-without-fp16",
        ("full_fp16", "mixed_precision"),
        lambda s: bool(s.get("full_fp16")) and s.get("mixed_precision") != "fp16",
        Text("`full_fp16` needs `mixed_precision: fp16`", "`full_fp16` 需要 `mixed_precision: fp16`"),
        "full_fp16 requires mixed precision='fp16'",
        Text(
            "write `mixed_precision: fp16`, or leave out `full_fp16`",
            "请写 `mixed_precision: fp16`，或去掉 `full_fp16`",
        ),
    ),
    Refusal(
        "full-bf16-without-bf16",
        ("full_bf16", "mixed_precision"),
        lambda s: bool(s.get("full_bf16")) and not s.get("full_fp16") and s.get("mixed_precision") != "bf16",
        Text("`full_bf16` needs `mixed_precision: bf16`", "`full_bf16` 需要 `mixed_precision: bf16`"),
        "full_bf16 requires mixed precision='bf16'",
        Text(
            "write `mixed_precision: bf16`, or leave out `full_bf16`",
            "请写 `mixed_precision: bf16`，或去掉 `full_bf16`",
        ),
    ),
    Refusal(
        "fp8-without-mixed-precision",
        ("fp8_base", "fp8_base_unet", "mixed_precision"),
        lambda s: bool(s.get("fp8_base") or s.get("fp8_base_unet")) and s.get("mixed_precision") == "no",
        Text(
            "a base in 8 bit needs `mixed_precision: fp16` or `bf16`", "8 位底模需要 `mixed_precision: fp16` 或 `bf16`"
        ),
        "fp8_base requires mixed precision='fp16' or 'bf16'",
        Text(
            "write `mixed_precision: bf16`, or leave out `fp8_base`", "请写 `mixed_precision: bf16`，或去掉 `fp8_base`"
        ),
    ),
    Refusal(
        "cpu-offload-checkpointing-unsupported",
        ("cpu_offload_checkpointing",),
        lambda s: bool(s.get("cpu_offload_checkpointing") and s.get("gradient_checkpointing")),
        Text("`cpu_offload_checkpointing` does not work with this family", "该系列不支持 `cpu_offload_checkpointing`"),
        "enable_gradient_checkpointing() got an unexpected keyword argument 'cpu_offload'",
        drop("cpu_offload_checkpointing"),
        (*U_NET, "sd3"),
    ),
    Refusal(
        "swap-with-cpu-offload",
        ("blocks_to_swap", "cpu_offload_checkpointing"),
        lambda s: bool(s.number("blocks_to_swap") and s.get("cpu_offload_checkpointing")),
        Text(
            "`blocks_to_swap` and `cpu_offload_checkpointing` exclude each other",
            "`blocks_to_swap` 与 `cpu_offload_checkpointing` 不能同时使用",
        ),
        "blocks_to_swap is not supported with cpu_offload_checkpointing",
        drop("cpu_offload_checkpointing"),
        DIT,
    ),
    Refusal(
        "too-many-blocks-to-swap",
        ("blocks_to_swap",),
        _too_many_blocks,
        Text("`blocks_to_swap` is too large: {0}", "`blocks_to_swap` 太大：{0}"),
        "Cannot swap more than ... blocks",
        Text("write a smaller number", "请写更小的数"),
        DIT,
    ),
    Refusal(
        "persistent-workers-without-workers",
        ("persistent_data_loader_workers", "max_data_loader_n_workers"),
        lambda s: bool(s.get("persistent_data_loader_workers")) and s.number("max_data_loader_n_workers") == 0,
        Text(
            "`persistent_data_loader_workers` needs loader workers", "`persistent_data_loader_workers` 需要数据加载进程"
        ),
        "persistent_workers option needs num_workers > 0",
        drop("persistent_data_loader_workers"),
    ),
    Refusal(
        "batch-below-one",
        ("train_batch_size", "gradient_accumulation_steps"),
        lambda s: any((s.number(n) or 0) < 1 for n in ("train_batch_size", "gradient_accumulation_steps")),
        Text(
            "`train_batch_size` and `gradient_accumulation_steps` must be at least 1",
            "`train_batch_size` 和 `gradient_accumulation_steps` 至少为 1",
        ),
        "ZeroDivisionError",
        Text("write 1", "请写 1"),
        ALL,
    ),
)
