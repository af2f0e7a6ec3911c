"""Fingerprints side by side: one of each content, none of what cannot be compared."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.dataset.pixels.model import PixelFacts
from orchestrator.dataset.prints import LEAST_SIDE, Prints

ONE, TWO = bytes([1]) * 2304, bytes([2]) * 2304
FACTS = PixelFacts(digest=b"1" * 32, width=480, height=480, fingerprint=ONE)


def test_one_of_each_content_in_the_order_they_came() -> None:
    prints = Prints([FACTS, FACTS, replace(FACTS, digest=b"2" * 32, fingerprint=TWO)])
    assert prints.digests == (b"1" * 32, b"2" * 32)
    assert (prints.of(b"1" * 32), prints.of(b"2" * 32)) == (ONE, TWO)
    assert prints.rows().shape == (2, 48, 48)
    assert prints.rows()[1].tobytes() == TWO


def test_what_cannot_be_compared_takes_no_room() -> None:
    icon = replace(FACTS, width=LEAST_SIDE - 1)
    damaged = replace(FACTS, problem="damaged-data")
    unread, unmeasured = replace(FACTS, digest=b""), replace(FACTS, fingerprint=b"")
    assert Prints([icon, damaged, unread, unmeasured]).rows().nbytes == 0
