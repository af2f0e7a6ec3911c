"""What a recipe may not hold although its types are right: names that are no file names, secrets, contradictions.

Works on plain data that may still be wrong elsewhere, so that all mistakes are told at once.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Problem
from orchestrator.core.number_text import short_number
from orchestrator.core.source import dotted
from orchestrator.core.text import Text
from orchestrator.recipe.keys import PATH_KEYS
from orchestrator.recipe.unknown_keys import misplaced_option

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from orchestrator.core.source import KeyPath
    from orchestrator.recipe.merge import Layers

_WINDOWS_NAMES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|\Z)")
_NO_FILE_NAME = re.compile(r"[/\\:*?<>|]")
_NO_FOLDER_NAME = re.compile(r"[/\\]")
_LONGEST_NAME_BYTES = 200
"""File systems take 255 bytes; the run number and endings like `-000008.safetensors` follow the name."""
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_NEVER_EMPTY = PATH_KEYS | {
    "trigger", "class_tokens", "optimizer_type", "lr_scheduler", "network_module", "sample_sampler", "runs_dir", "rule",
}  # fmt: skip
_EXTENSION = re.compile(r"\.[^./\\\s]+\Z")


def form_problems(layers: Layers, trainer_options: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what is wrong with names, pairs and places of keys. `trainer_options`: the trainer's names, where known."""
    yield from _names(layers)
    yield from _concepts(layers)
    yield from _pairs(layers)
    yield from _empty_texts(layers)
    options = layers.get(("trainer_args",))
    if isinstance(options, dict):
        for key in options:
            problem = misplaced_option(key, layers.where_key(("trainer_args", key)), trainer_options)
            if problem is not None:
                yield problem


def _names(layers: Layers) -> Iterator[Problem]:
    name = layers.get(("name",))
    if isinstance(name, str) and name:
        reason = file_name_reason(name)
        if reason is not None:
            yield _bad_name(layers, ("name",), reason)
    concepts = layers.get(("concepts",))
    count = len(concepts) if isinstance(concepts, list) else 0
    fields: list[KeyPath] = [("subject", "trigger"), ("subject", "class_tokens")]
    for path in fields + [("concepts", index, "class_tokens") for index in range(count)]:
        value = layers.get(path)
        reason = _folder_name_reason(value) if isinstance(value, str) else None
        if reason is not None:
            yield _bad_name(layers, path, reason)


def file_name_reason(name: str) -> Text | None:
    """Return why `name` cannot name a folder and files on every system, None where it can."""
    bad = _NO_FILE_NAME.search(name)
    if bad is not None:
        return Text(f"it holds `{bad.group()}`", f"含有 `{bad.group()}`")
    if _has_invisible(name):
        return Text("it holds an invisible character", "含有不可见字符")
    if name != name.strip() or name.startswith(".") or name.endswith("."):
        return Text("it begins or ends with a space or a dot", "以空格或点开头或结尾")
    if _WINDOWS_NAMES.match(name):
        return Text("Windows keeps this name for a device", "这是 Windows 的保留设备名")
    if len(name.encode("utf-8")) > _LONGEST_NAME_BYTES:
        return Text(f"it takes more than {_LONGEST_NAME_BYTES} bytes", f"超过 {_LONGEST_NAME_BYTES} 字节")
    return None


def _folder_name_reason(tokens: str) -> Text | None:
    """The words of a concept become part of a folder's name."""
    bad = _NO_FOLDER_NAME.search(tokens)
    if bad is not None:
        return Text(f"it holds `{bad.group()}`", f"含有 `{bad.group()}`")
    if _has_invisible(tokens):
        return Text("it holds an invisible character", "含有不可见字符")
    if tokens != tokens.strip() or tokens.startswith("."):
        return Text("it begins or ends with a space, or begins with a dot", "以空格开头或结尾，或以点开头")
    if len(tokens.encode("utf-8")) > _LONGEST_NAME_BYTES:
        return Text(f"it takes more than {_LONGEST_NAME_BYTES} bytes", f"超过 {_LONGEST_NAME_BYTES} 字节")
    return None


def _has_invisible(text: str) -> bool:
    return any(unicodedata.category(c) in _INVISIBLE for c in text)


def _bad_name(layers: Layers, path: KeyPath, reason: Text) -> Problem:
    key = dotted(path)
    return Problem(
        "bad-name",
        Text(f"`{key}` cannot be part of a file name: {reason.en}", f"`{key}` 不能用作文件名：{reason.zh}"),
        Text("folders and files of the run are named after it", "训练的文件夹和文件以它命名"),
        Text("use letters, digits, spaces, `-` and `_`", "请用文字、数字、空格、`-` 和 `_`"),
        layers.place(path).value,
    )


def _concepts(layers: Layers) -> Iterator[Problem]:
    concepts = layers.get(("concepts",))
    for index, concept in enumerate(concepts if isinstance(concepts, list) else ()):
        if not isinstance(concept, dict):
            continue
        path: KeyPath = ("concepts", index)
        if concept.get("num_repeats") is not None and concept.get("share") is not None:
            yield _contradiction(layers, (*path, "num_repeats"), (*path, "share"))
        extension = concept.get("caption_extension")
        if isinstance(extension, str) and not _EXTENSION.match(extension):
            yield _bad_extension(layers, (*path, "caption_extension"), extension)
        folder = concept.get("image_dir")
        if isinstance(folder, str) and not folder.strip():
            yield _empty(layers, (*path, "image_dir"))
    yield from _shares(layers, concepts)
    if (
        isinstance(concepts, list)
        and concepts
        and all(isinstance(c, dict) and c.get("is_reg") is True for c in concepts)
    ):
        yield _only_regularisation(layers)


def _pairs(layers: Layers) -> Iterator[Problem]:
    first, second = ("save", "save_every_n_epochs"), ("save", "checkpoints")
    if layers.get(first) is not None and layers.get(second) is not None:
        yield _contradiction(layers, first, second)
    band = layers.get(("train", "exposures_per_image"))
    if isinstance(band, list) and len(band) == 2 and all(_is_number(v) for v in band) and band[0] > band[1]:
        what = Text(
            "`train.exposures_per_image` begins with the larger number", "`train.exposures_per_image` 的第一个数更大"
        )
        fix = Text(f"write `[{band[1]}, {band[0]}]`", f"写 `[{band[1]}, {band[0]}]`")
        yield Problem("wrong-value", what, fix=fix, where=layers.place(("train", "exposures_per_image")).value)
    rates = layers.get(("train", "text_encoder_lr"))
    if rates == []:
        yield _empty(layers, ("train", "text_encoder_lr"))
    every = rates if isinstance(rates, list) else [rates]
    if _is_zero(layers.get(("train", "unet_lr"))) and every and all(map(_is_zero, every)):
        yield _nothing_learns(layers)


def _contradiction(layers: Layers, first: KeyPath, second: KeyPath) -> Problem:
    later = max(first, second, key=lambda p: (layers.where_key(p).line, layers.where_key(p).column))
    return Problem(
        "contradiction",
        Text(
            f"`{dotted(first)}` and `{dotted(second)}` are both given",
            f"同时写了 `{dotted(first)}` 和 `{dotted(second)}`",
        ),
        Text("each of them decides the other", "两者互相决定"),
        Text("delete one of them", "删去其中一个"),
        layers.where_key(later),
    )


def _bad_extension(layers: Layers, path: KeyPath, extension: str) -> Problem:
    plain = extension.strip().lstrip(".*")
    fix = (
        Text(f"write `.{plain}`", f"写 `.{plain}`")
        if _EXTENSION.match(f".{plain}")
        else Text("write `.txt`", "写 `.txt`")
    )
    what = Text(f"`{dotted(path)}` must begin with a dot", f"`{dotted(path)}` 必须以点开头")
    why = Text("the trainer appends it to the picture's name as it stands", "训练器会把它原样接在图片名后面")
    return Problem("wrong-value", what, why, fix, layers.place(path).value)


def _empty(layers: Layers, path: KeyPath) -> Problem:
    name = dotted(path)
    fix = Text("write a value, or delete the key", "写上值，或删去这个键")
    if path[-1] == "image_dir":
        fix = Text("write the folder of the pictures", "写上图片所在的文件夹")
    return Problem(
        "wrong-value", Text(f"`{name}` is empty", f"`{name}` 是空的"), fix=fix, where=layers.place(path).value
    )


def _only_regularisation(layers: Layers) -> Problem:
    return Problem(
        "wrong-value",
        Text("all `concepts` are regularisation pictures", "`concepts` 全是正则化图片"),
        Text("there is nothing to learn", "没有可学的内容"),
        Text("add a concept without `is_reg: true`", "加一个没有 `is_reg: true` 的概念"),
        layers.place(("concepts", 0, "is_reg")).value,
    )


def _empty_texts(layers: Layers) -> Iterator[Problem]:
    """Yield texts that hold nothing where a name, a file or a word is wanted. The folders of concepts and `name` have words of their own."""
    for path in layers.places:
        key, value = (path[-1] if path else ""), layers.get(path)
        is_told = key in {"image_dir", "name"}
        if (
            key in _NEVER_EMPTY
            and not is_told
            and isinstance(value, str)
            and not value.strip()
            and path[0] != "trainer_args"
        ):
            yield _empty(layers, path)


def _shares(layers: Layers, concepts: Any) -> Iterator[Problem]:
    """Yield shares that come to more than the whole."""
    shares = [c.get("share") if isinstance(c, dict) else None for c in concepts] if isinstance(concepts, list) else []
    given = [(index, float(share)) for index, share in enumerate(shares) if share is not None and _is_number(share)]
    total = sum(share for _, share in given)
    if total > 1 + 1e-9 and all(0 < share <= 1 for _, share in given):
        yield Problem(
            "wrong-value",
            Text(
                f"the `share` of all concepts together is {short_number(total)}",
                f"所有概念的 `share` 合计为 {short_number(total)}",
            ),
            Text(
                "shares are parts of all training samples: more than 1 cannot be had",
                "share 是占全部训练样本的比例，合计不能超过 1",
            ),
            Text("lower them so that they come to at most 1", "请调低，使合计不超过 1"),
            layers.place(("concepts", given[-1][0], "share")).value,
        )


def _nothing_learns(layers: Layers) -> Problem:
    return Problem(
        "nothing-learns",
        Text(
            "`train.unet_lr` and `train.text_encoder_lr` are both 0",
            "`train.unet_lr` 和 `train.text_encoder_lr` 都是 0",
        ),
        Text(
            "the run would take its full time and leave a LoRA that does nothing",
            "训练会照样花完全部时间，得到的 LoRA 却毫无作用",
        ),
        Text("write a rate above 0, or leave one of them out", "请写大于 0 的学习率，或去掉其中一个"),
        layers.place(("train", "unet_lr")).value,
    )


def _is_zero(value: Any) -> bool:
    return _is_number(value) and value == 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
