"""A tagger sees what its author's demo shows it, and only what it is sure of is written."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.caption_models.view import UnreadablePictureError, on_white_square
from orchestrator.dataset.caption_models.wd14 import DEFAULT, TaggerOptions, open_tagger, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Path]


def tags(folder: Path, picture: Path, options: TaggerOptions | None = None) -> tuple[str, ...]:
    tagger = open_tagger(folder, options)
    return tagger.describe([tagger.see(picture)])[0].pieces


def test_channels_arrive_blue_first(make_tagger: Make, paint: Make) -> None:
    folder = make_tagger()
    assert "red theme" in tags(folder, paint("r.png", "red"))
    assert "blue theme" in tags(folder, paint("b.png", "blue"))
    assert "red theme" not in tags(folder, paint("b.png", "blue"))


def test_surest_first_and_only_above_the_limits_of_the_category(make_tagger: Make, paint: Make) -> None:
    tagger = open_tagger(make_tagger())
    found = tagger.describe([tagger.see(paint("r.png", "red"))])[0]
    # faint_tag is at 0.33, maybe_somebody at 0.73 of the 0.85 for characters, some_artist of no category that is taken
    assert found.pieces == ("red theme", "hatsune miku", "simple background", "^_^")
    assert found.scores == pytest.approx([1 / (1 + math.exp(-x)) for x in (12, 3, 1, 0.5)], abs=1e-5)


def test_limits_blacklist_rating_and_underscores(make_tagger: Make, paint: Make) -> None:
    options = TaggerOptions(
        general_above=0.3, character_above=2, blacklist=("Simple Background",), with_rating=True, keep_underscores=True
    )
    assert tags(make_tagger(), paint("r.png", "red"), options) == ("red_theme", "^_^", "faint_tag", "general")


def test_rows_count_not_places(make_tagger: Make, paint: Make) -> None:
    """sd-scripts takes the first four outputs for ratings and the rest for general, then characters, whatever the table says."""
    rows = (
        ("hatsune_miku", 4, (0.0, 0.0, 0.0), 3.0),
        ("solo", 0, (0.0, 0.0, 0.0), 2.0),
        ("general", 9, (0.0, 0.0, 0.0), 5.0),
    )
    assert tags(make_tagger(rows=rows), paint("r.png")) == ("hatsune miku", "solo")


def test_a_tag_with_a_comma_is_not_written(make_tagger: Make, paint: Make) -> None:
    rows = ((">:,", 0, (0.0, 0.0, 0.0), 5.0), ("solo", 0, (0.0, 0.0, 0.0), 1.0))
    assert tags(make_tagger(rows=rows), paint("r.png")) == ("solo",)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("long_hair", "long hair"),
        ("^_^", "^_^"),
        ("||_||", "||_||"),
        ("<o>_<o>", "<o>_<o>"),
        (";_;", ";_;"),
        ("lily_(flower)", "lily (flower)"),
    ],
)
def test_faces_keep_their_underscore(tag: str, text: str) -> None:
    assert written(tag) == text


def test_a_model_of_fixed_batch_size_is_filled_up(make_tagger: Make, paint: Make) -> None:
    tagger = open_tagger(make_tagger(batch=4))
    assert tagger.batch_limit == 4
    seen = [tagger.see(paint(f"{colour}.png", colour)) for colour in ("red", "blue")]
    assert ["red theme" in one.pieces for one in tagger.describe(seen)] == [True, False]


def test_number_of_tags_must_fit_the_outputs(make_tagger: Make) -> None:
    folder = make_tagger()
    table = folder / "selected_tags.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(InputError) as caught:
        open_tagger(folder)
    assert "does not fit the 9 tags" in str(caught.value)


def test_number_of_tags_is_also_checked_where_the_model_does_not_say_it(make_tagger: Make, paint: Make) -> None:
    folder = make_tagger(outputs="tags")
    table = folder / "selected_tags.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    tagger = open_tagger(folder)
    with pytest.raises(InputError, match="does not fit"):
        tagger.describe([tagger.see(paint("r.png"))])


def test_logits_are_refused(make_tagger: Make, paint: Make) -> None:
    tagger = open_tagger(make_tagger(is_raw=True))
    with pytest.raises(InputError, match="probabilities"):
        tagger.describe([tagger.see(paint("r.png"))])


@pytest.mark.parametrize("text", ["", "name\nsolo\n", "tag_id,name,category\n1,solo,general\n", "\xff\xfe"])
def test_what_is_no_table_is_refused(make_tagger: Make, text: str) -> None:
    folder = make_tagger()
    (folder / "selected_tags.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError):
        open_tagger(folder)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x04K\x01."])
def test_what_is_no_onnx_is_refused(make_tagger: Make, content: bytes) -> None:
    folder = make_tagger()
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_tagger(folder)
    assert caught.value.problems[0].code == "model-unreadable"


@pytest.mark.parametrize("package", ["onnxruntime", "huggingface_hub"])
def test_without_a_package_the_extra_is_named(make_tagger: Make, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    folder = make_tagger()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EnvironmentFault) as caught:
        open_tagger(folder if package == "onnxruntime" else DEFAULT)
    assert "lora-orchestrator[caption]" in str(caught.value.problems[0].fix)


def test_a_gpu_that_onnxruntime_has_not_is_told(make_tagger: Make) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(EnvironmentFault, match="cannot use the GPU"):
        open_tagger(make_tagger(), device="cuda")


def test_square_is_the_one_of_padding_first(tmp_path: Path) -> None:
    """The author's demo pads and then resizes; the same to within rounding, without the memory of the square."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (60, 30, 3), dtype=np.uint8)).resize(
        (300, 600), Image.Resampling.BICUBIC
    )
    noise.save(tmp_path / "a.png")
    ours = np.asarray(on_white_square(tmp_path / "a.png", 64), np.float32)
    padded = Image.new("RGB", (600, 600), (255, 255, 255))
    padded.paste(noise, (150, 0))
    theirs = np.asarray(padded.resize((64, 64), Image.Resampling.BICUBIC), np.float32)
    apart = np.abs(ours - theirs)
    seam = np.zeros(64, bool)
    seam[[14, 15, 16, 17, 46, 47, 48, 49]] = True
    assert apart[:, ~seam].max() <= 1
    assert (ours[:, :14] == 255).all()


def test_transparency_turns_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (np.asarray(on_white_square(tmp_path / "a.png", 16)) == 255).all()


def test_sixteen_bits_of_grey_keep_their_tones(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 128 * 257, np.uint16)).save(tmp_path / "a.png")
    assert (np.asarray(on_white_square(tmp_path / "a.png", 16)) == 128).all()


def test_a_exif_rotation_is_seen_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    seen = np.asarray(on_white_square(tmp_path / "a.jpg", 32)).astype(int)
    assert seen[4, 16, 2] > 200 > seen[4, 16, 0]
    assert seen[28, 16, 0] > 200 > seen[28, 16, 2]


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadablePictureError):
        on_white_square(tmp_path / "a.png", 16)
