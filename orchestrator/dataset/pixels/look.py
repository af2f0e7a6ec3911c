"""Look at many files: in parallel, in order, with what is kept from the last time. Memory does not grow with their number.

Threads, not processes: Pillow decodes and numpy computes without the interpreter's lock (measured: docs/log.md), and only the room that runs
trainers starts processes.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.pixels.cache import stamp_of
from orchestrator.dataset.pixels.faces import why_not
from orchestrator.dataset.pixels.measure import measure
from orchestrator.dataset.pixels.model import FACES, FINGERPRINT, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from orchestrator.dataset.pixels.cache import Cache
    from orchestrator.dataset.pixels.model import PixelFacts

_AHEAD: Final = 3
"""Files per worker that are begun before the first of them is asked for."""


def look(
    paths: Sequence[Path],
    *,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
    only_fingerprint: bool = False,
    with_faces: bool = False,
) -> Generator[tuple[Path, PixelFacts], None, None]:
    """Return each of `paths` with its facts, in order. Bad files are facts with a `problem`, never an exception.

    `progress` is told (files done, files in all) after each file; `workers`: threads, as many as there are cores when None;
    `only_fingerprint`: what near duplicates are found by and no more. `with_faces`: faces too, where there is something to find them
    with (faces.py), which takes several times as long as all else; also in pictures that were looked at without.
    """
    from concurrent.futures import ThreadPoolExecutor

    count = max(1, workers or cores())
    depth = FINGERPRINT if only_fingerprint else depth_of(with_faces=with_faces)
    pool = ThreadPoolExecutor(count, thread_name_prefix="look")
    begun: deque[tuple[Path, PixelFacts | None, Future[PixelFacts] | None]] = deque()
    done = 0

    def first() -> tuple[Path, PixelFacts]:
        nonlocal done
        path, facts, coming = begun.popleft()
        if coming is not None:
            facts = coming.result()
        assert facts is not None  # noqa: S101  one of the two is always there
        done += 1
        if progress is not None:
            progress(done, len(paths))
        return path, facts

    try:
        for path in paths:
            name = os.fspath(path)
            kept = _kept(name, cache, depth)
            coming = None if kept else pool.submit(_looked, name, cache, depth)
            begun.append((path, kept, coming))
            while begun and (len(begun) > count * _AHEAD or begun[0][1] is not None):
                yield first()
        while begun:
            yield first()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def kept(paths: Iterable[Path], cache: Cache, depth: int = WHOLE) -> Iterator[tuple[Path, PixelFacts]]:
    """Return those of `paths` that look as they did when they were measured, with their facts but for the fingerprint. Opens none of them."""
    for path in paths:
        name = os.fspath(path)
        stamp = stamp_of(name)
        facts = None if stamp is None else cache.by_path(name, stamp, depth, without_fingerprint=True)
        if facts is not None:
            yield path, facts


def depth_of(*, with_faces: bool) -> int:
    """Return how deep a whole look goes: to the faces where they are wanted and there is something to find them with."""
    return FACES if with_faces and not why_not() else WHOLE


def cores() -> int:
    """Return the cores this process may use, which is fewer than the machine's inside a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _kept(name: str, cache: Cache | None, depth: int) -> PixelFacts | None:
    if cache is None:
        return None
    stamp = stamp_of(name)
    return None if stamp is None else cache.by_path(name, stamp, depth)


def _looked(name: str, cache: Cache | None, depth: int) -> PixelFacts:
    if cache is None:
        return measure(name, depth=depth)
    before = stamp_of(name)
    facts = measure(name, depth=depth, known=lambda digest: cache.by_digest(digest, depth))
    after = stamp_of(name)
    cache.keep(name, after if after == before else None, facts, depth)
    return facts
