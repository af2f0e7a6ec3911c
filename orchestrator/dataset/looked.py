"""A data set and what its pixels say: facts by path, and groups of pictures that are one picture."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.near import Group, Relation
    from orchestrator.dataset.pixels.cache import Cache
    from orchestrator.dataset.pixels.model import PixelFacts
    from orchestrator.dataset.prints import Prints

NOT_COMPARED = "copies"
"""Word of `Dataset.not_looked_at` for pictures that were looked at one by one only."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One more picture of what its group shows."""

    path: Path
    relation: Relation
    """How it differs from the one to keep."""
    is_mirrored: bool
    likeness: float
    """Correlation of what both show, 0 ... 1."""


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Pictures that are one picture."""

    kept: Path
    """The sharpest and largest of them."""
    copies: tuple[Copy, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them, the one to keep first."""
        return (self.kept, *(copy.path for copy in self.copies))

    @property
    def is_exact(self) -> bool:
        """Whether all are the same bytes."""
        return all(copy.relation == "exact" for copy in self.copies)


@dataclass(frozen=True, slots=True)
class Looked:
    """What the pixels say. Fingerprints are gone: nothing asks for them once the groups are known."""

    facts: Mapping[Path, PixelFacts]
    groups: tuple[CopyGroup, ...] | None = ()
    """None: nobody compared the pictures with each other."""
    is_whole: bool = True
    """Whether every picture was looked at; else only those that an earlier look has kept."""


def look_at(
    dataset: Dataset,
    *,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] | None = None,
    go_on: Callable[[], None] | None = None,
    workers: int | None = None,
    with_faces: bool = False,
) -> Dataset:
    """Look at the pixels of every picture and return the data set with them. Bad files are facts with a `problem`.

    `progress` is told (files done, files in all); `go_on` is called many times a minute, and what it raises ends the look;
    `workers`: threads, as many as there are cores when None; `with_faces`: look for faces where there is something to find them with.
    """
    from orchestrator.dataset.pixels.look import depth_of, look
    from orchestrator.dataset.prints import Prints

    paths = list(_paths(dataset))
    if cache is not None:
        known = recall(dataset, cache, depth_of(with_faces=with_faces))
        if known.looked is not None and not known.not_looked_at:
            if progress is not None:
                progress(len(paths), len(paths))
            return replace(known, equal_files=_equal(dataset, known.looked))
    facts, prints = [], Prints()
    for _, one in look(paths, cache=cache, progress=progress, workers=workers, with_faces=with_faces):
        prints.add(one)
        facts.append(_lean(one))
        if go_on is not None:
            go_on()
    groups = tuple(_named(paths, group) for group in _groups(facts, prints, cache, go_on))
    looked = Looked(dict(zip(paths, facts, strict=True)), groups)
    return replace(dataset, looked=looked, equal_files=_equal(dataset, looked), not_looked_at=())


def look_and_keep(
    dataset: Dataset,
    *,
    keep: bool = True,
    progress: Callable[[int, int], None] | None = None,
    with_faces: bool = False,
) -> tuple[Dataset, Text | None]:
    """Look with the cache of the user, or without one where `keep` is false. Also returns why nothing is kept; None while it is."""
    from orchestrator.dataset.pixels.cache import Cache

    if not keep:
        return look_at(dataset, progress=progress, with_faces=with_faces), None
    cache = Cache()
    try:
        return look_at(dataset, cache=cache, progress=progress, with_faces=with_faces), cache.trouble
    finally:
        cache.close()


def _groups(
    facts: Sequence[PixelFacts], prints: Prints, cache: Cache | None, go_on: Callable[[], None] | None
) -> list[Group]:
    """Compare the pictures with each other, unless just these were compared before: that takes longer than all else of a second look."""
    from orchestrator.dataset.near import find_near, pack_groups

    contents = _contents(facts)
    known = _known_groups(contents, cache) if cache is not None else None
    if known is not None:
        return known
    groups = find_near(facts, go_on, prints)
    if cache is not None:
        cache.keep_groups(contents, pack_groups(groups))
    return groups


def _contents(facts: Iterable[PixelFacts]) -> bytes:
    """Return what stands for these pictures in this order, and for how they are compared."""
    from orchestrator.dataset.near import VERSION

    return hashlib.sha256(b"".join([bytes([VERSION]), *(one.digest or b"-" for one in facts)])).digest()


def _known_groups(contents: bytes, cache: Cache) -> list[Group] | None:
    """Return the groups that were kept of these pictures; None where there are none, or damaged ones."""
    from orchestrator.dataset.near import unpack_groups

    known = cache.groups_of(contents)
    if known is not None:
        with suppress(ValueError, TypeError):
            return unpack_groups(known)
    return None


def recalled(dataset: Dataset) -> Dataset:
    """Return the data set with what earlier looks have kept in the user's cache. Nothing is opened but the cache, where there is one."""
    from orchestrator.dataset.pixels.cache import Cache, has_cache

    if not has_cache():
        return dataset
    with Cache() as cache:
        return recall(dataset, cache)


def recall(dataset: Dataset, cache: Cache, depth: int | None = None) -> Dataset:
    """Return the data set with what earlier looks, at least `depth` deep (default: without faces), have kept of its pictures; files are not opened."""
    from orchestrator.dataset.pixels.look import kept
    from orchestrator.dataset.pixels.model import WHOLE

    paths = list(_paths(dataset))
    known = dict(kept(paths, cache, WHOLE if depth is None else depth))
    if not known:
        return dataset
    if len(known) < len(paths):
        return replace(dataset, looked=Looked(known, groups=None, is_whole=False))
    found = _known_groups(_contents(known.values()), cache)
    groups = None if found is None else tuple(_named(paths, group) for group in found)
    unseen = () if groups is not None else (NOT_COMPARED,)
    return replace(dataset, looked=Looked(known, groups), not_looked_at=unseen)


def _equal(dataset: Dataset, looked: Looked) -> tuple[tuple[Path, ...], ...]:
    """Return the groups of equal files. Every file was hashed, so there is no budget here."""
    alike: dict[bytes, list[Path]] = {}
    for path in _paths(dataset):
        one = looked.facts[path]
        if one.digest and one.size_bytes:
            alike.setdefault(one.digest, []).append(path)
    return tuple(sorted(tuple(sorted(group)) for group in alike.values() if len(group) > 1))


def _paths(dataset: Dataset) -> Iterable[Path]:
    """Return each file once."""
    return dict.fromkeys(picture.path for folder in dataset.folders for picture in folder.pictures)


def _lean(facts: PixelFacts) -> PixelFacts:
    return replace(facts, fingerprint=b"")


def _named(paths: Sequence[Path], group: Group) -> CopyGroup:
    copies = (Copy(paths[m.index], m.relation, m.is_mirrored, m.likeness) for m in group.members)
    return CopyGroup(paths[group.best], tuple(copies))
