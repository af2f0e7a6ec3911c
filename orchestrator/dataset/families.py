"""What hangs together through others."""

from __future__ import annotations


class Families:
    """Places in a sequence that are tied to each other (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def _root(self, place: int) -> int:
        parent = self._parent
        while parent.setdefault(place, place) != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    def is_one(self, first: int, second: int) -> bool:
        """Return whether the two hang together."""
        return self._root(first) == self._root(second)

    def tie(self, first: int, second: int) -> None:
        """Let the two, and what hangs on them, hang together."""
        self._parent[self._root(second)] = self._root(first)

    def all(self) -> list[list[int]]:
        """Return what was tied: families by their first place, each in order."""
        found: dict[int, list[int]] = {}
        for place in sorted(self._parent):
            found.setdefault(self._root(place), []).append(place)
        return list(found.values())
