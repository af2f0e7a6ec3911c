"""Spellings of tags: which ones are the same tag, and which rare tag is one letter away from a known one."""

from __future__ import annotations

import string
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.dataset.tags import loose, normal
from orchestrator.dataset.vocabulary import common_words, tagger_tags, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LEADS = 2
"""How many times the captions of the next spelling the leading one must have to be the right one."""
SHORTEST_BESIDE = 3
"""Letters of a word that may be a typo beside other words of a tag, which tell what is meant."""
SHORTEST_SWAPPED, SHORTEST_CHANGED = 5, 7
"""The same for a tag of one word: with two letters swapped, and with any other change. Shorter ones are often words themselves."""
LONGEST = 40
"""Characters of a tag; longer ones are no tags."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """One tag that stands in a set in several ways."""

    tag: str
    """As our list writes it, or the leading spelling."""
    counts: Mapping[str, int]
    """Spelling -> captions, most first."""
    odd_captions: tuple[int, ...]
    """Which captions hold a spelling other than the leading one; where none leads, all of them."""
    is_other_name: bool
    """They differ in more than blanks and signs: `smile` and `smiling`."""


def spellings(captions: Sequence[Sequence[str]]) -> list[Spelled]:
    """Return the tags that stand in `captions` (their pieces as written) in several ways, the most frequent first."""
    groups: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    written = vocabulary().written
    for index, pieces in enumerate(captions):
        for piece in pieces:
            if normal(piece):
                groups[loose(written(piece))][_as_written(piece)].add(index)
    found: list[Spelled] = []
    for ways in groups.values():
        if len(ways) > 1:
            found += _split(ways)
    return sorted(found, key=lambda group: (-sum(group.counts.values()), group.tag))


def _split(ways: Mapping[str, set[int]]) -> Iterator[Spelled]:
    """Tell spellings of one name from other names: of a tag with both, both are told."""
    names: dict[str, list[str]] = defaultdict(list)
    for spelling in ways:
        names[loose(spelling)].append(spelling)
    for same in names.values():
        if len(same) > 1:
            yield _spelled({spelling: ways[spelling] for spelling in same}, is_other_name=False)
    if len(names) > 1:
        leading = (max(same, key=lambda spelling: len(ways[spelling])) for same in names.values())
        yield _spelled({spelling: ways[spelling] for spelling in leading}, is_other_name=True)


def _spelled(ways: Mapping[str, set[int]], *, is_other_name: bool) -> Spelled:
    counts = dict(Counter({spelling: len(where) for spelling, where in ways.items()}).most_common())
    first, second, *_ = counts
    odd = [spelling for spelling in counts if spelling != first or counts[first] < LEADS * counts[second]]
    captions = sorted({index for spelling in odd for index in ways[spelling]})
    return Spelled(first, counts, tuple(captions), is_other_name)


def _as_written(piece: str) -> str:
    """Return a tag in lower case, its underscores and hyphens as they stand."""
    plain = piece.strip().lower().replace("\\(", "(").replace("\\)", ")")
    return plain if normal(plain) == plain.replace("_", " ") else normal(plain)


def near_known(tag: str) -> str | None:
    """Return the known tag that `tag` is a typo of; None where it is known itself or nothing is near."""
    known = vocabulary()
    if not _may_be_wrong(tag) or known.category(tag) is not None:
        return None
    others = known.categories.keys() | tagger_tags()
    return next((near for near in _neighbours(tag) if near in others), None)


def near_one_of(tag: str, others: Iterable[str]) -> str | None:
    """Return which of `others`, frequent tags of the same set, `tag` is a typo of."""
    if not _may_be_wrong(tag) or vocabulary().category(tag) is not None:
        return None
    wanted = set(others)
    return next((near for near in _neighbours(tag) if near in wanted), None) if wanted else None


def _may_be_wrong(tag: str) -> bool:
    return len(tag) <= LONGEST and tag.isascii() and tag not in tagger_tags() and bool(_unknown_words(tag))


def _unknown_words(tag: str) -> list[str]:
    known = vocabulary().words | common_words()
    words = tag.replace("-", " ").split()
    least = SHORTEST_BESIDE if len(words) > 1 else SHORTEST_SWAPPED
    return [w for w in words if w.isalpha() and len(w) >= least and w not in known and w.rstrip("s") not in known]


def _neighbours(tag: str) -> Iterator[str]:
    """Yield what `tag` may have been meant as: one unknown word of it changed by one letter."""
    for word in _unknown_words(tag):
        for other in _swapped(word):
            yield tag.replace(word, other, 1)
        if word != tag or len(word) >= SHORTEST_CHANGED:
            for other in _changed(word):
                yield tag.replace(word, other, 1)


def _swapped(word: str) -> Iterator[str]:
    """Yield words with two neighbouring letters swapped; the first letter stays."""
    for i in range(1, len(word) - 1):
        if word[i] != word[i + 1]:
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _changed(word: str) -> Iterator[str]:
    """Yield words with one letter left out, added or replaced; the first letter stays."""
    for i in range(1, len(word) + 1):
        yield word[:i] + word[i + 1 :]
        for letter in string.ascii_lowercase:
            yield word[:i] + letter + word[i:]
            if i < len(word):
                yield word[:i] + letter + word[i + 1 :]
