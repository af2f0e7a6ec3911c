"""Which console lines of a trainer mean something: one row per wording, tried against the message of one line.

The wordings are sd-scripts' own. Bilingual messages ("English / Japanese") are matched by their English half, so that a
log in a wrong encoding reads the same. Lines that need memory (progress bars, tracebacks, dataset blocks) are in
`console.py`; their kinds are documented here too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final[dict[str, str]] = {
    "progress": "the training bar moved: step, total, rate_per_s, avr_loss",
    "validation-loss": "a validation pass ended: loss, is_epoch",
    "epoch-started": "epoch, epochs",
    "settings-loaded": "the argument file was read: path",
    "tokenizer": "which CLIP tokenizer: version",
    "dataset-method": "how the data set was described: method",
    "dataset-setting": "one effective value of a data set block: dataset, subset (None for the data set), is_validation, key, value",
    "folder-found": "path, images",
    "folder-ignored": "a folder without a repeat number was skipped: name",
    "folder-missing": "path",
    "subset-ignored": "path, reason",
    "captions-missing": "pictures without a caption file: count",
    "caption-empty": "one picture trains with an empty caption: path",
    "images-with-repeats": "part (train, validation, reg), count",
    "no-reg-images": "no regularisation pictures; normal",
    "bucket": "index, width, height, count",
    "bucket-error": "mean aspect error: value",
    "no-data": "nothing to train on; the trainer then exits with code 0",
    "model-not-found": "the base model's name is wrong",
    "device": "name",
    "attention": "name",
    "network-module": "name",
    "network-created": "dim, alpha",
    "modules-created": "part (te, unet), count",
    "modules-enabled": "part (te, unet), count",
    "modules-skipped": "count",
    "weights-loaded": "path, info",
    "group-without-lr": "a parameter group is not trained: its learning rate is 0 or None",
    "optimizer": "name, arguments",
    "lr-too-low": "the trainer's own warning for D-Adaptation and Prodigy: lr",
    "steps-overridden": "max_train_epochs decides the length: epochs, steps",
    "training-started": "the counts follow",
    "train-images": "count, with repeats",
    "validation-images": "count, with repeats",
    "reg-images": "count, nominal",
    "batches-per-epoch": "count",
    "epochs": "count",
    "batch-size": "sizes, as printed",
    "gradient-accumulation": "count",
    "total-steps": "count",
    "resumed": "path",
    "nan-latents": "the VAE gave NaN and the trainer goes on with zeros",
    "checkpoint-saved": "announced before writing: path",
    "checkpoint-removed": "path",
    "state-saved": "epoch or step, or neither for the last one",
    "sampling": "step",
    "sample-prompt": "prompt",
    "no-prompt-file": "the run goes on without samples: path",
    "model-saved": "the trainer's mark of success",
    "traceback": "exception, message, where (last frame), rank where the process says which of several it is",
    "out-of-memory": "exception, message",
    "disk-full": "exception, message",
    "launcher-error": "the launcher's own error, a consequence of the one above it: exit_status or signal",
    "first-failed": "which of several processes failed first: rank, exit_status, signal or None",
    "argument-error": "the parser refused the arguments: message",
    "killed": "the system ended a process: message",
    "interrupted": "Ctrl-C reached the trainer",
    "warning": "a warning of the trainer without a kind of its own: message",
    "error": "an error line of the trainer without a kind of its own: message",
}
"""Every kind of `LogEvent` with what its `values` hold."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One message of the trainer."""

    kind: str
    pattern: re.Pattern[str]
    starts: str
    """Characters the message may begin with."""
    convert: dict[str, Callable[[str], Any]]
    constants: dict[str, Any]

    def values(self, message: str) -> dict[str, Any] | None:
        """Return the values of `message`, or None when it is another message."""
        match = self.pattern.match(message)
        if match is None:
            return None
        found = {k: self.convert.get(k, str.strip)(v) for k, v in match.groupdict().items() if v is not None}
        return {**self.constants, **found}


_NUMBERS: Final[dict[str, Callable[[str], Any]]] = dict.fromkeys(
    ("count", "index", "width", "height", "epoch", "epochs", "step", "steps", "images"), int
) | {"dim": float, "alpha": float, "value": float, "lr": float}
_DIGITS: Final = "0123456789"


def _row(kind: str, pattern: str, *, starts: str = "", **constants: Any) -> Wording:
    return Wording(kind, re.compile(pattern), starts or pattern[0], _NUMBERS, constants)


def _count(kind: str, words: str) -> Wording:
    # "num epochs / epoch数: 19", and " = 1" for gradient accumulation; the number ends the line whatever stands between.
    return _row(kind, rf"{words}(?= ?[/:=]).*[:=] *(?P<count>-?[0-9]{{1,18}})$")


WORDINGS: Final[tuple[Wording, ...]] = (
    _row("settings-loaded", r"Loading settings from (?P<path>.+?)(?:\.\.\.)?$"),
    _row("tokenizer", r"Using (?P<version>v1|v2) tokenizer"),
    _row("dataset-method", r"Loading dataset config from (?P<path>.+)$", method="dataset_config"),
    _row("dataset-method", r"Using DreamBooth method", method="dreambooth"),
    _row("dataset-method", r"Training with captions", method="in_json"),
    _row("folder-found", r"found directory (?P<path>.+) contains (?P<images>[0-9]{1,12}) image files"),
    _row("folder-ignored", r"ignore directory without repeats.*: (?P<name>[^:]+)$"),
    _row("folder-missing", r"not directory: (?P<path>.+)$"),
    _row("subset-ignored", r"ignore (?:duplicated )?subset with image_dir=(?P<path>'.*?'|\S+)[^:]*: (?P<reason>.+)$"),
    _row("captions-missing", r"No caption file found for (?P<count>[0-9]{1,12}) images"),
    _row(
        "caption-empty",
        r"neither caption file nor class tokens are found\. use empty caption for (?P<path>.+?)(?: / .*)?$",
    ),
    _row(
        "images-with-repeats",
        r"(?P<count>[0-9]{1,12}) (?P<part>train|validation|reg) images with repeats",
        starts=_DIGITS,
    ),
    _row(
        "bucket",
        r"bucket (?P<index>[0-9]{1,9}): resolution \((?P<width>[0-9]{1,9}), (?P<height>[0-9]{1,9})\), count: (?P<count>[0-9]{1,12})",
    ),
    _row("bucket-error", r"mean ar error \(without repeats\): (?P<value>[0-9.eE+-]+|nan)$"),
    _row("no-reg-images", r"no regularization images"),
    _row("no-data", r"No data found\. Please verify"),
    _row("model-not-found", r"model is not found as a file or in Hugging Face"),
    _row("device", r"accelerator device: (?P<name>\S+)"),
    _row("attention", r"Enable (?P<name>xformers|SDPA|memory efficient attention) for"),
    _row("network-module", r"import network module: (?P<name>\S+)"),
    _row(
        "network-created", r"create LoRA network\. base dim \(rank\): (?P<dim>[0-9.]+), alpha: (?P<alpha>[0-9.eE+-]+)"
    ),
    _row(
        "modules-created",
        r"create LoRA for (?:Gemma2 )?Text Encoder[^:]*: (?P<count>[0-9]{1,9})(?: modules|$)",
        part="te",
    ),
    _row("modules-created", r"create LoRA for [^:]*: (?P<count>[0-9]{1,9})(?: modules|$)", part="unet"),
    _row("modules-enabled", r"enable LoRA for text encoder[^:]*: (?P<count>[0-9]{1,9})(?: modules|$)", part="te"),
    _row("modules-enabled", r"enable LoRA for [^:]*: (?P<count>[0-9]{1,9})(?: modules|$)", part="unet"),
    _row("modules-skipped", r"because block_lr_weight is 0 or dim \(rank\) is 0, (?P<count>[0-9]{1,9}) LoRA modules"),
    _row("weights-loaded", r"load network weights from (?P<path>.+?): (?P<info>.+)$"),
    _row("group-without-lr", r"NO LR skipping!"),
    _row("optimizer", r"use (?P<name>[\w.+-]+(?: [\w.+-]+){0,3}) optimizer(?: \| (?P<arguments>.*))?$"),
    _row("lr-too-low", r"learning rate is too low\..*?lr=(?P<lr>[0-9.eE+-]+)"),
    _row(
        "steps-overridden", r"override steps\. steps for (?P<epochs>[0-9]{1,12}) epochs is.*: (?P<steps>[0-9]{1,18})$"
    ),
    _row("training-started", r"running training(?: /|$)"),
    _count("train-images", r"num train images \* repeats"),
    _count("validation-images", r"num validation images \* repeats"),
    _count("reg-images", r"num reg images"),
    _count("batches-per-epoch", r"num batches per epoch"),
    _count("epochs", r"num epochs"),
    _row("batch-size", r"batch size per device(?: /.*?)?: (?P<sizes>[0-9, ]+)$"),
    _count("gradient-accumulation", r"gradient accumulation steps"),
    _count("total-steps", r"total optimization steps"),
    _row("resumed", r"resume training from local state: (?P<path>.+)$"),
    _row("nan-latents", r"NaN found in latents"),
    _row("checkpoint-saved", r"saving checkpoint: (?P<path>.+)$"),
    _row("checkpoint-removed", r"removing old checkpoint: (?P<path>.+)$"),
    _row("state-saved", r"saving state at epoch (?P<epoch>[0-9]{1,12})$"),
    _row("state-saved", r"saving state at step (?P<step>[0-9]{1,18})$"),
    _row("state-saved", r"saving last state\."),
    _row("sampling", r"generating sample images at step.*: (?P<step>[0-9]{1,18})$"),
    _row("sample-prompt", r"prompt: (?P<prompt>.*)$"),
    _row("no-prompt-file", r"No prompt file(?: /[^:]*)?: (?P<path>.+)$"),
    _row("model-saved", r"model saved\.$"),
    _row("epoch-started", r"epoch (?P<epoch>[0-9]{1,12})/(?P<epochs>[0-9]{1,12})$"),
    _row(
        "argument-error",
        r"\S+\.py: error: (?P<message>.+)$",
        starts="abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ/",
    ),
    _row("killed", r"(?P<message>Killed|Segmentation fault.*|Aborted.*)$", starts="KSA"),
)
"""Every message without memory, the most telling first where two could match."""


def _by_first_character() -> dict[str, tuple[Wording, ...]]:
    table: dict[str, list[Wording]] = {}
    for wording in WORDINGS:
        for character in wording.starts:
            table.setdefault(character, []).append(wording)
    return {character: tuple(rows) for character, rows in table.items()}


_BY_FIRST: Final = _by_first_character()


def match_message(message: str) -> tuple[str, dict[str, Any]] | None:
    """Return kind and values of one message (no timestamp, no level, no ANSI), or None when it means nothing."""
    for wording in _BY_FIRST.get(message[:1], ()):
        try:
            values = wording.values(message)
        except ValueError:
            # A number that only looks like one ("1.2.3"): not this message.
            continue
        if values is not None:
            return wording.kind, values
    return None
