"""The probe's batches once more, with the trigger taken out of their captions.

The text is made anew through the trainer's own strategies, in the way its datasets and its text encoder caches make it.
First the captions as they are go that way: only where that gives what the batch holds already is the way trusted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .probe_batches import NotPossible

if TYPE_CHECKING:
    from collections.abc import Sequence

SEPARATORS = ",;，；、"
TOKENS = "input_ids_list"
OUTPUTS = "text_encoder_outputs_list"
CALLED: dict[str, tuple[str, ...]] = {"get_models_for_text_encoding": ("args", "accelerator", "text_encoders")}
"""Methods of the trainer that are called where text encoder outputs are cached, with the parameters passed, in order."""
STRATEGIES: dict[str, tuple[str, ...]] = {
    "tokenize": ("text",),
    "tokenize_with_weights": ("text",),
    "encode_tokens": ("tokenize_strategy", "models", "tokens"),
    "encode_tokens_with_weights": ("tokenize_strategy", "models", "tokens", "weights"),
}
"""Methods of the trainer's text strategies, with the parameters passed, in order; those with weights for SD and SDXL."""
TOLERANCE = 0.05
"""Relative difference (root mean square) of outputs encoded anew from the cached ones: what half precision explains.

A word less makes several times that.
"""


def without_word(caption: str, word: str) -> str:
    """The caption without the word, in any case: with its comma where it is a tag of its own, else with one space."""
    text = r"\s+".join(re.escape(part) for part in word.split())
    whole = rf"(?<!\w){text}(?!\w)"
    one = rf"(?:\(\s*{whole}\s*(?::[+-]?[.\d]+)?\s*\)|\[\s*{whole}\s*\]|{whole})"  # with its weight, where it has one
    mark = f"[{SEPARATORS}]"
    first = rf"(?:^|(?<=[(\[]))\s*{one}\s*(?:{mark}\s*|$)"
    tag = re.compile(rf"{first}|\s*{mark}\s*{one}\s*(?={mark}|$)", re.IGNORECASE)
    while tag.search(caption):
        caption = tag.sub("", caption)
    inside = re.compile(rf"(\s*){one}(\s*)", re.IGNORECASE)
    return inside.sub(lambda found: found[1] if found[2] else "", caption)


def without_trigger(
    content: dict[str, Any], trigger: str, trainer: Any, call: dict[str, Any]
) -> tuple[dict[str, Any], list[int]]:
    """The batch without the trigger, and the places of the pictures whose captions held it.

    `call` holds what the trainer passes to `process_batch`. Raises `NotPossible` where the text cannot be made anew.
    """
    before = list(content.get("captions") or [])
    if not all(isinstance(caption, str) for caption in before):
        raise NotPossible("the captions are not plain text")
    after = [without_word(caption, trigger) for caption in before]
    changed = [place for place, (old, new) in enumerate(zip(before, after)) if old != new]  # noqa: B905
    if not changed:
        return content, []
    found = {**content, "captions": after}
    if content.get(TOKENS) is not None:
        strategy = call["tokenize_strategy"]
        if not _are_same(tokens(strategy, before), content[TOKENS]):
            raise NotPossible("the tokens of the batch are not those of its captions")
        found[TOKENS] = tokens(strategy, after)
    if content.get(OUTPUTS) is not None:
        found[OUTPUTS] = _outputs_anew(content[OUTPUTS], before, after, trainer, call)
    return found, changed


def tokens(strategy: Any, captions: Sequence[str]) -> list[Any]:
    """Tokens of each text encoder, (B, ...): each caption for itself, then padded with zeros, as the datasets do."""
    import torch

    rows = [[part[0] for part in strategy.tokenize(caption)] for caption in captions]
    found = []
    for part in range(len(rows[0])):
        column = [row[part] for row in rows]
        longest = max(len(one) for one in column)
        if any(len(one) != longest for one in column):
            column = [torch.nn.functional.pad(one, (0, longest - one.shape[0])) for one in column]
        found.append(torch.stack(column))
    return found


def _are_same(found: Sequence[Any], held: Sequence[Any]) -> bool:
    import torch

    return len(found) == len(held) and all(
        torch.equal(one.cpu(), other.cpu()) for one, other in zip(found, held, strict=False)
    )


def _outputs_anew(
    cached: Sequence[Any], before: Sequence[str], after: Sequence[str], trainer: Any, call: dict[str, Any]
) -> list[Any]:
    """The cached outputs with those of the changed captions in their place; what stands behind them is kept."""
    if not call["text_encoders"]:
        raise NotPossible("text encoder outputs are cached and the text encoders were freed")
    if call["train_text_encoder"]:
        raise NotPossible("a text encoder is trained while outputs of another are cached")
    again = _encoded(before, trainer, call)
    if len(again) > len(cached) or not all(_is_close(*pair) for pair in zip(again, cached, strict=False)):
        raise NotPossible("the text encoders do not give the cached outputs again")
    return [*_encoded(after, trainer, call), *cached[len(again) :]]


def _encoded(captions: Sequence[str], trainer: Any, call: dict[str, Any]) -> list[Any]:
    """Outputs of the text encoders, as their caches hold them: on the CPU, in float32."""
    import torch

    args, accelerator = call["args"], call["accelerator"]
    tokenizing, encoding = call["tokenize_strategy"], call["text_encoding_strategy"]
    models = trainer.get_models_for_text_encoding(args, accelerator, call["text_encoders"])
    with torch.no_grad(), accelerator.autocast():
        if args.weighted_captions:
            ids, weights = tokenizing.tokenize_with_weights(list(captions))
            found = encoding.encode_tokens_with_weights(tokenizing, models, ids, weights)
        else:
            found = encoding.encode_tokens(tokenizing, models, tokens(tokenizing, captions))
    return [one.detach().float().cpu() for one in found]


def _is_close(found: Any, cached: Any) -> bool:
    held = cached.detach().float().cpu()
    if found.shape != held.shape:
        return False
    away, size = (found - held).square().mean(), held.square().mean()
    return bool(away <= TOLERANCE**2 * size)
