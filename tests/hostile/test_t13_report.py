"""Text that wants to become markup, script or a request: in the report, on the page of a data set, and on the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from orchestrator.backends.protocol import Command
from orchestrator.core.finding import Evidence, Fix, Verdict
from orchestrator.core.text import Text, same
from orchestrator.dataset_check import look_into
from orchestrator.report import live_line
from orchestrator.report.dataset_page.model import SeenSet
from orchestrator.report.dataset_page.page import render_page
from orchestrator.report.html import render_html
from tests.report import test_terminal
from tests.report.test_browser import CHROMIUM, browse
from tests.report.test_html import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]

VECTORS = (
    "<script>{js}</script>", "<img src=x onerror={js}>", "<svg onload={js}>", "<svg><script>{js}</script></svg>",
    '<iframe src="javascript:{js}">', '<a href="javascript:{js}">x</a>', "<body onload={js}>", "<input autofocus onfocus={js}>",
    "<details open ontoggle={js}>x", "<video><source onerror={js}></video>", "<object data={url}>", "<embed src={url}>",
    "<link rel=stylesheet href={url}>", "<style>@import '{url}'</style>", "<meta http-equiv=refresh content='0;url={url}'>",
    "<base href={url}>", "<form action={url}><button autofocus>", "<math><mtext><script>{js}</script>",
    "{{{{ 7*7 }}}}{{% raw %}}<img src={url}>", "<script src={url}></script>",
)  # fmt: skip
CONTEXTS = ("{0}", '">{0}', "'>{0}", "</script></style></title></textarea></svg>{0}", "--></noscript>]]>{0}")
FIELDS = ("finding", "evidence", "fix", "recipe", "log line", "prompt", "file name", "setting", "argument")
PAYLOADS = tuple(
    context.format(vector.format(js=f"console.log('pwned-{n}')", url=f"http://127.0.0.1:9/pwned-{n}"))
    for n, (context, vector) in enumerate((c, v) for v in VECTORS for c in CONTEXTS)
)
STEERING = (
    "\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "\x1b]52;c;cm0gLXJm\x07", "\x1b[31mred", "\x1b[1A\x1b[2K",
    "\x1bc", "\x9b31m", "\x9d0;title\x9c", "\x1bP+q\x1b\\", "\x1b[?1049h", "\x08\x08\x08", "\rover", "\x0e", "\x00", "\x7f", "\u202egnp",
    "[link=http://x]y[/link]", "[bold]x[/bold]", "[/]",
)  # fmt: skip
RELIABILITY = {
    "T13": f"{len(PAYLOADS)} payloads in each of {len(FIELDS)} fields of a report, in Chromium; {len(STEERING)} ways to steer a terminal",
    "I01": f"{len(PAYLOADS)} payloads x {len(FIELDS)} fields: no script of theirs runs, nothing is asked for; the page of a data set too",
    "I02": "both pages hold a content security policy and no address to load from",
}
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")


def marked(field: str, number: int) -> str:
    """A payload that says where it stood."""
    return f"{PAYLOADS[number]} {field.replace(' ', '')}-{number:03d}-"


def spoilt(data: ReportData) -> ReportData:
    """A report with every payload in every field."""
    case, every = data.case, range(len(PAYLOADS))
    assert case.observations is not None
    assert case.plan is not None
    assert data.outcome is not None
    finding, sample, point = data.verdict.findings[0], case.observations.samples[0], case.observations.checkpoints[0]
    findings = tuple(
        replace(
            finding, message=same(marked("finding", n)), where=None, why=same(marked("finding", n)),
            evidence=(Evidence(same(marked("evidence", n)), 1, 2, marked("evidence", n)),), fix=Fix(same(marked("fix", n))),
        )
        for n in every
    )  # fmt: skip
    seen = replace(
        case.observations,
        # eight prompts are shown: each holds every eighth payload
        samples=tuple(
            replace(sample, prompt=" ".join(marked("prompt", n) for n in every if n % 8 == place), prompt_index=place)
            for place in range(8)
        ),
        checkpoints=tuple(
            replace(point, path=f"attempts/001/output/{marked('file name', n)}", step=n + 1) for n in every
        ),
        damage=tuple(marked("log line", n) for n in every),
    )
    setting = case.plan.train["unet_lr"]
    settings = {
        marked("setting", n): replace(setting, value=marked("setting", n), because=same(marked("setting", n)))
        for n in every
    }
    return replace(
        data,
        verdict=Verdict(findings),
        case=replace(case, observations=seen, plan=replace(case.plan, train={**case.plan.train, **settings}), cache={}),
        outcome=replace(data.outcome, last_lines=tuple(marked("log line", n) for n in every)),
        commands=(Command(tuple(marked("argument", n) for n in every)),),
        recipe_text="\n".join(marked("recipe", n) for n in every),
        next_text="\n".join(marked("recipe", n) for n in reversed(every)),
        headline=Text(marked("finding", 0), marked("finding", 1)),
    )


def shown(html: str, field: str) -> int:
    return len(set(re.findall(rf"{field.replace(' ', '')}-(\d{{3}})-", html)))


def test_every_payload_of_every_field_stays_text(make_recorded: Make) -> None:
    clean, html = Tree(render_html(make_recorded(), "en")), render_html(spoilt(make_recorded()), "en")
    assert {field: shown(html, field) for field in FIELDS} == dict.fromkeys(FIELDS, len(PAYLOADS))
    tree = Tree(html)
    assert {tag for tag, _ in tree.tags} <= {tag for tag, _ in clean.tags} | {"del", "ins", "br"}
    assert {name for _, attributes in tree.tags for name in attributes} <= {n for _, a in clean.tags for n in a} | {
        "open"
    }
    assert_strict(html)


def assert_strict(html: str) -> None:
    """A policy by hash, and nothing to load."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy[1]
    assert "sha256-" in policy[1]
    loads = [
        value
        for _, attributes in Tree(html).tags
        for name, value in attributes.items()
        if name in {"src", "href", "action", "data"}
    ]
    assert all((value or "").startswith(("#", "data:")) for value in loads), loads


@pytest.mark.browser
@needs_browser
def test_a_browser_runs_and_asks_for_nothing_of_the_report(make_recorded: Make, tmp_path: Path) -> None:
    dom, console = browse(render_html(spoilt(make_recorded()), "en"), tmp_path, "--dump-dom")
    assert console == []  # a refused script or request would be told here
    assert dom.count("<script") == 3
    assert "pwned" in dom


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The page of a set whose names and captions are the payloads; a name takes no slash."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number, payload in enumerate(PAYLOADS):
        stem = f"{payload} name-{number:03d}-".replace("/", "\u2215")
        Image.new("RGB", (64 + number % 5, 64), (number * 2, 250 - number, 90)).save(folder / f"{stem}.png")
        (folder / f"{stem}.txt").write_text(f"{payload} caption-{number:03d}-, zxq", encoding="utf-8")
    done = look_into(folder, "character", PAYLOADS[0], 512, keep=False)
    seen = SeenSet(PAYLOADS[1], done.root, done.case, done.verdict, done.problems, done.trouble)
    return render_page(seen, "lora-run dataset report 01234567", "en").html


def test_names_and_captions_of_a_data_set_stay_text(page: str) -> None:
    assert (shown(page, "name"), shown(page, "caption")) == (len(PAYLOADS), len(PAYLOADS))
    assert [attributes.get("type") for tag, attributes in Tree(page).tags if tag == "script"] == [
        "application/json",
        None,
    ]
    assert_strict(page)


@pytest.mark.browser
@needs_browser
def test_a_browser_runs_and_asks_for_nothing_of_a_data_set(page: str, tmp_path: Path) -> None:
    dom, console = browse(page, tmp_path, "--dump-dom")
    assert console == []
    assert dom.count("<script") == 2


def test_nothing_steers_the_terminal(make_data: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = " ".join((*STEERING, *PAYLOADS[::10]))
    monkeypatch.setattr(test_terminal, "HOSTILE", hostile)
    stream = io.StringIO()
    test_terminal.everything(make_data(), stream, "en")
    line: Any = live_line.LiveLine(stream, "en", 10)
    line.message(hostile)
    line.set_finding(hostile)
    line.set_phase(hostile)
    line.close()
    text = stream.getvalue()
    assert "[link=http://x]y[/link]" in text
    assert not {character for character in text if character in "\x00\x07\x08\x0e\r\x1b\x7f\x9b\x9c\x9d\u202e"}
