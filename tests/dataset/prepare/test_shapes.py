"""The few shapes against all ways to choose them."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from orchestrator.dataset.prepare.shapes import WORTH_A_SHAPE, few_shapes, share_lost
from orchestrator.plan.steps import BucketRules, bucket_resolutions

SHAPES = bucket_resolutions(BucketRules((512, 512), enable_bucket=True, min_bucket_reso=256, max_bucket_reso=1024))


def _best_by_trying(counts: dict[tuple[int, int], int], most: int) -> float:
    total = sum(counts.values())
    return min(
        sum(min(share_lost(size, shape) for shape in chosen) * number for size, number in counts.items()) / total
        for chosen in combinations(SHAPES, most)
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_other_choice_loses_less(seed: int, most: int) -> None:
    rng = random.Random(seed)
    counts = {(rng.randint(300, 1500), rng.randint(300, 1500)): rng.randint(1, 5) for _ in range(12)}
    found = few_shapes(counts, SHAPES, most, least=1)
    assert len(set(found.of.values())) <= most
    assert found.lost_share <= _best_by_trying(counts, most) + WORTH_A_SHAPE + 1e-9


def test_each_shape_has_enough_pictures_where_there_are_so_many() -> None:
    counts = {(1000, 1000): 9, (1000, 1500): 2, (1500, 1000): 5}
    found = few_shapes(counts, SHAPES, most=3, least=4)
    held: dict[tuple[int, int], int] = {}
    for size, number in counts.items():
        held[found.of[size]] = held.get(found.of[size], 0) + number
    assert sorted(held.values()) == [5, 11]
    assert few_shapes({(1000, 1500): 2}, SHAPES, most=3, least=4).of[1000, 1500] in SHAPES


def test_a_shape_that_saves_nothing_is_not_taken() -> None:
    assert len(set(few_shapes({(800, 1200): 5, (801, 1200): 5}, SHAPES, most=4, least=1).of.values())) == 1


def test_sizes_of_one_ratio_get_one_shape() -> None:
    found = few_shapes({(800, 1200): 1, (400, 600): 1, (1000, 1000): 8}, SHAPES, most=4, least=1)
    assert found.of[800, 1200] == found.of[400, 600] != found.of[1000, 1000]


def test_thousands_of_sizes_take_no_time() -> None:
    rng = random.Random(1)
    counts = {(rng.randint(300, 4000), rng.randint(300, 4000)): 1 for _ in range(5000)}
    found = few_shapes(counts, SHAPES, most=4, least=4)
    assert len(set(found.of.values())) == 4
    assert set(found.of) == set(counts)
