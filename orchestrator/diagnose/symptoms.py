"""What the trainer's last words mean, in the user's words: exact symptoms from its issue threads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.core.first_failed import LOST_CONNECTION
from orchestrator.core.text import Text


@dataclass(frozen=True, slots=True)
class Symptom:
    """One way to fail."""

    pattern: re.Pattern[str]
    """Searched in `Exception: message` and in the trainer's last lines."""
    cause: Text
    fix: Text


def _row(pattern: str, cause: Text, fix: Text) -> Symptom:
    return Symptom(re.compile(pattern, re.IGNORECASE), cause, fix)


SYMPTOMS: tuple[Symptom, ...] = (
    _row(
        r"size mismatch|Error\(s\) in loading state_dict",
        Text("The base model is of another family than the recipe says.", "底模与配方中写的模型系列不符。"),
        Text("Set `base_model.family` to what the file is, or choose another file.", "把 `base_model.family` 改为该文件的类型，或换一个文件。"),
    ),
    _row(
        r"HeaderTooLarge|MetadataIncompleteBuffer|InvalidHeader|Error while deserializing header",
        Text("A model file is damaged, cut off, or no safetensors file at all.", "某个模型文件损坏、不完整，或根本不是 safetensors 文件。"),
        Text("Download it again and compare its size. A few hundred bytes are a Git LFS pointer.", "重新下载并核对大小。只有几百字节说明那是 Git LFS 指针。"),
    ),
    _row(
        r"Can't load tokenizer|couldn't connect to|We couldn't connect|Name or service not known|Max retries exceeded|LocalEntryNotFound",
        Text("A tokenizer or model had to be downloaded, and the network did not give it.", "需要下载分词器或模型，但网络不可用。"),
        Text(
            "Set `base_model.tokenizer_cache_dir` to a folder filled once with a network, or allow the download.",
            "把 `base_model.tokenizer_cache_dir` 指向联网时准备好的目录，或允许下载。",
        ),
    ),
    _row(
        r"model is not found as a file or in Hugging Face|RepositoryNotFound|Entry Not Found|No such file or directory.*(safetensors|ckpt)",
        Text("The base model was not found.", "找不到底模。"),
        Text("Check `base_model.pretrained_model_name_or_path`.", "检查 `base_model.pretrained_model_name_or_path`。"),
    ),
    _row(
        r"stack expects each tensor to be equal size",
        Text("Cached latents of another resolution lie beside the pictures.", "图片旁有其他分辨率的潜变量缓存。"),
        Text("Delete the old `.npz` files beside your pictures.", "删除图片旁旧的 `.npz` 文件。"),
    ),
    _row(
        r"Attempting to unscale FP16 gradients",
        Text("The network's weights are in fp16, and loss scaling needs fp32.", "网络权重为 fp16，而损失缩放需要 fp32。"),
        Text("Use `train.mixed_precision: bf16`, or `train.full_fp16` on purpose.", "用 `train.mixed_precision: bf16`，或有意启用 `train.full_fp16`。"),
    ),
    _row(
        r"NaN detected in latents",
        Text("The VAE gave NaN for a picture, an overflow of fp16.", "VAE 对某张图片输出 NaN，属于 fp16 溢出。"),
        Text("Set `train.no_half_vae: true`.", "设 `train.no_half_vae: true`。"),
    ),
    _row(
        r"network for Text Encoder cannot be trained with caching Text Encoder outputs",
        Text("Cached text encoder outputs and a trained text encoder exclude each other.", "缓存文本编码器输出与训练文本编码器互斥。"),
        Text("Set `network.network_train_unet_only: true`, or do not cache.", "设 `network.network_train_unet_only: true`，或不缓存。"),
    ),
    _row(
        r"when caching Text Encoder output",
        Text("Cached text encoder outputs exclude shuffling and dropping captions.", "缓存文本编码器输出与打乱或丢弃标注互斥。"),
        Text("Turn off `dataset.shuffle_caption` and dropout, or do not cache.", "关闭 `dataset.shuffle_caption` 和丢弃，或不缓存。"),
    ),
    _row(
        r"caption file is empty",
        Text("A caption file is empty.", "有一个标注文件为空。"),
        Text("Write the caption or delete the file.", "写上标注或删除该文件。"),
    ),
    _row(
        r"illegal char in file|UnicodeDecodeError",
        Text("A caption file is not UTF-8.", "有标注文件不是 UTF-8 编码。"),
        Text("Save it as UTF-8.", "另存为 UTF-8。"),
    ),
    _row(
        r"cannot identify image file|image file is truncated|UnidentifiedImageError",
        Text("A picture file cannot be read.", "有图片文件无法读取。"),
        Text("Replace or remove the named file.", "替换或移走提到的文件。"),
    ),
    _row(
        r"unrecognized arguments|error: argument|invalid choice",
        Text("The trainer does not know an option, or its value.", "训练器不认识某个选项或其取值。"),
        Text("Check `trainer_args`; some options belong to one entry script only.", "检查 `trainer_args`；有些选项只属于某个脚本。"),
    ),
    _row(
        r"ModuleNotFoundError|ImportError",
        Text(
            "A package of the trainer's environment cannot be loaded: another version than the trainer asks for, or a library below it is missing.",
            "训练器环境中的某个软件包无法加载：版本与训练器要求的不同，或缺少它依赖的库。",
        ),
        Text(
            "Run `lora-run vendor install sd-scripts` again: it tells which versions differ.",
            "再次运行 `lora-run vendor install sd-scripts`：它会指出哪些版本不同。",
        ),
    ),
    _row(
        r"no kernel image is available|not compiled with CUDA|Torch not compiled|CUDA driver version is insufficient|CUDA error",
        Text("torch and the graphics card or its driver do not fit together.", "torch 与显卡或驱动不匹配。"),
        Text("`lora-run doctor` shows both; install the torch build for your driver.", "`lora-run doctor` 会显示两者；请安装与驱动匹配的 torch。"),
    ),
    _row(
        r"3221225477|SIGSEGV|Segmentation fault",
        Text("A library crashed: driver, bitsandbytes, or memory ran out.", "某个库崩溃：驱动、bitsandbytes 或内存不足。"),
        Text("Update the driver, or use another optimizer than an 8-bit one.", "更新驱动，或改用非 8 位优化器。"),
    ),
    _row(
        r"use_libuv was requested",
        Text("This torch on Windows has no libuv.", "该 Windows 版 torch 不带 libuv。"),
        Text("Set `train.num_processes: 1`.", "设 `train.num_processes: 1`。"),
    ),
    _row(
        r"duplicated lora name",
        Text(
            "The network module names a layer of the base model twice: its version and the trainer's do not fit together.",
            "网络模块对底模的同一层重复命名：它的版本与训练器不兼容。",
        ),
        Text(
            "With LyCORIS write `preset: attn-mlp` under `network.network_args`, or install lycoris-lora 3.2.0.",
            "使用 LyCORIS 时，在 `network.network_args` 下写 `preset: attn-mlp`，或安装 lycoris-lora 3.2.0。",
        ),
    ),
    _row(
        LOST_CONNECTION,
        Text("Another process of this run had ended before; this one only missed it.", "这次训练的另一个进程先结束，此处只是与它失去连接。"),
        Text("Look for the first error of the other processes above that line.", "请在该行之前查找其他进程的第一个错误。"),
    ),
    _row(
        r"SIGKILL|exit status -9|^Killed|\bKilled$",
        Text("The system killed the trainer, mostly because main memory ran out.", "系统强行结束了训练器，多半是内存耗尽。"),
        Text(
            "Close other programs, cache latents to disk (`train.cache_latents_to_disk`), fewer data loader workers.",
            "关闭其他程序，把潜变量缓存到磁盘（`train.cache_latents_to_disk`），减少数据加载进程。",
        ),
    ),
)  # fmt: skip


def match_symptom(words: str) -> Symptom | None:
    """Return the first known symptom in the trainer's last words."""
    module = missing_module(words)
    if module is not None:
        return _missing(module)
    return next((symptom for symptom in SYMPTOMS if symptom.pattern.search(words)), None)


_MISSING = (
    re.compile(r"No module named '?(?P<module>[\w.]+)"),
    re.compile(r"ImportError: No (?P<module>\w+) / (?P=module) ?が"),
)
"""Python's own words, and sd-scripts' for packages that it imports only when they are asked for."""
_TOLD_AS = {"Prodigy": "prodigyopt"}
"""sd-scripts names the optimizer here, not the module."""
_OWN = ("library", "networks", "tools")
"""Folders of sd-scripts itself: no package index has them."""
_PACKAGES = {"cv2": "opencv-python", "PIL": "pillow"}
"""Module -> package, where the trainer always imports it and the names differ."""


def missing_module(words: str) -> str | None:
    """Return the top-level module that the trainer could not import because it is not installed; None where nothing says so."""
    found = next((match for pattern in _MISSING for match in pattern.finditer(words)), None)
    if found is None:
        return None
    module = found["module"].partition(".")[0]
    return None if module in _OWN else _TOLD_AS.get(module, module)


def _missing(module: str) -> Symptom:
    from orchestrator.backends.sd_scripts.packages import OPTIONAL

    package = OPTIONAL[module].name if module in OPTIONAL else _PACKAGES.get(module, module)
    return Symptom(
        re.compile(re.escape(module)),
        Text(f"The trainer's environment lacks the package {package}.", f"训练器环境缺少软件包 {package}。"),
        Text(
            f"Run `python -m pip install {package}` with the trainer's own interpreter, which `lora-run doctor` names.",
            f"用训练器自己的解释器（见 `lora-run doctor`）运行 `python -m pip install {package}`。",
        ),
    )
