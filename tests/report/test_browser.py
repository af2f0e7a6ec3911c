"""The report in a real browser: its script runs, nothing else does, nothing is refused, nothing is asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from markupsafe import escape
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
def test_page_runs_its_own_scripts_and_complains_of_nothing(make_recorded: Make, tmp_path: Path, language: str) -> None:
    dom, console = browse(render_html(make_recorded(), language), tmp_path, "--dump-dom")  # type: ignore[arg-type]
    assert console == []
    assert dom.count('class="uplot') == dom.count('<svg class="chart"') == 9


def test_payloads_stay_text(make_recorded: Make, poison: Callable[[Any, str], Any], tmp_path: Path) -> None:
    dom, console = browse(render_html(poison(make_recorded(), PAYLOAD), "en"), tmp_path, "--dump-dom")
    assert console == []
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1] != "pwned"
    assert dom.count("<script") == 3
    assert dom.count('class="uplot') == dom.count('<svg class="chart"') > 3


def act(html: str, folder: Path, script: str) -> str:
    """The page after a script did what a reader might do; it writes what it saw into `document.body.dataset.seen`."""
    free = re.sub(r"<meta http-equiv=[^>]*>", "", html)
    told = f"<script>setTimeout(() => {{ {script} }}, 100)</script></body>"
    dom, console = browse(free.replace("</body>", told), folder, "--dump-dom", "--virtual-time-budget=4000")
    assert console == []
    seen = re.search(r'<body[^>]* data-seen="([^"]*)"', dom)
    assert seen is not None
    return seen[1]


LOOK = """
  const figure = document.getElementById("figure-loss"), live = figure.querySelector(".live"), over = live.querySelector(".u-over");
  const tip = () => Array.from(live.querySelectorAll(".tip:not([hidden]) > *"), (part) => part.textContent);
  const say = (...values) => { document.body.dataset.seen = values.join("|"); };
  const ticks = () => live.querySelector("canvas").toDataURL();
"""


def test_values_are_read_off_under_the_pointer(make_data: Make, tmp_path: Path) -> None:
    move = """
      const area = over.getBoundingClientRect(), at = {clientX: area.left + area.width - 1, clientY: area.top + 40, bubbles: true};
      over.dispatchEvent(new MouseEvent("mouseenter", at)); over.dispatchEvent(new MouseEvent("mousemove", at));
      setTimeout(() => say(...tip()), 100);
    """
    step, raw, trend = act(render_html(make_data(), "en"), tmp_path, LOOK + move).split("|")
    assert step == "step 400"
    assert re.fullmatch(r"loss/current: 0\.\d+", raw)
    assert re.fullmatch(r"trend \(block medians\): 0\.\d+ @\d+", trend)


def test_values_are_read_off_with_the_keyboard(make_data: Make, tmp_path: Path) -> None:
    keys = """
      live.focus();
      for (const key of ["Home", "ArrowRight", "ArrowRight"]) { live.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true})); }
      say(document.activeElement === live, figure.querySelector(".said").textContent);
    """
    is_focused, said = act(render_html(make_data(), "en"), tmp_path, LOOK + keys).split("|")
    assert is_focused == "true"
    assert re.match(r"step 3; loss/current: 0\.\d+; trend", said)


def test_a_curve_is_hidden_and_the_axis_changed(make_data: Make, tmp_path: Path) -> None:
    press = """
      const [raw] = figure.querySelectorAll(".legend button"), [log] = figure.querySelectorAll(".tools button"), before = ticks();
      const was = log.getAttribute("aria-pressed");
      raw.click();
      live.dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true}));
      const told = tip();
      setTimeout(() => { const hidden = ticks(); log.click(); setTimeout(() => {
        say(raw.getAttribute("aria-pressed"), told.length, before !== hidden, was !== log.getAttribute("aria-pressed"), hidden !== ticks());
      }, 100); }, 100);
    """
    assert act(render_html(make_data(), "en"), tmp_path, LOOK + press) == "false|2|true|true|true"


def test_zoom_by_dragging_and_back_by_double_click(make_recorded: Make, tmp_path: Path) -> None:
    drag = """
      const area = over.getBoundingClientRect(), y = area.top + 50, back = figure.querySelector(".tools button:last-child");
      const event = (name, share, target = over) => target.dispatchEvent(
        new MouseEvent(name, {clientX: area.left + area.width * share, clientY: y, bubbles: true, button: 0, movementX: 9}));
      event("mouseenter", 0.25); event("mousemove", 0.25); event("mousedown", 0.25);
      setTimeout(() => { event("mousemove", 0.75); event("mouseup", 0.75, document);
        setTimeout(() => {
          const zoomed = !back.disabled;
          live.dispatchEvent(new KeyboardEvent("keydown", {key: "Home", bubbles: true}));
          event("dblclick", 0.5);
          setTimeout(() => say(zoomed, back.disabled), 100);
        }, 100); }, 100);
    """
    html = render_html(make_recorded(), "en")
    for chart in ("loss", "conditioned"):  # the second has a vertical range of its own at first sight
        assert act(html, tmp_path, LOOK.replace("figure-loss", f"figure-{chart}") + drag) == "true|true"


def test_drawn_charts_show_where_scripts_do_not_run(make_recorded: Make, tmp_path: Path) -> None:
    html = re.sub(r"<script>.*?</script>", "", render_html(make_recorded(), "en"), flags=re.DOTALL)
    seen = act(html, tmp_path, """
      const box = (one) => one.getBoundingClientRect().height;
      document.body.dataset.seen = [
        Array.from(document.querySelectorAll("svg.chart"), box).every((high) => high > 100),
        Array.from(document.querySelectorAll(".live, .tools"), box).every((high) => high === 0),
      ].join("|");
    """)  # fmt: skip
    assert seen == "true|true"


@pytest.mark.parametrize(("width", "is_dark"), [(1280, False), (420, True)])
def test_page_is_drawn(make_recorded: Make, tmp_path: Path, width: int, *, is_dark: bool) -> None:
    picture = tmp_path / "page.png"
    dark = ["--blink-settings=preferredColorScheme=0"] if is_dark else []
    browse(
        render_html(make_recorded(), "zh"), tmp_path, f"--window-size={width},2400", f"--screenshot={picture}", *dark
    )
    with Image.open(picture) as page:
        grey = page.convert("L")
        corner = grey.getpixel((2, 2))
        assert isinstance(corner, (int, float))
        assert (corner < 60) is is_dark
        darkest, lightest = grey.getextrema()
        assert darkest < 80
        assert lightest > 200


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(make_recorded: Make, tmp_path: Path, width: int) -> None:
    html = re.sub(r"<meta http-equiv=[^>]*>", "", render_html(make_recorded(), "en"))
    told = "<script>setTimeout(() => parent.postMessage(document.documentElement.scrollWidth - innerWidth), 200)</script></body>"
    page = html.replace("</body>", told)
    # Chromium's window is never narrower than 500: a frame is.
    frame = f'<!doctype html><body style="margin:0"><iframe style="border:0;width:{width}px;height:3000px" srcdoc="{escape(page)}"></iframe>'
    report = "<script>onmessage = (told) => { document.body.dataset.seen = told.data; };</script>"
    dom, _ = browse(report + frame, tmp_path, "--dump-dom", "--virtual-time-budget=20000")
    seen = re.search(r'data-seen="([^"]*)"', dom)
    assert seen is not None
    assert int(seen[1]) <= 0


def test_prints_to_pdf(make_recorded: Make, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    browse(render_html(make_recorded(), "en"), tmp_path, f"--print-to-pdf={paper}")
    body = paper.read_bytes()
    assert body.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", body)) <= 12
