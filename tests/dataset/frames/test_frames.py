"""What is worth a picture is taken out of a video, and every decision can be read afterwards."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.frame_measures import pixel_measures
from orchestrator.dataset.frames import FrameOptions, FramesResult, take_frames
from orchestrator.dataset.frames_out import MANIFEST, Writer, file_stem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.dataset.frame_measures import Measures

    Film = Callable[..., Path]
    Draw = Callable[..., Any]

av = pytest.importorskip("av")

ALL = FrameOptions(every=1)
SHARP_OR_NOT = FrameOptions(every=1, blurred_below=0)


def rows(result: FramesResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (result.folder / MANIFEST).read_text().splitlines()]


def decided(result: FramesResult) -> dict[int, str]:
    return {row["frame"]: row["decision"] for row in rows(result) if "frame" in row}


def test_a_cut_a_still_and_a_blur(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    still = [draw(1)] * 4
    blurred = [draw(1, shift, blur=5) for shift in (40, 80)]
    other = [draw(2), draw(2)]
    result = take_frames(film("v.mp4", [*still, *blurred, *other]), tmp_path / "new", ALL, measures=measures)
    assert decided(result) == {
        0: "kept", 1: "similar", 2: "similar", 3: "similar", 4: "blurred", 5: "blurred", 6: "kept", 7: "similar",
    }  # fmt: skip
    assert [path.name for path in result.files] == ["v-000000.png", "v-000006.png"]
    assert result.decisions == {"kept": 2, "similar": 4, "blurred": 2}
    assert sorted(path.name for path in result.folder.iterdir()) == [MANIFEST, "v-000000.png", "v-000006.png"]
    for path, seed in zip(result.files, (1, 2), strict=True):
        assert np.abs(np.asarray(Image.open(path)).astype(int) - draw(seed)).mean() < 8


def test_the_manifest_holds_every_number(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    result = take_frames(film("v.mp4", [draw(1), draw(1), draw(2)]), tmp_path / "new", ALL, measures=measures)
    head, *frames, end = rows(result)
    assert (head["record"], head["video"], head["codec"], head["width"], head["height"]) == (
        "frames",
        "v.mp4",
        "h264",
        320,
        240,
    )
    assert head["options"]["every"] == 1
    assert [frame["time_s"] for frame in frames] == [0.0, 0.1, 0.2]
    assert [frame["file"] for frame in frames] == ["v-000000.png", None, "v-000002.png"]
    assert frames[0]["like_last"] is None
    assert frames[1]["like_last"] > 0.99
    assert frames[2]["like_any"] < 0.8
    assert all(0.4 < frame["sharpness"] <= 1 for frame in frames)
    assert end == {"end": True, "looked_at": 3, "decoded": 3, "decisions": {"kept": 2, "similar": 1}, "notes": []}


def test_like_the_last_kept_not_like_any(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    """A view that comes back after a cut is taken again: only what stands still is left out here."""
    result = take_frames(film("v.mp4", [draw(1), draw(2), draw(1)]), tmp_path / "new", ALL, measures=measures)
    assert list(decided(result).values()) == ["kept", "kept", "kept"]
    assert rows(result)[3]["like_any"] > 0.99


def test_a_slow_drift_is_compared_with_the_last_kept(
    tmp_path: Path, film: Film, draw: Draw, measures: Measures
) -> None:
    """Each frame is like the one before it; against the last kept one the drift adds up."""
    result = take_frames(
        film("v.mp4", [draw(3, shift) for shift in range(30)]), tmp_path / "new", ALL, measures=measures
    )
    assert 3 <= result.decisions["kept"] <= 12


def test_a_soft_frame_of_something_new_is_kept(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    options = replace(ALL, blurred_below=0.6, soft_above=0.3)
    soft = draw(2, blur=1.6)
    result = take_frames(
        film("v.mp4", [draw(1), soft, draw(1, 4, blur=1.6)]), tmp_path / "new", options, measures=measures
    )
    numbers = rows(result)
    assert 0.3 < numbers[2]["sharpness"] < 0.6
    assert decided(result) == {0: "kept", 1: "kept-rare", 2: "blurred"}
    assert result.files[1].name == "v-000001.png"


def test_a_sharper_frame_of_the_same_takes_its_place(
    tmp_path: Path, film: Film, draw: Draw, measures: Measures
) -> None:
    options = replace(ALL, blurred_below=0.6, soft_above=0.3)
    frames = [draw(1), draw(2, blur=1.6), draw(2), draw(2)]
    result = take_frames(film("v.mp4", frames), tmp_path / "new", options, measures=measures)
    assert decided(result) == {0: "kept", 1: "replaced", 2: "kept", 3: "similar"}
    assert [path.name for path in result.files] == ["v-000000.png", "v-000002.png"]


def test_a_truly_blurred_frame_is_never_kept(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    result = take_frames(film("v.mp4", [draw(1), draw(2, blur=6)]), tmp_path / "new", ALL, measures=measures)
    assert decided(result) == {0: "kept", 1: "blurred"}


def test_black_and_fades_show_nothing(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    black = np.zeros((240, 320, 3), np.uint8)
    result = take_frames(film("v.mp4", [black, draw(1), black]), tmp_path / "new", ALL, measures=measures)
    assert decided(result) == {0: "flat", 1: "kept", 2: "flat"}


def test_a_pan_is_asked_about(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    asked = []

    def same(one: bytes, two: bytes) -> bool:
        asked.append((one, two))
        return True

    result = take_frames(
        film("v.mp4", [draw(1), draw(2)]), tmp_path / "new", ALL, measures=replace(measures, is_same_view=same)
    )
    assert decided(result) == {0: "kept", 1: "similar"}
    assert len(asked) == 1


def test_every_nth(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    video = film("v.mp4", [draw(k) for k in range(7)])
    result = take_frames(video, tmp_path / "new", FrameOptions(every=3), measures=measures)
    assert list(decided(result)) == [0, 3, 6]
    assert (result.looked_at, result.decoded) == (3, 7)


def test_so_many_a_second_by_time_where_the_rate_varies(
    tmp_path: Path, film: Film, draw: Draw, measures: Measures
) -> None:
    times = [0, 40, 80, 120, 1000, 1040, 3000, 3500, 3990]
    video = film("v.mkv", [draw(k) for k in range(9)], times_ms=times)
    result = take_frames(video, tmp_path / "new", FrameOptions(per_second=1), measures=measures)
    assert [row["time_s"] for row in rows(result)[1:-1]] == [0.0, 1.0, 3.0]
    result = take_frames(video, tmp_path / "two", FrameOptions(per_second=2), measures=measures)
    assert [row["time_s"] for row in rows(result)[1:-1]] == [0.0, 1.0, 3.0, 3.5]


def test_round_rates_hit_every_slot(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    video = film("v.mp4", [draw(k, size=(64, 64)) for k in range(30)], rate=10)
    result = take_frames(video, tmp_path / "new", FrameOptions(per_second=10), measures=measures)
    assert result.looked_at == 30


@pytest.mark.parametrize(("turned", "corner"), [(90, (0, -1)), (-90, (-1, 0)), (180, (-1, -1))])
def test_a_turned_video_is_shown_upright(
    tmp_path: Path, film: Film, measures: Measures, turned: int, corner: tuple[int, int]
) -> None:
    """Phones film turned and say so. Turned counter-clockwise by 90 degrees, the top right corner becomes the top left one."""
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[corner[0] * 32 : (corner[0] * 32 + 32) or None, corner[1] * 48 : (corner[1] * 48 + 48) or None] = 255
    result = take_frames(film("v.mp4", [frame] * 2, turned=turned), tmp_path / "new", SHARP_OR_NOT, measures=measures)
    shown = np.asarray(Image.open(result.files[0]).convert("L"))
    assert shown.shape == ((64, 96) if turned == 180 else (96, 64))
    assert shown[4, 4] > 200
    assert shown[-4, -4] < 50


def test_wide_pixels_become_square(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    video = film("v.mp4", [draw(1)], aspect=Fraction(4, 3))
    result = take_frames(video, tmp_path / "new", SHARP_OR_NOT, measures=measures)
    with Image.open(result.files[0]) as picture:
        assert picture.size == (427, 240)


def test_jpeg_and_another_codec(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    video = film("v.avi", [draw(1)] * 3, codec="mpeg4")
    result = take_frames(video, tmp_path / "new", replace(ALL, picture_format="jpg"), measures=measures)
    with Image.open(result.files[0]) as picture:
        assert (picture.format, picture.size) == ("JPEG", (320, 240))


def test_progress_is_told(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    told: list[tuple[float, float | None]] = []
    take_frames(
        film("v.mp4", [draw(1)] * 5), tmp_path / "new", ALL, measures=measures, progress=lambda *at: told.append(at)
    )
    assert [at for at, _ in told] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert {length for _, length in told} == {0.5}


# -- hostile ----------------------------------------------------------------------------------------------------------


def test_a_cut_off_file_gives_what_it_holds(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    whole = film("whole.mkv", [draw(k // 5) for k in range(60)]).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    result = take_frames(tmp_path / "cut.mkv", tmp_path / "new", ALL, measures=measures)
    assert 10 < result.decoded < 50
    assert result.files
    assert any("cut off" in note.en for note in result.notes)
    assert rows(result)[-1]["notes"]


def test_damage_in_the_middle_is_passed_by(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    raw = bytearray(film("whole.mkv", [draw(k // 5) for k in range(60)]).read_bytes())
    rng = np.random.default_rng(0)
    third = len(raw) // 3
    raw[third : third + third // 3] = rng.integers(0, 256, third // 3, dtype=np.uint8).tobytes()
    (tmp_path / "bad.mkv").write_bytes(raw)
    result = take_frames(tmp_path / "bad.mkv", tmp_path / "new", ALL, measures=measures)
    assert result.files
    assert result.notes


def test_an_mp4_without_its_index_is_refused(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    whole = film("whole.mp4", [draw(k) for k in range(20)]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as caught:
        take_frames(tmp_path / "cut.mp4", tmp_path / "new", ALL, measures=measures)
    assert caught.value.problems[0].code == "video-unreadable"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 5000, b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_video_is_refused(tmp_path: Path, measures: Measures, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(InputError):
        take_frames(tmp_path / "v.mp4", tmp_path / "new", ALL, measures=measures)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["issue.txt", "issue.nfo"])
def test_text_is_not_drawn(tmp_path: Path, measures: Measures, name: str) -> None:
    (tmp_path / name).write_text("The quick brown fox jumps over the lazy dog.\n" * 400)
    with pytest.raises(InputError) as caught:
        take_frames(tmp_path / name, tmp_path / "new", ALL, measures=measures)
    assert caught.value.problems[0].code == "video-unreadable"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_picture_is_no_video(tmp_path: Path, draw: Draw, measures: Measures, name: str) -> None:
    Image.fromarray(draw(1)).save(tmp_path / name)
    with pytest.raises(InputError) as caught:
        take_frames(tmp_path / name, tmp_path / "new", ALL, measures=measures)
    assert caught.value.problems[0].code == "video-is-a-picture"


def test_a_playlist_opens_nothing(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    video = film("v.mp4", [draw(1)])
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{video}\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{video}'\n")
    for name in ("list.m3u8", "list.txt"):
        with pytest.raises(InputError):
            take_frames(tmp_path / name, tmp_path / "new", ALL, measures=measures)


def test_sound_alone_is_refused(tmp_path: Path, measures: Measures) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
    with pytest.raises(InputError) as caught:
        take_frames(tmp_path / "a.wav", tmp_path / "new", ALL, measures=measures)
    assert caught.value.problems[0].code == "video-without-pictures"


def test_sound_with_a_cover_picture_is_refused(tmp_path: Path, draw: Draw, measures: Measures) -> None:
    from av.stream import Disposition

    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        sound, cover = out.add_stream("aac", rate=8000), out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        out.mux(cover.encode(av.VideoFrame.from_ndarray(draw(1), format="rgb24").reformat(format="yuvj420p")))
        out.mux(cover.encode())
        out.mux(sound.encode(frame))
        out.mux(sound.encode())
    with pytest.raises(InputError) as caught:
        take_frames(tmp_path / "a.mp4", tmp_path / "new", ALL, measures=measures)
    assert caught.value.problems[0].code == "video-without-pictures"


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, measures: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EnvironmentFault) as caught:
        take_frames(tmp_path / "v.mp4", tmp_path / "new", ALL, measures=measures)
    assert "lora-orchestrator[frames]" in str(caught.value.problems[0].fix)


def test_missing_and_folders_are_refused(tmp_path: Path, measures: Measures) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(InputError, match="is no file"):
            take_frames(path, tmp_path / "new", ALL, measures=measures)


def test_frames_too_large_are_refused_before_decoding(
    tmp_path: Path, film: Film, draw: Draw, measures: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = film("v.mp4", [draw(1)])
    monkeypatch.setattr("orchestrator.dataset.video.MOST_PIXELS", 320 * 240 - 1)
    with pytest.raises(InputError, match="320 x 240"):
        take_frames(video, tmp_path / "new", ALL, measures=measures)


def test_never_into_a_folder_that_holds_anything(tmp_path: Path, film: Film, draw: Draw, measures: Measures) -> None:
    video = film("v.mp4", [draw(1)])
    (tmp_path / "new").mkdir()
    take_frames(video, tmp_path / "new", ALL, measures=measures)
    before = sorted(path.name for path in (tmp_path / "new").iterdir())
    with pytest.raises(InputError, match="is not empty"):
        take_frames(video, tmp_path / "new", ALL, measures=measures)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == before
    with pytest.raises(InputError, match="is a file"):
        take_frames(video, video, ALL, measures=measures)
    with pytest.raises(InputError, match="is a file"):
        take_frames(video, video / "inside", ALL, measures=measures)


def test_a_full_disk_is_told(
    tmp_path: Path, film: Film, draw: Draw, measures: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(EnvironmentFault, match="No space left"):
        take_frames(film("v.mp4", [draw(1)]), tmp_path / "new", ALL, measures=measures)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [MANIFEST]


def test_names_of_files(tmp_path: Path) -> None:
    from pathlib import Path as Plain

    assert file_stem(Plain("/a/.hidden.mp4")) == "hidden"
    assert file_stem(Plain("/a/a\nb\t.mp4")) == "a_b_"
    assert file_stem(Plain("/a/" + "视频" * 60 + ".mp4")) == "视频" * 33
    assert file_stem(Plain("/a/..mp4")) == "frame"
    with Writer(tmp_path, file_stem(Plain("视频" * 100 + ".mp4")), "png") as writer:
        name = writer.save(7, np.zeros((4, 4, 3), np.uint8))
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    "how", [{"every": 0}, {"per_second": 0}, {"every": 2, "per_second": 1}, {"per_second": float("nan")}]
)
def test_options_that_mean_nothing(how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"per_second|every"):
        FrameOptions(**how)


def test_with_the_measures_of_pictures(tmp_path: Path, film: Film, draw: Draw) -> None:
    pytest.importorskip("orchestrator.dataset.pixels")
    frames = [
        *[draw(1, size=(640, 480))] * 3,
        *[draw(1, shift, blur=5, size=(640, 480)) for shift in (60, 120)],
        *[draw(2, shift, size=(640, 480)) for shift in (0, 6, 12)],
        np.zeros((480, 640, 3), np.uint8),
        draw(3, size=(640, 480)),
    ]
    result = take_frames(film("v.mp4", frames), tmp_path / "new", ALL)
    assert list(decided(result).values()) == [
        "kept", "similar", "similar", "blurred", "blurred", "kept", "similar", "similar", "flat", "kept",
    ]  # fmt: skip
    assert pixel_measures().is_same_view is not None
