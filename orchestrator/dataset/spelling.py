"""Spellings of tags: which ones are the same tag, and which rare tag is one letter away from a known one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
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
    for index, pieces in enumerate(captions):
        for piece in pieces:
            key, spelling = _key_and_spelling(piece)
            if key:
                groups[key][spelling].add(index)
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


@lru_cache(maxsize=50_000)
def _key_and_spelling(piece: str) -> tuple[str, str]:
    """Return what all spellings and names of a tag share, and this one as it stands."""
    return (loose(vocabulary().written(piece)), _as_written(piece)) if normal(piece) else ("", "")


def _as_written(piece: str) -> str:
    """Return a tag in lower case, its underscores and hyphens as they stand."""
    plain = piece.strip().lower().replace("\\(", "(").replace("\\)", ")")
    return plain if normal(plain) == plain.replace("_", " ") else normal(plain)


class Speller:
    """Tags that are known, and which of them a misspelt one may be meant as."""

    def __init__(self, tags: Iterable[str]) -> None:
        """`tags`: normalised."""
        self._tags = frozenset(tags)
        self._near: dict[str, set[str]] = defaultdict(set)
        for word in {word for tag in self._tags for word in _words(tag)}:
            for key in _shortened(word):
                self._near[key].add(word)

    def meant(self, tag: str) -> str | None:
        """Return the known tag that `tag` is a typo of; None where nothing is near, or the tag or its words are known."""
        is_tag = len(tag) <= LONGEST and tag.isascii() and tag not in self._tags
        for word in _unknown_words(tag) if is_tag else ():
            others = {other for key in _shortened(word) for other in self._near.get(key, ())}
            for other in sorted(others):
                right = tag.replace(word, other, 1)
                if right in self._tags and _is_typo(word, other, is_whole=word == tag):
                    return right
        return None


@cache
def known_tags() -> Speller:
    """Return what our own list and the user's taggers know."""
    return Speller(vocabulary().categories.keys() | tagger_tags())


def is_known(tag: str) -> bool:
    """Return whether a list has the tag, in whatever spelling."""
    return vocabulary().category(tag) is not None or tag in tagger_tags()


def _words(tag: str) -> list[str]:
    return tag.replace("-", " ").split()


def _unknown_words(tag: str) -> list[str]:
    """Return the words of a tag that may be typos: long enough, and no word of a tag or of everyday English."""
    known, everyday, words = vocabulary().words, common_words(), _words(tag)
    least = SHORTEST_BESIDE if len(words) > 1 else SHORTEST_SWAPPED
    return [
        word
        for word in words
        if len(word) >= least
        and word.isalpha()
        and not any(one in known or one in everyday for one in (word, word.rstrip("s")))
    ]


def _shortened(word: str) -> Iterator[str]:
    """Yield the word and what is left of it without one letter: words one letter apart share one of these."""
    yield word
    for i in range(1, len(word)):
        yield word[:i] + word[i + 1 :]


def _is_typo(word: str, other: str, *, is_whole: bool) -> bool:
    """Return whether `word` is `other` with two letters swapped, or with one more, less or another; the first letter stays."""
    if word[0] != other[0]:
        return False
    same = next((i for i, (a, b) in enumerate(zip(word, other)) if a != b), min(len(word), len(other)))  # noqa: B905 - the shorter ends it
    left, right = word[same:], other[same:]
    if len(left) == len(right) and len(left) > 1 and left[:2] == right[1::-1] and left[2:] == right[2:]:
        return True
    is_changed = left[1:] == right or left == right[1:] or left[1:] == right[1:]
    return is_changed and (not is_whole or len(word) >= SHORTEST_CHANGED)
