"""Beam search over a decoder that knows nothing of the past: the whole beginning goes in at each step.

Scores and stopping are those of transformers' beam search with a length penalty of 1 and without early stopping: a finished
sentence counts with its mean log-probability per word piece, the end mark included. One beam is the greedy search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Step = Callable[[NDArray[np.int64], Sequence[int]], NDArray[np.float32]]
    """(rows, length) of beginnings, and for each row which picture it is about -> (rows, pieces) of logits of what comes next."""


@dataclass(frozen=True, slots=True)
class Search:
    """How sentences are looked for. Lengths count word pieces, the begin mark included."""

    begin: int
    end: int
    beams: int = 3
    min_length: int = 5
    max_length: int = 20


@dataclass(slots=True)
class _Hunt:
    """What is known about one picture's sentence."""

    beams: list[tuple[list[int], float]]
    """Beginnings, best first, with the sum of their log-probabilities."""
    finished: list[tuple[float, list[int]]] = field(default_factory=list)
    is_done: bool = False

    def finish(self, pieces: list[int], total: float, most: int) -> None:
        """Keep a whole sentence; the begin mark was given and counts for nothing."""
        self.finished.append((total / len(pieces[1:]), pieces))
        self.finished.sort(key=lambda one: -one[0])
        del self.finished[most:]


def find_sentences(step: Step, pictures: int, search: Search) -> list[list[int]]:
    """Return the word pieces of the best sentence for each of so many pictures, begin and end mark left out."""
    import numpy as np

    hunts = [_Hunt([([search.begin], 0.0)]) for _ in range(pictures)]
    for length in range(1, search.max_length):
        open_ones = [number for number, hunt in enumerate(hunts) if not hunt.is_done]
        if not open_ones:
            break
        about = [number for number in open_ones for _ in hunts[number].beams]
        rows = [pieces for number in open_ones for pieces, _ in hunts[number].beams]
        chances = _log_softmax(step(np.array(rows, np.int64), about))
        if length < search.min_length:
            chances[:, search.end] = -np.inf
        start = 0
        for number in open_ones:
            count = len(hunts[number].beams)
            _grow(hunts[number], chances[start : start + count], search)
            start += count
    return [_best(hunt, search) for hunt in hunts]


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    moved = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)), dtype=np.float32)


def _grow(hunt: _Hunt, chances: NDArray[np.float32], search: Search) -> None:
    """Go on from each beginning with one piece more, and keep the best."""
    import numpy as np

    totals = np.array([total for _, total in hunt.beams], np.float32)[:, None] + chances
    # Twice as many as needed: even if each beam's best is the end, as many beginnings are left.
    order = np.argsort(-totals, axis=None, kind="stable")[: 2 * search.beams]
    grown: list[tuple[list[int], float]] = []
    for rank, place in enumerate(order):
        beam, piece = divmod(int(place), chances.shape[1])
        total = float(totals[beam, piece])
        if not np.isfinite(total):
            continue
        pieces = [*hunt.beams[beam][0], piece]
        if piece == search.end:
            if rank < search.beams:
                hunt.finish(pieces, total, search.beams)
        elif len(grown) < search.beams:
            grown.append((pieces, total))
    if (search.beams == 1 and hunt.finished) or not grown:
        hunt.is_done = True
    elif len(hunt.finished) == search.beams:
        hunt.is_done = hunt.finished[-1][0] >= grown[0][1] / len(grown[0][0][1:])
    hunt.beams = grown


def _best(hunt: _Hunt, search: Search) -> list[int]:
    if not hunt.is_done:
        for pieces, total in hunt.beams:
            hunt.finish(pieces, total, search.beams)
    pieces = hunt.finished[0][1] if hunt.finished else []
    return [piece for piece in pieces[1:] if piece != search.end]
