"""Where pictures are cut and padded: nothing enlarged, the ratio hit, faces inside, tiles that cover."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from orchestrator.dataset.prepare.place import cut_to, pad_to, tile, turned

SIDES = st.integers(64, 4000)
SIZES = st.tuples(SIDES, SIDES)
SHAPES = st.tuples(st.integers(4, 24), st.integers(4, 24)).map(lambda sides: (64 * sides[0], 64 * sides[1]))


@given(SIZES, SHAPES)
def test_a_cut_has_the_ratio_and_loses_one_side_only(size: tuple[int, int], shape: tuple[int, int]) -> None:
    placement, has_all = cut_to(size, shape)
    left, top, right, bottom = placement.region
    wide, high = right - left, bottom - top
    assert has_all
    assert 0 <= left <= right <= size[0]
    assert 0 <= top <= bottom <= size[1]
    assert wide == size[0] or high == size[1]
    assert abs(wide * shape[1] - high * shape[0]) <= max(shape) / 2 + 1
    assert placement.size in {shape, (wide, high)}
    assert placement.size[0] <= wide
    assert placement.size[1] <= high
    # In the middle, to the pixel.
    assert abs(left - (size[0] - right)) <= 1
    assert abs(top - (size[1] - bottom)) <= 1


@given(SIZES, SHAPES)
def test_a_padded_picture_is_whole_and_not_enlarged(size: tuple[int, int], shape: tuple[int, int]) -> None:
    placement = pad_to(size, shape)
    assert placement.region == (0, 0, *size)
    assert placement.canvas is not None
    assert all(inner <= outer for inner, outer in zip(placement.size, placement.canvas, strict=True))
    assert all(new <= old for new, old in zip(placement.size, size, strict=True))
    assert abs(placement.canvas[0] * shape[1] - placement.canvas[1] * shape[0]) <= max(shape) / 2 + 1


@given(SIZES, SHAPES, st.tuples(*[st.floats(0, 0.8)] * 2), st.tuples(*[st.floats(0.02, 0.2)] * 2))
def test_a_face_that_fits_is_inside(
    size: tuple[int, int], shape: tuple[int, int], corner: tuple[float, float], sides: tuple[float, float]
) -> None:
    face = (corner[0], corner[1], corner[0] + sides[0], corner[1] + sides[1])
    placement, has_all = cut_to(size, shape, [face])
    left, top, right, bottom = placement.region
    is_inside = (
        left <= face[0] * size[0] + 1
        and right >= face[2] * size[0] - 1
        and top <= face[1] * size[1] + 1
        and bottom >= face[3] * size[1] - 1
    )
    fits = sides[0] * size[0] + 2 <= right - left and sides[1] * size[1] + 2 <= bottom - top
    assert is_inside if has_all else not fits


def test_faces_move_the_cut_no_further_than_needed() -> None:
    assert cut_to((1000, 2000), (512, 512))[0].region == (0, 500, 1000, 1500)
    assert cut_to((1000, 2000), (512, 512), [(0.4, 0.4, 0.6, 0.5)])[0].region == (0, 500, 1000, 1500)
    placement, has_all = cut_to((1000, 2000), (512, 512), [(0.4, 0.1, 0.6, 0.2)])
    assert has_all
    # The face begins at 200, its margin of three tenths at 140.
    assert placement.region == (0, 140, 1000, 1140)
    assert cut_to((1000, 2000), (512, 512), [(0.4, 0.1, 0.6, 0.2), (0.4, 0.9, 0.7, 1.0)])[1] is False


@pytest.mark.parametrize(
    ("size", "starts"),
    [
        ((512, 400), [(0, 0)]),
        ((700, 500), [(94, 0)]),
        ((1024, 512), [(0, 0), (512, 0)]),
        ((1200, 800), [(0, 0), (344, 0), (688, 0), (0, 288), (344, 288), (688, 288)]),
    ],
)
def test_tiles(size: tuple[int, int], starts: list[tuple[int, int]]) -> None:
    boxes = tile(size, 512)
    assert [box[:2] for box in boxes] == starts
    assert {(box[2] - box[0], box[3] - box[1]) for box in boxes} == {(min(size[0], 512), min(size[1], 512))}


@given(SIZES, st.integers(64, 1024))
def test_tiles_cover_all_but_where_one_would_show_the_other(size: tuple[int, int], side: int) -> None:
    boxes = tile(size, side)
    for axis in (0, 1):
        spans = sorted({(box[axis], box[axis + 2]) for box in boxes})
        assert all(0 <= first < last <= size[axis] for first, last in spans)
        overlaps = [end - start for (_, end), (start, _) in pairwise(spans)]
        assert all(0 <= overlap <= side / 2 + 1 for overlap in overlaps)
        if len(spans) > 1:
            assert (spans[0][0], spans[-1][1]) == (0, size[axis])
        else:
            assert size[axis] < 1.5 * side


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_the_picture_does(orientation: int) -> None:
    stored = Image.new("L", (100, 80))
    stored.paste(255, (10, 20, 30, 50))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.info["exif"] = exif.tobytes()
    upright = ImageOps.exif_transpose(stored)
    shares = turned((0.1, 0.25, 0.3, 0.625), orientation)
    box = tuple(round(share * side) for share, side in zip(shares, upright.size * 2, strict=True))
    assert box == upright.getbbox()
