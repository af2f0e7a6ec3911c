"""BLIP (Salesforce/blip-image-captioning-*) as an ONNX pair: what sees the picture, and what writes the sentence.

Its makers publish weights for torch only, and this tool's process holds no torch: `scripts/export_blip.py`, run once in the trainer's
environment, writes the folder that is read here. Files and their inputs are named as such exports are usually named:
`vision_model.onnx` (pixel_values -> hidden states), `text_decoder_model.onnx` (input_ids, attention_mask, encoder_hidden_states,
encoder_attention_mask -> logits), with the model's own `config.json`, `preprocessor_config.json` and `vocab.txt`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.caption_models.beams import Search, find_sentences
from orchestrator.dataset.caption_models.captioner import Described
from orchestrator.dataset.caption_models.files import HubModel, ModelFiles, find_files
from orchestrator.dataset.caption_models.session import Device, device_of, open_session, unfit
from orchestrator.dataset.caption_models.view import squeezed
from orchestrator.dataset.caption_models.wordpiece import read_vocabulary, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

VISION_FILE, TEXT_FILE = "vision_model.onnx", "text_decoder_model.onnx"
CONFIG_FILE, VIEW_FILE, VOCABULARY_FILE = "config.json", "preprocessor_config.json", "vocab.txt"
FILES: Final = (VISION_FILE, TEXT_FILE, CONFIG_FILE, VIEW_FILE, VOCABULARY_FILE)
_BEGIN, _END = 30522, 102
"""What transformers' `BlipTextConfig` takes where `config.json` does not say it."""
_MOST_ADDED = 64
"""Outputs beyond the vocabulary: marks that were added to it, `[DEC]` and `[ENC]`, and padding to a round number."""
_KNOWN_INPUTS = frozenset(("input_ids", "attention_mask", "encoder_hidden_states", "encoder_attention_mask"))
_EXPORT_AGAIN = Text("export the model with `scripts/export_blip.py`", "请用 `scripts/export_blip.py` 导出模型")


@dataclass(frozen=True, slots=True)
class SentenceOptions:
    """How sentences are looked for: the settings of BLIP's authors."""

    beams: int = 3
    min_length: int = 5
    """Word pieces, the begin mark included."""
    max_length: int = 20


@dataclass(frozen=True, slots=True)
class Blip:
    """A BLIP captioner that is open."""

    name: str
    vision: Any
    text: Any
    vocabulary: tuple[str, ...]
    search: Search
    side_px: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    batch_limit: int | None = None

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return device_of(self.vision)

    @property
    def settings(self) -> dict[str, object]:
        """What decides about the captions."""
        one = self.search
        return {"beams": one.beams, "min_length": one.min_length, "max_length": one.max_length}

    def see(self, path: Path) -> NDArray[np.float32]:
        """Return (3, side, side), red first, brought to the model's mean and spread."""
        import numpy as np

        values = np.asarray(squeezed(path, self.side_px), dtype=np.float32) / 255
        values = (values - np.array(self.mean, np.float32)) / np.array(self.spread, np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1))

    def describe(self, pictures: Sequence[NDArray[np.float32]]) -> list[Described]:
        """Return one sentence for each picture."""
        import numpy as np

        seen = np.asarray(self.vision.run(None, {"pixel_values": np.stack(pictures)})[0])
        names = [one.name for one in self.text.get_inputs()]

        def step(beginnings: NDArray[np.int64], about: Sequence[int]) -> NDArray[np.float32]:
            hidden = seen[list(about)]
            given = {
                "input_ids": beginnings,
                "attention_mask": np.ones_like(beginnings),
                "encoder_hidden_states": hidden,
                "encoder_attention_mask": np.ones(hidden.shape[:2], np.int64),
            }
            logits = np.asarray(self.text.run(None, {name: given[name] for name in names})[0])
            if logits.ndim != 3 or not 0 <= logits.shape[2] - len(self.vocabulary) <= _MOST_ADDED:
                raise _other_vocabulary(logits.shape, len(self.vocabulary))
            return np.asarray(logits[:, -1], dtype=np.float32)

        found = find_sentences(step, len(pictures), self.search)
        texts = [to_text(pieces, self.vocabulary) for pieces in found]
        return [Described((text,) if text else ()) for text in texts]


def open_blip(
    model: Path | HubModel | None,
    options: SentenceOptions | None = None,
    *,
    download: bool = False,
    device: Device = "auto",
) -> Blip:
    """Return the captioner, its files checked against each other; there is no `model` to fall back on.

    Raises InputError where they are not those of such an export, EnvironmentFault where they or a package are missing.
    """
    options = options or SentenceOptions()
    if model is None:
        raise InputError([_no_model_named()])
    files = find_files(model, FILES, download=download)
    config, view = (_read_json(files, name) for name in (CONFIG_FILE, VIEW_FILE))
    vocabulary = _read_vocabulary(files)
    words = config.get("text_config", {})
    search = Search(
        int(words.get("bos_token_id", _BEGIN)), int(words.get("sep_token_id", _END)),
        options.beams, options.min_length, options.max_length,
    )  # fmt: skip
    vision, text = (open_session(files.paths[name], device) for name in (VISION_FILE, TEXT_FILE))
    side = _side(vision, view)
    _check_text(text, vocabulary, search)
    mean, spread = (_three(view, key) for key in ("image_mean", "image_std"))
    return Blip(files.name, vision, text, vocabulary, search, side, mean, spread)


def _side(vision: Any, view: dict[str, Any]) -> int:
    """Return the side of the picture in pixels, from the model where it is fixed there, else from the file beside it."""
    inputs = vision.get_inputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or inputs[0].name != "pixel_values" or len(shape) != 4:
        raise unfit(
            VISION_FILE, "it does not take `pixel_values` alone", "它的输入不是单独的 `pixel_values`", _EXPORT_AGAIN
        )
    if isinstance(shape[0], int):
        raise unfit(VISION_FILE, "its batch size is fixed", "它的批大小是固定的", _EXPORT_AGAIN)
    size = view.get("size")
    side = shape[2] if isinstance(shape[2], int) else size.get("height") if isinstance(size, dict) else size
    if not isinstance(side, int) or side <= 0:
        raise unfit(VIEW_FILE, "it does not say the size of the picture", "没有写明图片大小", _EXPORT_AGAIN)
    return side


def _check_text(text: Any, vocabulary: Sequence[str], search: Search) -> None:
    names = {one.name for one in text.get_inputs()}
    if not {"input_ids", "encoder_hidden_states"} <= names <= _KNOWN_INPUTS:
        listed = ", ".join(sorted(names))
        raise unfit(TEXT_FILE, f"its inputs are {listed}", f"它的输入是 {listed}", _EXPORT_AGAIN)
    shape = text.get_outputs()[0].shape
    pieces = shape[-1] if shape else None
    if isinstance(pieces, int) and not 0 <= pieces - len(vocabulary) <= _MOST_ADDED:
        raise _other_vocabulary(shape, len(vocabulary))
    if isinstance(pieces, int) and not (0 <= search.begin < pieces and 0 <= search.end < pieces):
        raise unfit(CONFIG_FILE, "its begin and end marks are no outputs", "其起止标记不在输出之内", _EXPORT_AGAIN)


def _other_vocabulary(shape: Sequence[object], pieces: int) -> InputError:
    size = "(" + ", ".join(map(str, shape)) + ")"
    return unfit(
        TEXT_FILE,
        f"its output {size} does not fit the {pieces} word pieces of `{VOCABULARY_FILE}`",
        f"其输出 {size} 与 `{VOCABULARY_FILE}` 的 {pieces} 个词片不符",
        _EXPORT_AGAIN,
    )


def _read_json(files: ModelFiles, name: str) -> dict[str, Any]:
    try:
        found = json.loads(files.paths[name].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unfit(name, f"it cannot be read ({error})", f"无法读取（{error}）", _EXPORT_AGAIN) from error
    if not isinstance(found, dict):
        raise unfit(name, "it holds no object", "其中不是对象", _EXPORT_AGAIN)
    return found


def _read_vocabulary(files: ModelFiles) -> tuple[str, ...]:
    try:
        return read_vocabulary(files.paths[VOCABULARY_FILE].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unfit(VOCABULARY_FILE, f"it cannot be read ({error})", f"无法读取（{error}）", _EXPORT_AGAIN) from error


def _three(view: dict[str, Any], key: str) -> tuple[float, ...]:
    found = view.get(key)
    if not isinstance(found, list) or len(found) != 3 or not all(isinstance(one, (int, float)) for one in found):
        raise unfit(VIEW_FILE, f"`{key}` is not three numbers", f"`{key}` 不是三个数", _EXPORT_AGAIN)
    return tuple(float(one) for one in found)


def _no_model_named() -> Problem:
    return Problem(
        "model-not-named",
        Text("which BLIP model is meant is not said", "没有说明用哪个 BLIP 模型"),
        Text("its makers publish no ONNX files, so there is none to fetch by itself", "其作者没有发布 ONNX 文件，因此没有默认模型可取"),
        Text(
            "in the trainer's environment: python scripts/export_blip.py Salesforce/blip-image-captioning-large -o FOLDER; then `--model FOLDER`",
            "在训练器的环境中：python scripts/export_blip.py Salesforce/blip-image-captioning-large -o 文件夹；然后 `--model 文件夹`",
        ),
    )  # fmt: skip
