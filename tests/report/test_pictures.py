from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image, PngImagePlugin

from orchestrator.diagnose.signals.pictures import PictureEffect
from orchestrator.report.chart_view import Sayer
from orchestrator.report.html import render_html
from orchestrator.report.pictures import choose, is_suspicious, picture_table, why_no_pictures
from orchestrator.report.samples import thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]

SAY = Sayer("en", str, None)


def effect(index: int, value: float, z: float = 0.0, q: float = 1.0) -> PictureEffect:
    return PictureEffect(index, 10, value, z, q, q)


def test_the_planted_outlier_leads_the_table(make_recorded: Make) -> None:
    table = picture_table(make_recorded(1200), SAY)
    assert table is not None
    first = table.rows[0]
    assert first.name == "20_zxqtrophy trophy/04.png"
    assert [kind for kind, _ in first.tags] == ["hardest", "suspicious"]
    assert first.effect.startswith("+")
    assert first.caption == "zxqtrophy, view 4"
    assert first.uri is not None
    assert first.uri.startswith("data:image/webp;base64,")
    assert sum("suspicious" in [kind for kind, _ in row.tags] for row in table.rows) == 1
    assert (len(table.rows), table.total) == (10, 18)


def test_hardest_and_easiest_never_overlap() -> None:
    for count in (1, 2, 3, 5, 9, 40):
        rows = [effect(n, 1 - n / 10) for n in range(count)]
        chosen = choose(rows)
        assert [row.index for row, _ in chosen] == sorted(row.index for row, _ in chosen)
        both = [row for row, tags in chosen if {"hardest", "easiest"} <= set(tags)]
        assert len(both) == (1 if count == 1 else 0)


def test_a_far_picture_in_the_middle_is_shown_too() -> None:
    rows = [effect(n, 1 - n / 40) for n in range(40)]
    rows[20] = effect(20, 0.5, z=-4.0, q=0.01)
    assert {row.index: tags for row, tags in choose(rows)}[20] == ("suspicious",)


@pytest.mark.parametrize(
    ("z", "q", "expected"), [(3.5, 0.04, True), (-9, 0.0, True), (3.4, 0.0, False), (9, 0.05, False)]
)
def test_suspicious_needs_both(z: float, q: float, expected: bool) -> None:
    assert is_suspicious(effect(0, 1.0, z, q)) is expected


def test_files_that_are_gone_or_no_pictures_leave_the_row(make_recorded: Make, tmp_path: Path) -> None:
    data = make_recorded(1200)
    (tmp_path / "images" / "04.png").write_text("<script>alert(1)</script>")
    for n in (0, 1, 2):
        (tmp_path / "images" / f"{n:02d}.png").unlink()
    table = picture_table(data, SAY)
    assert table is not None
    assert table.rows[0].uri is None
    assert table.rows[0].name.endswith("04.png")
    assert len(table.rows) == 10


def test_the_pixels_decoded_are_bounded(make_recorded: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.report.pictures.MOST_PIXELS", 3 * 64 * 48)
    table = picture_table(make_recorded(1200), SAY)
    assert table is not None
    assert sum(row.uri is not None for row in table.rows) == 3
    assert tmp_path.name not in "".join(row.name for row in table.rows)


def test_nothing_but_pixels_gets_into_the_page(tmp_path: Path) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("prompt", "private words")
    path = tmp_path / "a.png"
    Image.new("RGB", (200, 100), (1, 2, 3)).save(
        path, pnginfo=notes, icc_profile=b"private profile", exif=b"Exif\x00\x00private"
    )
    plain = tmp_path / "b.png"
    Image.new("RGB", (200, 100), (1, 2, 3)).save(plain)
    assert thumbnail(path, 96) == thumbnail(plain, 96)
    small = thumbnail(path, 96)
    assert small is not None
    assert small[1:] == (96, 48)


def test_captions_with_markup_stay_text(make_recorded: Make) -> None:
    data = make_recorded(1200)
    assert data.case.dataset is not None
    (folder,) = data.case.dataset.folders
    evil = "<img src=x onerror=alert(1)>" * 9
    pictures = tuple(replace(picture, caption=evil) for picture in folder.pictures)
    case = replace(data.case, dataset=replace(data.case.dataset, folders=(replace(folder, pictures=pictures),)))
    html = render_html(replace(data, case=case), "en")
    assert "<img src=x" not in html
    part = html[html.index('<section id="pictures">') :]
    assert "&lt;img src=x onerror=alert(1)&gt;" in part
    assert "onerror=alert(1)&gt;…" in part or "…</span>" in part


def test_without_telemetry_it_says_what_to_do(make_data: Make) -> None:
    data = make_data()
    assert picture_table(data, SAY) is None
    assert "telemetry: off" in why_no_pictures(data).en
    assert "Which pictures are hard is known only with telemetry" in render_html(data, "en")
