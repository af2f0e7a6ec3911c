"""Tags that stand in the same captions: what always comes together is learned as one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.tags import tag_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.dataset.tags import Tagged

MOST_TAGS: Final = 500
"""The most frequent ones are compared with each other; the table of counts is as large as the square of that."""
LEAST_TOGETHER: Final = 3
"""Captions: two tags that met twice met by chance ..."""
LEAST_SHARE: Final = 0.02
"""... and in a large set this share of the captions."""
LEAST_LIFT: Final = 1.2
"""Below, they meet about as often as chance would have it; a tag on nearly all captions meets every other so."""


@dataclass(frozen=True, slots=True)
class TagPair:
    """Two tags, the more frequent first."""

    first: str
    second: str
    together: int
    """Captions with both."""
    share_of_first: float
    """Of the captions with the first, those that have the second too."""
    share_of_second: float
    lift: float
    """How many times as often as by chance."""

    @property
    def bond(self) -> float:
        """The smaller of both shares: 1 where neither is ever without the other."""
        return min(self.share_of_first, self.share_of_second)


def tag_pairs(captions: Sequence[Tagged]) -> list[TagPair]:
    """Return the pairs that meet more often than by chance, those that are hardest to tell apart first. Captions in sentences are left out."""
    import numpy as np

    listed = [one for one in captions if one.style != "sentences"]
    texts = [set(one.tags) for one in listed]
    least = max(LEAST_TOGETHER, LEAST_SHARE * len(texts))
    counts = tag_counts(listed)
    ranked = sorted(counts, key=lambda tag: (-counts[tag], tag))
    tags = [tag for tag in ranked if counts[tag] >= least][:MOST_TAGS]
    place = {tag: index for index, tag in enumerate(tags)}
    if len(place) < 2:
        return []
    has = np.zeros((len(texts), len(place)), np.float32)
    for row, text in enumerate(texts):
        has[row, [place[tag] for tag in text if tag in place]] = 1
    together = has.T @ has
    alone = together.diagonal()
    lift = together * len(texts) / np.outer(alone, alone)
    firsts, seconds = np.nonzero(np.triu((together >= least) & (lift >= LEAST_LIFT), k=1))
    found = [
        TagPair(
            tags[i], tags[j], int(together[i, j]), float(together[i, j] / alone[i]), float(together[i, j] / alone[j]), float(lift[i, j])
        )
        for i, j in zip(firsts.tolist(), seconds.tolist(), strict=True)
    ]  # fmt: skip
    return sorted(found, key=lambda pair: (-pair.bond, -pair.together, pair.first, pair.second))
