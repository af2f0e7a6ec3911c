"""Which picture is which: sd-scripts' batches hold captions and pixels, but no paths.

Its datasets are lists of ready-made batches, whose pictures are found in `bucket_manager` and `buckets_indices`.
`__getitem__` of their class is wrapped so that a batch also names its pictures. That happens before data loader workers
are forked, so they name them too; workers started by `spawn` do not inherit it, and their pictures stay unknown (-1).
Datasets that put `absolute_paths` into the batch themselves need no wrapping.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .recorder import Recorder

KEYS = "telemetry_picture_keys"
"""Key of the batch under which the wrapped dataset names its pictures."""
_PATHS = "absolute_paths"
_MARK = "names_pictures_for_telemetry"
_MOST_HASHES = 4096


def short_name(path: str) -> str:
    """The last two parts of a path: folder and file."""
    parts = [part for part in str(path).replace("\\", "/").split("/") if part]
    return "/".join(parts[-2:])


def caption_hash(caption: Any) -> str:
    """First 8 hex digits of the sha256 of the text in UTF-8; several texts (token streams) are joined by newlines."""
    text = caption if isinstance(caption, str) else "\n".join(str(part) for part in caption)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def member_datasets(group: Any) -> list[Any]:
    """The datasets of a group that are built the way sd-scripts builds its own."""
    members = getattr(group, "datasets", None)
    found = members if isinstance(members, list) else [group]
    wanted = ("bucket_manager", "buckets_indices", "image_data")
    return [one for one in found if all(hasattr(one, name) for name in wanted)]


def keys_at(dataset: Any, index: int) -> list[str]:
    """The keys of the pictures in one ready-made batch, in order, as `BaseDataset.__getitem__` picks them."""
    entry = dataset.buckets_indices[index]
    start = entry.batch_index * entry.bucket_batch_size
    return list(dataset.bucket_manager.buckets[entry.bucket_index][start : start + entry.bucket_batch_size])


def name_pictures_in_batches(group: Any) -> int:
    """Make the group's batches name their pictures; returns how many dataset classes do so."""
    classes = {type(dataset) for dataset in member_datasets(group)}
    for kind in classes:
        if not getattr(kind.__getitem__, _MARK, False):
            kind.__getitem__ = _naming(kind.__getitem__)
    return len(classes)


def _naming(original: Callable[[Any, int], Any]) -> Callable[[Any, int], Any]:
    @functools.wraps(original)
    def item(self: Any, index: int) -> Any:
        batch = original(self, index)
        try:
            # While latents are being cached the items are of another kind.
            if isinstance(batch, dict) and getattr(self, "caching_mode", None) is None:
                batch[KEYS] = keys_at(self, index)
        except Exception:  # noqa: BLE001  may run in a data loader worker: the picture stays unknown, training goes on
            batch.pop(KEYS, None)
        return batch

    setattr(item, _MARK, True)
    return item


class Pictures:
    """Numbers pictures as they are met and declares each once."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._index: dict[str, int] = {}
        self._declared: list[str] = []
        self._hashes: dict[str, str] = {}
        self.training: Any = None
        self.held_out: Any = None

    def know(self, training: Any, held_out: Any) -> None:
        """Take the dataset groups of training and of validation (None where there is none)."""
        self.training, self.held_out = training, held_out
        for group in (training, held_out):
            if group is not None:
                name_pictures_in_batches(group)

    def infos(self, group: Any) -> Iterator[tuple[str, Any]]:
        """Key and description (`ImageInfo`) of every picture of a group."""
        for dataset in member_datasets(group) if group is not None else ():
            yield from dataset.image_data.items()

    def info(self, key: str) -> Any:
        """The description of a picture, None where unknown."""
        for group in (self.training, self.held_out):
            for dataset in member_datasets(group) if group is not None else ():
                if key in dataset.image_data:
                    return dataset.image_data[key]
        return None

    def in_batch(self, batch: Any) -> tuple[list[int], list[str]]:
        """Indices of the batch's pictures and the hashes of its captions (empty where as declared or unknown)."""
        keys = _of(batch, KEYS) or _of(batch, _PATHS) or []
        captions = list(_of(batch, "captions") or [])
        hashes = [self._hash(caption) for caption in captions]
        if len(keys) != len(captions) and captions:
            return [-1] * len(captions), hashes
        indices = [self.index(str(key), hashes[place] if hashes else "", batch) for place, key in enumerate(keys)]
        if [self._declared[index] for index in indices] == hashes:
            hashes = []
        return indices, hashes

    def index(self, key: str, caption: str, batch: Any = None) -> int:
        """The picture's number; a picture met for the first time is declared, with its own caption where known."""
        found = self._index.get(key)
        if found is not None:
            return found
        info = self.info(key)
        own = getattr(info, "caption", None)
        bucket = getattr(info, "bucket_reso", None) or _size(batch)
        declared = caption if own is None else self._hash(own)
        line: dict[str, Any] = {
            "k": "pic",
            "i": len(self._index),
            "name": short_name(getattr(info, "absolute_path", None) or key),
            "caption": declared,
            "bucket": None if bucket is None else [int(side) for side in bucket],
            "held_out": self.is_held_out(key),
        }
        if getattr(info, "is_reg", False):
            line["reg"] = True
        self._index[key] = found = len(self._index)
        self._declared.append(declared)
        self._recorder.line(line)
        return found

    def is_held_out(self, key: str) -> bool:
        """Whether the picture is in the validation data and not in the training data."""
        here = [any(key in one.image_data for one in member_datasets(group)) if group is not None else False
                for group in (self.training, self.held_out)]  # fmt: skip
        return here == [False, True]

    def _hash(self, caption: Any) -> str:
        if not isinstance(caption, str):
            return caption_hash(caption)
        found = self._hashes.get(caption)
        if found is None:
            if len(self._hashes) >= _MOST_HASHES:  # shuffled captions never end
                self._hashes.clear()
            found = self._hashes[caption] = caption_hash(caption)
        return found


def _of(batch: Any, key: str) -> Any:
    return batch.get(key) if isinstance(batch, dict) else getattr(batch, key, None)


def _size(batch: Any) -> tuple[int, int] | None:
    """Width and height of the batch's pictures in pixels, where the pixels are in it."""
    images = _of(batch, "images")
    return None if images is None or not hasattr(images, "shape") else (images.shape[-1], images.shape[-2])
