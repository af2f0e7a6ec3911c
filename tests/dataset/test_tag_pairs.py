from __future__ import annotations

import random

import pytest

from orchestrator.dataset.tag_pairs import tag_pairs
from orchestrator.dataset.tags import tagged


def test_tags_that_are_never_apart_come_first() -> None:
    captions = [f"zxq, smile, {'rain, umbrella' if n % 2 else 'sun'}{', hat' if n % 4 == 1 else ''}" for n in range(40)]
    first, second, *_ = tag_pairs([tagged(one) for one in captions])
    assert (first.first, first.second, first.together) == ("rain", "umbrella", 20)
    assert (first.share_of_first, first.share_of_second, first.lift, first.bond) == (1.0, 1.0, 2.0, 1.0)
    assert (second.second, second.share_of_first, second.share_of_second) == ("hat", 0.5, 1.0)


def test_chance_and_tags_on_every_caption_make_no_pair() -> None:
    chance = random.Random(1)
    words = [f"word {n}" for n in range(6)]
    captions = ["zxq, smile, " + ", ".join(w for w in words if chance.random() < 0.5) for _ in range(400)]
    assert tag_pairs([tagged(one) for one in captions]) == []


@pytest.mark.parametrize(
    "captions", [[], ["zxq, smile, rain"], ["a cat sits on the table and it is looking at the moon."] * 9]
)
def test_too_little_makes_no_pair(captions: list[str]) -> None:
    assert tag_pairs([tagged(one) for one in captions]) == []
