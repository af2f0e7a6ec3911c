"""The probe's pictures: chosen the same way in every run, with text that no dropout or shuffling touches.

They are taken from the datasets directly, by a copy of each dataset that holds nothing but them; the data loaders and
the trainer's own order of pictures are not involved.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .pictures import member_datasets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

UNALTERED: dict[str, Any] = {
    "shuffle_caption": False,
    "caption_dropout_rate": 0.0,
    "caption_dropout_every_n_epochs": 0,
    "caption_tag_dropout_rate": 0.0,
    "token_warmup_step": 0,
    "flip_aug": False,
    "color_aug": False,
}
"""Settings of a subset without which its pictures and captions come as they are."""


class NotPossible(Exception):  # noqa: N818  a reason, told as a note
    """Why there is no probe in this run."""


@dataclass(slots=True)
class ProbeBatch:
    """Pictures of one size, as the trainer would get them; tensors on the CPU."""

    keys: list[str]
    content: dict[str, Any]
    place: int = 0
    """Among all batches of the probe: decides the noise."""
    shown: list[int] | None = None
    """Places of the pictures whose errors are told; None: all."""

    @property
    def shown_keys(self) -> list[str]:
        """Keys of the pictures whose errors are told."""
        return self.keys if self.shown is None else [self.keys[place] for place in self.shown]


def choose(group: Any, most: int, without: Collection[str] = ()) -> list[tuple[Any, int, str]]:
    """At most `most` pictures (dataset, bucket, key), evenly spread over the sorted keys; no regularisation pictures."""
    places: dict[str, tuple[Any, int, str]] = {}
    for dataset in member_datasets(group):
        for bucket, keys in enumerate(dataset.bucket_manager.buckets):
            for key in keys:
                if key not in places and key not in without and not dataset.image_data[key].is_reg:
                    places[key] = (dataset, bucket, key)
    ordered = sorted(places)
    count = min(most, len(ordered))
    return [places[ordered[(2 * place + 1) * len(ordered) // (2 * count)]] for place in range(count)]


def build(chosen: list[tuple[Any, int, str]], batch_size: int) -> list[ProbeBatch]:
    """Batches of at most `batch_size` pictures (what the trainer's memory is known to hold), each of one size.

    Draws random numbers where the dataset does (random crops): keep the random states around the call.
    """
    found: list[ProbeBatch] = []
    while chosen:
        dataset, bucket, _ = chosen[0]
        keys = [key for other, place, key in chosen if other is dataset and place == bucket][:batch_size]
        chosen = [one for one in chosen if not (one[0] is dataset and one[2] in keys)]
        found.append(ProbeBatch(keys, fixed_item(dataset, bucket, keys)))
    return found


def fixed_item(dataset: Any, bucket: int, keys: list[str]) -> dict[str, Any]:
    """One batch of these pictures by the dataset's own code, without caption dropout, shuffling and augmentation."""
    item = copy.copy(dataset)
    item.bucket_manager = copy.copy(dataset.bucket_manager)
    item.bucket_manager.buckets = [keys if place == bucket else [] for place in range(bucket + 1)]
    item.buckets_indices = [type(dataset.buckets_indices[0])(bucket, len(keys), 0)]
    item.image_to_subset = {key: _unaltered(dataset.image_to_subset[key]) for key in keys}
    content = dict(item[0])
    content.pop("custom_attributes", None)  # no preservation of the base's output: its target is not the picture's
    return content


def _unaltered(subset: Any) -> Any:
    plain = copy.copy(subset)
    for name, value in UNALTERED.items():
        if hasattr(plain, name):
            setattr(plain, name, value)
    return plain


def map_tensors(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting of dicts, lists and tuples with every tensor changed."""
    if hasattr(value, "detach"):
        return change(value)
    if isinstance(value, dict):
        return {key: map_tensors(one, change) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        changed = [map_tensors(one, change) for one in value]
        return changed if isinstance(value, list) else tuple(changed)
    return value
