"""The report in a real browser: its script runs, nothing else does, nothing is refused, nothing is asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from orchestrator.report.html import render_html

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr",
]  # fmt: skip
PAYLOAD = "\"'><script>document.title='pwned';console.log('pwned')</script><img src=http://127.0.0.1:9/x onerror=\"document.title='pwned'\">"


def browse(html: str, folder: Path, *flags: str) -> tuple[str, list[str]]:
    """(standard output, lines of the page's console)."""
    page = folder / "report.html"
    page.write_text(html, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_a_refused_style_would_be_seen(make_data: Make, tmp_path: Path) -> None:
    html = (
        render_html(make_data(), "en")
        .replace("<h1>", '<h1 style="color:red">')
        .replace("<main>", "<main><script>1</script>")
    )
    _, console = browse(html, tmp_path, "--dump-dom")
    assert sum("Content Security Policy" in line for line in console) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_runs_its_own_script_and_complains_of_nothing(make_data: Make, tmp_path: Path, language: str) -> None:
    dom, console = browse(render_html(make_data(), language), tmp_path, "--dump-dom")  # type: ignore[arg-type]
    assert console == []
    assert dom.count('class="cursor"') == dom.count('<svg class="chart"') >= 3


def test_payloads_stay_text(make_data: Make, poison: Callable[[Any, str], Any], tmp_path: Path) -> None:
    dom, console = browse(render_html(poison(make_data(), PAYLOAD), "en"), tmp_path, "--dump-dom")
    assert console == []
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1] != "pwned"
    assert dom.count("<script") == 1


def test_values_are_read_off_under_the_pointer(make_data: Make, tmp_path: Path) -> None:
    move = """<script>
      const chart = document.querySelector("svg.chart"), area = chart.getBoundingClientRect();
      const x = area.left + area.width * 748 / 760;
      chart.dispatchEvent(new PointerEvent("pointermove", {clientX: x, clientY: area.top + 40}));
    </script>"""
    html = re.sub(r"<meta http-equiv=[^>]*>", "", render_html(make_data(), "en")).replace("</body>", f"{move}</body>")
    dom, console = browse(html, tmp_path, "--dump-dom")
    assert console == []
    cursor = re.search(r'<g class="cursor" visibility="visible">(.*?)</g>', dom)
    assert cursor is not None
    texts = re.findall(r"<text[^>]*>(.*?)</text>", cursor[1])
    assert texts[0] == "400"
    assert re.fullmatch(r"loss/current {2}0\.\d+", texts[1])


@pytest.mark.parametrize(("width", "is_dark"), [(1280, False), (420, True)])
def test_page_is_drawn(make_data: Make, tmp_path: Path, width: int, *, is_dark: bool) -> None:
    picture = tmp_path / "page.png"
    dark = ["--blink-settings=preferredColorScheme=0"] if is_dark else []
    browse(render_html(make_data(), "zh"), tmp_path, f"--window-size={width},2400", f"--screenshot={picture}", *dark)
    with Image.open(picture) as page:
        grey = page.convert("L")
        corner = grey.getpixel((2, 2))
        assert isinstance(corner, (int, float))
        assert (corner < 60) is is_dark
        darkest, lightest = grey.getextrema()
        assert darkest < 80
        assert lightest > 200


def test_prints_to_pdf(make_data: Make, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    browse(render_html(make_data(), "en"), tmp_path, f"--print-to-pdf={paper}")
    body = paper.read_bytes()
    assert body.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", body)) <= 12
