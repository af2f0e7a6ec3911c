"""Pictures in pairs, before and after an edit: how they are named, which halves are missing, how far the halves lie apart, what changed."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.layout import parse_folder_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.dataset.model import Dataset, Folder
    from orchestrator.dataset.pixels.cache import Cache
    from orchestrator.dataset.pixels.change import Difference
    from orchestrator.dataset.pixels.shift import Shift

BEFORE: Final = ("source", "src", "before", "input", "control", "conditioning", "start", "orig", "original")
AFTER: Final = ("target", "tgt", "after", "output", "edited", "end", "result")
"""Names of folders, and ends of file names after `_`, `-` or `.`, that say which half a picture is."""
_END: Final = re.compile(rf"^(.*)[._-]({'|'.join((*BEFORE, *AFTER))})$", re.IGNORECASE)
LEAST_SHARE: Final = 0.5
"""Of the pictures that must be in whole pairs; fewer are a set in which some names happen to end so."""
VERSION: Final = 1
"""Of how halves are compared: what was kept by another version is measured anew."""
CLEAR_ABOVE: Final = 0.1
"""Clarity of a shift that is to be believed: unrelated pictures reached 0.092 (docs/log.md, 2026-11-29)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One edit."""

    name: str
    before: Path | None
    """None: this half is missing."""
    after: Path | None
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
    """(width, height) of both halves; None unless both are there and can be read."""
    shift: Shift | None = None
    """From the first half to the second; None where nobody looked, the sizes differ or nothing fits clearly."""
    difference: Difference | None = None
    """What changed from the first half to the second, the shift taken out; None where nobody looked or the sizes differ."""

    @property
    def is_whole(self) -> bool:
        """Whether both halves are there."""
        return self.before is not None and self.after is not None


def find_pairs(folders: Sequence[Folder]) -> tuple[Pair, ...]:
    """Return the pairs of a set whose names or folders say so, by name; none for a set of single pictures."""
    halves: dict[str, dict[bool, Path]] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    count = 0
    for folder in folders:
        of_folder = _half(_bare(folder.image_dir.name))
        for picture in folder.pictures:
            count += 1
            sizes[picture.path] = (picture.width, picture.height)
            named = _END.match(picture.path.stem)
            is_after = of_folder if named is None else _half(named[2])
            if is_after is not None:
                stem = picture.path.stem if named is None else named[1]
                # Pairs in several folders keep apart: `a/1_before` and `b/1_after` are no pair.
                key = stem if of_folder is not None else f"{folder.image_dir.name}/{stem}"
                halves.setdefault(key, {})[is_after] = picture.path
    pairs = [_pair(name, both, sizes) for name, both in sorted(halves.items())]
    whole = sum(pair.is_whole for pair in pairs)
    return tuple(pairs) if whole and 2 * whole >= LEAST_SHARE * count else ()


def with_shifts(
    pairs: Sequence[Pair],
    digests: Mapping[Path, bytes] | None = None,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> tuple[Pair, ...]:
    """Return the pairs with the shifts between their halves and what changed. Decodes both halves of each that `cache` does not know.

    `digests`: of the files, by which the cache knows them; `progress` is told (pairs done, pairs in all), and what it raises ends the
    measuring; `workers`: threads, as many as there are cores when None.
    """
    from concurrent.futures import ThreadPoolExecutor

    from orchestrator.dataset.pixels.look import cores

    def measured(pair: Pair) -> Pair:
        return _kept_or_measured(pair, digests or {}, cache)

    found: list[Pair] = []
    pool = ThreadPoolExecutor(workers or cores(), thread_name_prefix="pairs")
    try:
        for pair in pool.map(measured, pairs):
            found.append(pair)
            if progress is not None:
                progress(len(found), len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)
    return tuple(found)


def look_at_pairs(
    dataset: Dataset,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> Dataset:
    """Return the data set, whose pictures were looked at, with what its pairs changed. `cache`, `progress`, `workers`: see `with_shifts`."""
    if not dataset.pairs:
        return dataset
    digests = {path: one.digest for path, one in dataset.looked.facts.items()} if dataset.looked is not None else {}
    return replace(dataset, pairs=with_shifts(dataset.pairs, digests, cache, progress, workers))


def is_one_pair(dataset: Dataset, paths: Iterable[Path]) -> bool:
    """Return whether all these pictures belong to one pair: its halves are alike on purpose."""
    wanted = set(paths)
    return any(wanted <= {pair.before, pair.after} for pair in dataset.pairs)


def _bare(folder: str) -> str:
    """Return a folder's name without its repeats."""
    named = parse_folder_name(folder)
    return folder if named is None else named[1]


def _half(word: str) -> bool | None:
    """Return whether a word says after, or before; None: neither."""
    word = word.lower()
    return True if word in AFTER else False if word in BEFORE else None


def _pair(name: str, both: dict[bool, Path], sizes: dict[Path, tuple[int, int]]) -> Pair:
    before, after = both.get(False), both.get(True)
    known = (sizes[before], sizes[after]) if before is not None and after is not None else None
    return Pair(name, before, after, known if known is not None and all(min(size) for size in known) else None)


def _with_shift(pair: Pair) -> Pair:
    from orchestrator.dataset.pixels.change import difference_between
    from orchestrator.dataset.pixels.decode import decode
    from orchestrator.dataset.pixels.shift import shift_between

    if pair.before is None or pair.after is None:
        return pair
    first, second = decode(str(pair.before)), decode(str(pair.after))
    if first.grey is None or second.grey is None or first.grey.shape != second.grey.shape:
        return pair
    shift = shift_between(first.grey, second.grey)
    clear = shift if shift.clarity > CLEAR_ABOVE else None
    right, down = (0.0, 0.0) if clear is None else (clear.right, clear.down)
    return replace(pair, shift=clear, difference=difference_between(first, second, right, down))


def _kept_or_measured(pair: Pair, digests: Mapping[Path, bytes], cache: Cache | None) -> Pair:
    both = [digests.get(half) if half is not None else None for half in (pair.before, pair.after)]
    if cache is None or not all(both):
        return _with_shift(pair)
    key = hashlib.sha256(b"".join([bytes([VERSION]), *(one or b"" for one in both)])).digest()
    known = cache.change_of(key)
    if known is not None:
        with suppress(ValueError, TypeError):
            return _unpacked(pair, known)
    measured = _with_shift(pair)
    cache.keep_change(key, json.dumps([measured.shift, measured.difference]))
    return measured


def _unpacked(pair: Pair, kept: str) -> Pair:
    """Return the pair with what was kept of it. Raises ValueError or TypeError where that is damaged."""
    from orchestrator.dataset.pixels.change import Difference
    from orchestrator.dataset.pixels.shift import Shift

    shift, difference = json.loads(kept)
    return replace(
        pair,
        shift=None if shift is None else Shift(*map(float, shift)),
        difference=None if difference is None else Difference(*map(float, difference)),
    )
