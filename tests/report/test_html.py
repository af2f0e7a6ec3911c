from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import re
import time
from array import array
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import toml
from PIL import Image

from orchestrator.core.finding import State, Status, Verdict
from orchestrator.core.observation import Observations, Series
from orchestrator.core.telemetry import SampleLosses, Telemetry
from orchestrator.core.text import LANGUAGES, Language, Text
from orchestrator.diagnose.rule import Case
from orchestrator.report.compare import Comparison, Difference
from orchestrator.report.html import render_html
from orchestrator.report.labels import LABELS
from orchestrator.report.privacy import shortener
from orchestrator.run.records.model import NOTHING_TRAINED, Ending, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]

VOID = {"meta", "link", "img", "br"}
PAYLOADS = [
    "<script>document.title='pwned'</script>",
    '"><img src=x onerror="document.title=\'pwned\'">',
    "' onmouseover='x()' a='",
    "</style></script></title><svg onload=x()>",
    "{{ 7*7 }}{% raw %}",
    "]]><!--",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "\u202egpj.exe\x00\x1b[31m\ud800",
]


class Tree(HTMLParser):
    """Tags and attributes in order; fails on tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_verdict_comes_first_and_all_sections_follow(make_data: Make, language: Language) -> None:
    html = render_html(make_data(), language)
    tree = Tree(html)
    ids = [attrs["id"] for tag, attrs in tree.tags if tag == "section"]
    assert ids == [
        "use", "next", "findings", "curves", "pictures", "samples", "checkpoints", "not_judged", "dataset", "plan", "command", "recipe",
    ]  # fmt: skip
    headline = Text("The learning rate is ten times above", "学习率比此秩可承受的高十倍").to(language)
    assert html.index(headline) < html.index('id="next"')
    assert ("html", {"lang": "zh-Hans" if language == "zh" else "en"}) in tree.tags
    for fact in (
        "R009 lr-too-high",
        "48d368fa557731ad0488c07304dfeba8c07910eb",
        "2.13.0",
        "trophy-000004.safetensors",
        "still-falling",
    ):
        assert fact in html


def test_policy_allows_exactly_these_styles_and_scripts(make_data: Make) -> None:
    html = render_html(make_data(), "en")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    for tag in ("style", "script"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert len(found) == 2
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
        assert f"{tag}-src " + " ".join(f"'sha256-{digest}'" for digest in hashes) + ";" in policy[1]
    assert policy[1].startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy[1]
    assert len(re.findall("<script", html)) == 3  # the third is data


def test_the_library_is_the_one_that_was_published(make_data: Make) -> None:
    room = Path(__file__).parents[2] / "orchestrator" / "report" / "assets" / "uplot"
    about = toml.loads((room / "source.toml").read_text(encoding="utf-8"))
    assert about["license"] == "MIT"
    assert {path.name for path in room.iterdir()} == {*about["sha256"], "source.toml"}
    for name, digest in about["sha256"].items():
        assert hashlib.sha256((room / name).read_bytes()).hexdigest() == digest, name
    assert f"(v{about['version']})" in (room / "uPlot.iife.min.js").read_text(encoding="utf-8")
    assert (room / "uPlot.iife.min.js").read_text(encoding="utf-8") in render_html(make_data(), "en")


def test_what_is_shipped_of_others_is_named_in_the_licence_of_the_package() -> None:
    root = Path(__file__).parents[2]
    project = toml.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assets = sorted((root / "orchestrator" / "report" / "assets").iterdir())
    assert assets
    for folder in assets:
        about = toml.loads((folder / "source.toml").read_text(encoding="utf-8"))
        assert about["license"] in project["license"].split(" AND ")
        assert (folder / "LICENSE").relative_to(root).as_posix() in project["license-files"]


def test_nothing_is_loaded_and_nothing_is_inline(make_data: Make) -> None:
    for tag, attrs in Tree(render_html(make_data(), "en")).tags:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "href", "action", "srcset", "data"):
            target = attrs.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, target)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_becomes_markup(make_recorded: Make, poison: Callable[[Any, str], Any], payload: str) -> None:
    clean, evil = Tree(render_html(make_recorded(), "en")), render_html(poison(make_recorded(), payload), "en")
    tree = Tree(evil)
    known = {tag for tag, _ in clean.tags} | {"del", "br"}
    assert {tag for tag, _ in tree.tags} <= known
    assert [attrs.get("type") for tag, attrs in tree.tags if tag == "script"] == ["application/json", None, None]
    names = {name for _, attrs in clean.tags for name in attrs} | {"open"}
    assert {name for _, attrs in tree.tags for name in attrs} <= names
    evil.encode("utf-8")
    assert "\u202e" not in evil
    assert "\x1b" not in evil


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_data_of_the_charts_cannot_end_its_block(make_recorded: Make, payload: str) -> None:
    data = make_recorded()
    assert data.case.observations is not None
    steps = array("q", range(1, 41))
    series = {
        tag: Series(tag, steps, array("d", [0.1 * n for n in range(40)])) for tag in ("loss/current", f"lr/{payload}")
    }
    case = replace(data.case, observations=replace(data.case.observations, series=series), cache={})
    html = render_html(replace(data, case=case), "en")
    block = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', html, re.DOTALL)
    assert block is not None
    assert not set(block[1]) & set("<>&\u2028\u2029")
    charts = json.loads(block[1])["charts"]
    (rate,) = [chart for chart in charts if chart["id"] == "lr"]
    assert rate["series"][0]["n"] == shortener(data)(f"lr/{payload}")  # nothing but the private is changed
    assert {chart["id"] for chart in charts} == set(re.findall(r'<figure id="figure-([a-z-]+)">', html))


def test_each_chart_can_be_read_without_seeing_it(make_recorded: Make) -> None:
    html = render_html(make_recorded(), "en")
    tree = Tree(html)
    charts = re.findall(r'<figure id="figure-([a-z-]+)">(.*?)</figure>', html, re.DOTALL)
    assert [name for name, _ in charts] == [
        "probe", "conditioned", "loss", "validation", "bands", "gaps", "norms", "lr", "step-size",
    ]  # fmt: skip
    for name, figure in charts:
        assert re.search(r'class="live" role="img" tabindex="0" aria-label="[^"]{30,}"', figure), name
        assert re.search(r'<svg class="chart"[^>]* role="img" aria-labelledby', figure), name
        assert len(re.findall("<tr>", figure)) > 2, name
    ids = [attrs["id"] for _, attrs in tree.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for tag, attrs in tree.tags if tag == "a"} <= {f"#{one}" for one in ids}


def test_findings_carry_the_page_of_their_rule(make_data: Make) -> None:
    data = make_data()
    nan = replace(data.verdict.findings[0], rule="R030", name="nan-loss")
    html = render_html(replace(data, verdict=Verdict((nan, data.verdict.findings[1]))), "en")
    pages = re.findall(r'<details class="page">(.*?)</details>', html, re.DOTALL)
    assert len(pages) == 2
    assert "<h4>What it looks for</h4>" in pages[0]
    assert "](" not in pages[0]
    assert "检查什么" in render_html(replace(data, verdict=Verdict((nan,))), "zh")
    unknown = replace(nan, name="of-a-backend")
    assert '<details class="page">' not in render_html(replace(data, verdict=Verdict((unknown,))), "en")


def test_the_verdict_is_a_sentence_with_its_evidence(make_recorded: Make) -> None:
    data = make_recorded()
    overfit = replace(data.verdict.findings[0], state=State.OVERFIT)
    html = render_html(replace(data, verdict=Verdict((overfit,))), "en")
    head = html[: html.index("<main>")]
    assert "This LoRA went on to learn its pictures by heart" in head
    assert "This is certain as far as measuring goes." in head
    assert '<a href="#finding-0">The learning rate is ten times above' in head
    assert (
        html.index('id="use"') < html.index('id="next"') < html.index('id="findings"') < html.index('id="not_judged"')
    )
    stopped = Outcome(Ending.INTERRUPTED, 130, NOTHING_TRAINED, Text("x", "x"))
    assert "Nothing was trained." in render_html(replace(data, outcome=stopped), "en")


def test_what_could_not_be_drawn_says_how_to_get_it(make_data: Make, make_recorded: Make) -> None:
    without = render_html(make_data(), "en")
    assert "Against the base model · Training loss without the luck of the timestep" in without
    assert "unless the recipe says <code>telemetry: off</code>" in without
    data = make_recorded()
    assert data.case.observations is not None
    assert data.case.observations.telemetry is not None
    logged = replace(data.case.observations.telemetry, mode="log", probes=())
    seen = replace(data.case.observations, telemetry=logged)
    html = render_html(replace(data, case=replace(data.case, observations=seen, cache={})), "en")
    assert "write <code>telemetry: probe</code> in the recipe" in html
    assert 'id="figure-conditioned"' in html
    assert 'id="figure-probe"' not in html
    assert "Not drawn" not in render_html(data, "en")


def test_rules_that_lack_the_same_are_told_together(make_data: Make) -> None:
    data = make_data()
    unsure = data.verdict.findings[4]
    more = tuple(replace(unsure, rule=f"R9{n:02d}", name=f"rule-{n}") for n in range(12))
    html = render_html(
        replace(data, verdict=Verdict((unsure, *more, replace(unsure, needs=Text("A file.", "文件。"))))), "en"
    )
    part = html[html.index('<section id="not_judged">') :]
    part = part[: part.index("</section>")]
    assert part.count("Whether the loss still falls cannot be told.") == 2
    assert part.count("Held-out pictures.") == part.count("A file.") == 1
    assert part.count("<code>R9") == 12


def test_another_run_is_shown_beside(make_data: Make) -> None:
    other = Comparison(
        ("trophy-000", "trophy-001"),
        (Difference("recipe", "train.<b>", ("1e-3", "<i>")),),
        ("learning", "overfit"),
        ("medium", "high"),
        ((Text("held out, %", "留出，%"), (-3.1, None)),),
        (Text("Other pictures.", "图片不同。"),),
    )
    html = render_html(replace(make_data(), compared=other), "en")
    part = html[html.index('<section id="compared">') :]
    part = part[: part.index("</section>")]
    for text in ("trophy-000", "learning", "overfit", "-3.1", "train.&lt;b&gt;", "&lt;i&gt;", "Other pictures."):
        assert text in part
    assert 'id="compared"' not in render_html(make_data(), "en")


def test_a_hundred_thousand_steps_stay_small(make_data: Make) -> None:
    data = make_data(100_000)
    assert data.case.observations is not None
    seen = replace(data.case.observations, samples=(), telemetry=long_telemetry(100_000))
    html = render_html(replace(data, case=replace(data.case, observations=seen)), "en")
    assert len(html.encode()) < 1_000_000
    assert "100,000 points are shown as" in html
    assert 'id="figure-conditioned"' in html


def long_telemetry(count: int) -> Telemetry:
    chance = random.Random(3)
    times = array("d", [chance.uniform(0, 1000) for _ in range(count)])
    losses = array("d", [0.1 * math.exp(-t / 500 + chance.gauss(0, 0.2)) for t in times])
    steps, pictures = array("q", range(1, count + 1)), array("q", [n % 20 for n in range(count)])
    return Telemetry("log", samples=SampleLosses(steps, times, losses, losses, pictures))


def test_private_paths_never_show(make_data: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/zhangsan")
    data = make_data()
    assert data.run_root is not None
    assert data.case.observations is not None
    outcome = Outcome(
        Ending.FAILED, 1, "crash", Text("It failed in /home/zhangsan/x.py", "失败"),
        last_lines=(f'File "{data.run_root}/train.toml"', "File /home/zhangsan/sd-scripts/library/train_util.py", "in /mnt/zhangsan/a"),
    )  # fmt: skip
    seen = replace(data.case.observations, damage=(f"{data.run_root}/logs/x: broken", "/home/zhangsan/logs"))
    html = render_html(replace(data, outcome=outcome, case=replace(data.case, observations=seen)), "en")
    assert "zhangsan" not in html
    assert str(data.run_root) not in html
    assert "library/train_util.py" in html


def test_missing_and_broken_samples_are_told(make_data: Make, tmp_path: Path) -> None:
    data = make_data()
    assert data.case.observations is not None
    assert data.run_root is not None
    first, second, third = data.case.observations.samples[:3]
    (data.run_root / first.path).unlink()
    (data.run_root / second.path).write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    outside = tmp_path / "private.png"
    Image.new("RGB", (8, 8)).save(outside)
    (data.run_root / third.path).unlink()
    (data.run_root / third.path).symlink_to(outside)
    html = render_html(data, "en")
    assert html.count('<span class="absent">file missing</span>') == 2
    assert html.count('<span class="absent">unreadable</span>') == 1
    assert html.count("<img") == len(data.case.observations.samples) - 3


def test_thumbnails_are_small(make_data: Make) -> None:
    data = make_data()
    assert data.case.observations is not None
    assert data.run_root is not None
    Image.effect_noise((1600, 900), 80).save(data.run_root / data.case.observations.samples[0].path)
    tags = Tree(render_html(data, "en")).tags
    sizes = [(int(a["width"] or 0), int(a["height"] or 0)) for tag, a in tags if tag == "img"]
    assert (256, 144) in sizes


def test_long_runs_show_first_and_last_samples(make_data: Make) -> None:
    data = make_data()
    assert data.case.observations is not None
    one = data.case.observations.samples[0]
    many = tuple(replace(one, step=step) for step in range(0, 3100, 100))
    seen = replace(data.case.observations, samples=many)
    html = render_html(replace(data, case=replace(data.case, observations=seen)), "en")
    heads = re.findall(r'<th scope="col">([^<]*)</th>', html)
    assert len(heads) == 9
    assert heads[0] == "before training"
    assert heads[-1] == "step 3000"
    assert "9 of 31 pictures are shown" in html


def test_broken_files_are_never_recommended(make_data: Make) -> None:
    data = make_data()
    assert data.case.observations is not None
    points = data.case.observations.checkpoints
    broken = (
        replace(points[0], is_readable=False, problem="cut off"),
        replace(points[1], nonfinite_count=3),
        *points[2:],
    )
    html = render_html(
        replace(data, case=replace(data.case, observations=replace(data.case.observations, checkpoints=broken))), "en"
    )
    assert "unreadable: cut off" in html
    assert "3 tensors with NaN/Inf" in html
    advice = re.search(r'<section class="use"(.*?)</section>', html, re.DOTALL)
    assert advice is not None
    assert "trophy-000006.safetensors" in advice[1]
    assert "000002" not in advice[1]
    assert "000004" not in advice[1]


def test_without_validation_nothing_decides(make_data: Make) -> None:
    data = make_data()
    assert data.case.observations is not None
    series = {tag: one for tag, one in data.case.observations.series.items() if "validation" not in tag}
    html = render_html(
        replace(data, case=replace(data.case, observations=replace(data.case.observations, series=series))), "en"
    )
    assert "Nothing that was measured decides" in html
    assert "confidence: low" in html


def test_nan_is_shown_as_nan(make_data: Make) -> None:
    data = make_data()
    assert data.case.observations is not None
    values = array("d", [0.1] * 200 + [float("nan")] * 200)
    series = {"loss/current": Series("loss/current", array("q", range(1, 401)), values)}
    html = render_html(
        replace(data, case=replace(data.case, observations=replace(data.case.observations, series=series))), "en"
    )
    assert "loss/current: 200 not finite (NaN/Inf)" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_of_nothing_says_so(make_data: Make, language: Language) -> None:
    data = make_data()
    empty = replace(
        data, verdict=Verdict(), case=Case(), outcome=None, commands=(), trainer=None, versions={}, recipe_text=None,
        next_text=None, next_changes=(), run_root=None, is_foreign=True, family=None, kind=None,
    )  # fmt: skip
    html = render_html(empty, language)
    Tree(html)
    for key in (
        "no_curves",
        "no_samples",
        "no_checkpoints",
        "no_dataset",
        "no_plan",
        "no_command",
        "no_recipe",
    ):
        assert LABELS[key].to(language) in html
    html = render_html(replace(empty, case=Case(observations=Observations(), settings={"unet_lr": 1e-4})), language)
    assert "1e-4" in html


def test_healthy_only_where_something_was_measured(make_data: Make) -> None:
    data = make_data()
    clear = tuple(f for f in data.verdict.findings if f.status is Status.CLEAR)
    assert 'class="pill clear"' in render_html(replace(data, verdict=Verdict(clear)), "en")
    assert 'class="pill clear"' not in render_html(replace(data, verdict=Verdict()), "en")
    failed = Outcome(Ending.FAILED, 1, "crash", Text("x", "x"))
    assert '<header class="stop">' in render_html(replace(data, verdict=Verdict(clear), outcome=failed), "en")


def test_backticks_become_code_and_nothing_else(make_data: Make) -> None:
    data = replace(make_data(), headline=Text("Raise `train.<b>` now", "x"))
    assert "Raise <code>train.&lt;b&gt;</code> now" in render_html(data, "en")
    assert "one ` only &lt;" in render_html(replace(data, headline=Text("one ` only <", "x")), "en")


def test_a_change_is_only_said_to_be_written_where_it_was(make_data: Make) -> None:
    assert "in next.yaml" in render_html(make_data(), "en")
    assert "in next.yaml" not in render_html(replace(make_data(), next_text=None), "en")


def test_labels_are_complete_and_used() -> None:
    folder = Path(__file__).parents[2] / "orchestrator" / "report"
    template = "".join(path.read_text(encoding="utf-8") for path in sorted((folder / "templates").glob("*.j2")))
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "labels.py")
    wanted = set(re.findall(r"\bt\('([a-z_]+)'\s*[,)]", template)) | set(re.findall(r"\blabel\(\s*\"([a-z_]+)\"", code))
    assert wanted <= set(LABELS)
    prefixes = ("level_", "kind_", "place_", "ending_", "confidence_", "source_", "unseen_", "data_")
    unused = [
        key for key in LABELS if not re.search(rf"['\"]{key}['\"]", template + code) and not key.startswith(prefixes)
    ]
    assert not unused
    for key, text in LABELS.items():
        assert text.en.strip(), key
        assert text.zh.strip(), key
        assert set(re.findall(r"{\w+}", text.en)) == set(re.findall(r"{\w+}", text.zh)), key


def test_a_usual_run_is_quick(make_data: Make) -> None:
    data = make_data(10_000)
    assert data.case.observations is not None
    data = replace(data, case=replace(data.case, observations=replace(data.case.observations, samples=())))
    render_html(data, "en")
    begin = time.process_time()
    render_html(data, "en")
    assert time.process_time() - begin < 0.4
