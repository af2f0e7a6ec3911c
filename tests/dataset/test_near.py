from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from orchestrator.dataset import matches
from orchestrator.dataset.near import find_near
from orchestrator.dataset.pixels import candidates as searching
from orchestrator.dataset.pixels.decode import Decoded, decode_bytes
from orchestrator.dataset.pixels.measure import facts_of
from orchestrator.dataset.pixels.model import PixelFacts
from tests.dataset.pixels.conftest import draw_scene

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (480, 600)


def _facts(picture: Image.Image, kind: str = "PNG", **options: object) -> PixelFacts:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    raw = out.getvalue()
    found = decode_bytes(raw, Decoded())
    # As reading a file does it.
    found.digest = (len(raw)).to_bytes(16, "big") + hash(raw).to_bytes(16, "big", signed=True)
    return facts_of(found)


@pytest.fixture(scope="module")
def others() -> list[PixelFacts]:
    return [_facts(draw_scene(100 + number, SIZE)) for number in range(12)]


def _marked(picture: Image.Image) -> Image.Image:
    picture = picture.copy()
    ImageDraw.Draw(picture).text((200, 560), "@somebody", fill=(255, 255, 255), font_size=40)
    return picture


def _turned(picture: Image.Image) -> Image.Image:
    return picture.rotate(2, resample=Image.Resampling.BICUBIC).crop((20, 24, 460, 576))


COPIES: dict[str, tuple[Callable[[Image.Image], Image.Image], str]] = {
    "resized": (lambda p: p.resize((240, 300), Image.Resampling.LANCZOS), "resized"),
    "flip": (ImageOps.mirror, "flip"),
    "crop": (lambda p: p.crop((0, 30, 440, 580)), "crop"),
    "deep crop": (lambda p: p.crop((60, 0, 480, 525)), "crop"),
    "flipped crop": (lambda p: ImageOps.mirror(p.crop((0, 0, 420, 525))), "flip"),
    "turned": (_turned, "turned"),
    "letterbox": (lambda p: ImageOps.expand(p, (0, 48, 0, 48), (0, 0, 0)), "framed"),
    "white frame": (lambda p: ImageOps.expand(p, (40, 40, 40, 40), (255, 255, 255)), "framed"),
    "darker": (lambda p: ImageEnhance.Brightness(p).enhance(0.8), "brightness"),
    "marked": (_marked, "altered"),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found_and_named(name: str, others: list[PixelFacts]) -> None:
    change, relation = COPIES[name]
    first = draw_scene(1, SIZE)
    facts = [*others[:6], _facts(first), *others[6:], _facts(change(first))]
    (group,) = find_near(facts)
    assert sorted(group.indices) == [6, 13]
    (member,) = group.members
    assert member.relation == relation
    assert member.is_mirrored == ("flip" in name)
    assert member.likeness > 0.97
    assert not group.is_exact


def test_recompression(others: list[PixelFacts]) -> None:
    first = draw_scene(1, SIZE)
    (group,) = find_near([_facts(first), *others, _facts(first, "JPEG", quality=50)])
    assert (group.best, group.members[0].relation) == (0, "recompressed")


def test_different_pictures_are_no_group(others: list[PixelFacts]) -> None:
    assert find_near(others) == []


def test_one_scene_with_another_figure_is_no_copy() -> None:
    background = draw_scene(1, SIZE)
    pictures = []
    for seed in (2, 3):
        picture = background.copy()
        picture.paste(draw_scene(seed, (240, 300)), (120, 150))
        pictures.append(_facts(picture))
    assert find_near(pictures) == []


def test_fields_of_one_colour_are_like_nothing() -> None:
    fields = [_facts(Image.new("RGB", SIZE, colour)) for colour in ("red", "blue", "white")]
    assert find_near(fields) == []


def test_exact_copies_of_fields_and_of_damaged_pictures_are_told() -> None:
    field = _facts(Image.new("RGB", SIZE, "red"))
    cut = PixelFacts(digest=b"c" * 32, problem="truncated-file", width=5, height=5)
    groups = find_near([field, cut, field, cut])
    assert [group.indices for group in groups] == [(0, 2), (1, 3)]
    assert all(group.is_exact for group in groups)


def test_two_empty_files_are_no_copies() -> None:
    empty = PixelFacts(digest=b"e" * 32, problem="empty-file")
    assert find_near([empty, empty]) == []


def test_candidates_of_which_none_is_alike_are_no_copies(
    monkeypatch: pytest.MonkeyPatch, others: list[PixelFacts]
) -> None:
    pair = searching.Candidate(0, 1, searching.Window(1.0, 0.0, 0.0), is_mirrored=False)
    monkeypatch.setattr(matches, "find_candidates", lambda *_: iter([pair]))
    noise = np.random.default_rng(1).integers(0, 255, (48, 48), dtype=np.uint8).tobytes()
    assert find_near([others[0], replace(others[1], fingerprint=noise)]) == []


def test_the_best_is_the_largest_sharp_one(others: list[PixelFacts]) -> None:
    first = draw_scene(1, SIZE)
    small = first.resize((240, 300), Image.Resampling.LANCZOS)
    blown_up = small.resize((960, 1200), Image.Resampling.BICUBIC)
    whole, copy = _facts(first), _facts(first)
    (group,) = find_near([_facts(small), _facts(blown_up), whole, copy, *others])
    assert group.best == 2
    assert {member.index: member.relation for member in group.members} == {0: "resized", 1: "resized", 3: "exact"}


def test_a_chain_is_one_group(others: list[PixelFacts]) -> None:
    """Two crops of one picture that share too little to be told alike themselves."""
    first = draw_scene(1, (800, 800))
    one, two = first.crop((0, 0, 690, 690)), first.crop((110, 110, 800, 800))
    (group,) = find_near([_facts(first), _facts(one), _facts(two), *others])
    assert sorted(group.indices) == [0, 1, 2]


def test_a_folder_of_one_scene_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    base = np.asarray(draw_scene(1).convert("L").resize((48, 48))).astype(int)
    stored = (base + rng.integers(-2, 3, (90, 48, 48))).clip(0, 255).astype(np.uint8)
    monkeypatch.setattr(searching, "_BLOCK", 32)
    monkeypatch.setattr(searching, "_ROWS", 64)
    monkeypatch.setattr(searching, "MOST_PER_PICTURE", 8)
    found = list(searching.find_candidates(stored))
    most = max(np.bincount([candidate.first for candidate in found]))
    assert most <= searching.MOST_PER_PICTURE
    facts = [
        PixelFacts(digest=bytes([k % 256, k // 256] * 16), width=480, height=480, fingerprint=one.tobytes())
        for k, one in enumerate(stored)
    ]
    (group,) = find_near(facts)
    assert len(group.indices) == 90


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch, others: list[PixelFacts]) -> None:
    first = draw_scene(1, SIZE)
    facts = [_facts(first), *others, _facts(first.crop((0, 30, 440, 580))), _facts(ImageOps.mirror(first))]
    whole = find_near(facts)
    monkeypatch.setattr(searching, "_BLOCK", 4)
    monkeypatch.setattr(searching, "_ROWS", 6)
    assert find_near(facts) == whole


@pytest.mark.parametrize("fill", [(0, 0, 0), (255, 255, 255)])
def test_a_turned_copy_with_filled_corners_is_not_the_one_to_keep(fill: tuple[int, int, int]) -> None:
    first = draw_scene(1, SIZE)
    turned = first.rotate(2, resample=Image.Resampling.BICUBIC, fillcolor=fill)
    (group,) = find_near([_facts(turned), _facts(first)])
    assert (group.best, group.members[0].relation) == (1, "turned")


def test_what_stands_at_an_angle_to_the_others_is_not_the_one_to_keep() -> None:
    first = draw_scene(1, SIZE)
    others = [_facts(first.resize((448, 560), Image.Resampling.LANCZOS)), _facts(first, "JPEG", quality=90)]
    (group,) = find_near([_facts(_turned(draw_scene(1, SIZE)).resize((520, 650))), *others])
    assert group.best == 2


def test_candidates_that_are_all_hopeless_are_no_pair() -> None:
    whole = draw_scene(1, (440, 240), grain=0)
    other = whole.crop((23, 18, 423, 218))
    other.paste((255, 0, 255), (320, 80, 380, 140))
    assert find_near([_facts(whole.crop((20, 20, 420, 220))), _facts(other)]) == []
