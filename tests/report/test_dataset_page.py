"""The page of a data set: what stands in it, what it never holds, and that it stays small."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from markupsafe import escape
from PIL import Image

from orchestrator.core.finding import Verdict
from orchestrator.core.text import LANGUAGES, Language
from orchestrator.dataset.model import Dataset, Folder, Picture
from orchestrator.dataset.pairs import Pair
from orchestrator.dataset.pixels.shift import Shift
from orchestrator.dataset_check import look_into
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.report.dataset_page.buckets import Fit, fit
from orchestrator.report.dataset_page.framings import framing_of
from orchestrator.report.dataset_page.gallery import LONGEST, MOST, Gallery, fair
from orchestrator.report.dataset_page.model import SeenSet
from orchestrator.report.dataset_page.page import Page, render_page
from orchestrator.report.dataset_page.summary import sentence
from orchestrator.report.dataset_page.words import WORDS
from tests.dataset.pixels.conftest import draw_scene
from tests.report.test_browser import CHROMIUM, browse
from tests.report.test_html import PAYLOADS, Tree

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (200, 250)
MARK = "lora-run dataset report 01234567"
NAME = f"<b onload=x>&quot;'{{{{7*7}}}}{'x' * 120}.png"
"""A file may be called so."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten sound pictures, a copy, a resized one, a turned one, a broken one and one with a hostile name."""
    place = tmp_path_factory.mktemp("alice") / "pictures"
    place.mkdir()
    for number in range(10):
        draw_scene(number, SIZE).save(place / f"{number:02}.png")
    (place / "copy.png").write_bytes((place / "03.png").read_bytes())
    draw_scene(5, SIZE).resize((400, 500)).save(place / "large.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRETCAMERA"
    draw_scene(40, (320, 240)).save(place / "turned.jpg", exif=exif, quality=95)
    (place / "empty.png").touch()
    draw_scene(41, SIZE).save(place / NAME)
    for number, path in enumerate(sorted(place.iterdir())):
        where = ("full body, standing", "upper body, sitting", "portrait")[number % 3]
        view = "from side, night sky" if number % 2 else "smile"
        path.with_suffix(".txt").write_text(f"zxqchara, 1girl, {where}, {view}", encoding="utf-8")
    (place / "00.txt").write_text(f"zxqchara, {', '.join(PAYLOADS[:8])}", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def seen(folder: Path) -> SeenSet:
    done = look_into(folder, "character", "zxqchara", 512, keep=False)
    return SeenSet("pictures", done.root, done.case, done.verdict, done.problems, done.trouble)


@pytest.fixture(scope="module")
def page(seen: SeenSet) -> Page:
    return render_page(seen, MARK, "en")


def _section(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)
    assert found is not None
    return found[1].replace("\u00a0", " ")


def _small(html: str, name: str) -> Image.Image:
    """Return the small picture that stands under a file name."""
    key = re.search(rf'aria-label="{re.escape(name)}"[^>]*><use href="#(p\d+)"', html)
    assert key is not None
    uri = re.search(rf'<image id="{key[1]}" href="data:image/jpeg;base64,([^"]+)"', html)
    assert uri is not None
    return Image.open(io.BytesIO(base64.b64decode(uri[1])))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_comes_first_and_all_sections_follow(seen: SeenSet, language: Language) -> None:
    html = render_page(seen, MARK, language).html
    tree = Tree(html)
    sections = [attrs["id"] for tag, attrs in tree.tags if tag == "section"]
    assert sections == ["next", "findings", "copies", "buckets", "framing", "tags"]
    first = "15 pictures with 15 captions; 1 is an exact copy of another and 1 shows nearly" if language == "en" else (
        "共 15 张图片、15 个标注；1 张与另一张完全相同，1 张与另一张几乎相同。"
    )  # fmt: skip
    assert first in html
    assert html.index(first) < html.index('id="next"')
    targets = {attrs["href"] for tag, attrs in tree.tags if tag == "a"}
    ids = {f"#{attrs['id']}" for _, attrs in tree.tags if "id" in attrs}
    assert targets <= ids


def test_every_finding_is_shown_with_its_pictures(seen: SeenSet, page: Page) -> None:
    found = _section(page.html, "findings")
    assert {finding.name for finding in seen.verdict.fired} == set(
        re.findall(r"<code>R\d+ ([a-z-]+)</code><span>", found)
    )
    article = re.search(r"<article[^>]*>(?:(?!</article>).)*exif-rotation.*?</article>", found, re.DOTALL)
    assert article is not None
    assert 'aria-label="turned.jpg"' in article[0]
    assert "What this rule looks for" in article[0]


def test_each_picture_is_embedded_once_and_every_place_finds_its_picture(page: Page) -> None:
    stored = re.findall(r'<image id="(p\d+)"', page.html)
    assert len(stored) == len(set(stored)) == 14
    used = Counter(re.findall(r'<use href="#(p\d+)"', page.html))
    assert set(used) == set(stored)
    assert max(used.values()) > 1
    assert (page.shown, page.pictures) == (15, 15)


def test_a_picture_that_cannot_be_shown_is_a_box_with_the_reason(page: Page) -> None:
    broken = re.search(r'<p class="broken">empty file</p>\s*<figcaption><code title="empty.png">', page.html)
    assert broken is not None
    assert "in no bucket" in page.html


def test_small_pictures_are_what_the_trainer_reads_and_nothing_else_of_the_file(page: Page) -> None:
    small = _small(page.html, "turned.jpg")
    assert small.size == (LONGEST, 108)  # not turned, though EXIF says so
    assert not small.getexif()
    assert b"SECRETCAMERA" not in base64.b64decode(re.findall(r"base64,([^\"]+)", page.html)[-1])
    assert "SECRETCAMERA" not in page.html


def test_copies_are_groups_with_the_one_to_keep_first(page: Page) -> None:
    clusters = re.findall(r'<div class="cluster".*?</div>', _section(page.html, "copies"), re.DOTALL)
    told = [re.findall(r'<figcaption>.*?<code title="(.*?)">', one) for one in clusters]
    assert {frozenset(names) for names in told} == {
        frozenset(("03.png", "copy.png")),
        frozenset(("05.png", "large.png")),
    }
    assert told[0][0] == "03.png"
    assert all(one.index(">keep<") < one.index("</figure>") for one in clusters)
    assert "the same file" in clusters[0] + clusters[1]
    assert re.search(r"resized, \d+\.\d % alike", clusters[0] + clusters[1])


def test_buckets_hold_every_picture_as_the_trainer_sorts_them(page: Page) -> None:
    found = _section(page.html, "buckets")
    titles = re.findall(r"<h3>(.*?) <span class=\"muted num\">(\d+)</span></h3>", found)
    assert titles == [("448 x 576", "13"), ("576 x 448", "1"), ("in no bucket", "1")]
    assert "for 512 x 512 pixels" in found
    assert "zxqchara, 1girl, full body, standing" in found
    turned = re.search(r'<code title="turned.jpg">.*?</figcaption>', found)
    assert turned is not None
    assert re.search(r'<a class="tag suspicious" href="#finding-\d+">exif-rotation</a>', turned[0])


def test_what_does_not_fit_a_bucket_is_cut_off() -> None:
    assert fit((1024, 1024), (512, 512)) == Fit(0.5, 0.0)
    assert fit((1024, 512), (512, 512)) == Fit(1.0, 0.5)
    enlarged = fit((256, 320), (512, 512))
    assert (enlarged.scale, round(enlarged.cut, 6)) == (2.0, 0.2)


def test_the_sentence_counts_what_the_numbers_below_it_count() -> None:
    trained, apart = (
        Folder(
            Path(name),
            tuple(Picture(Path(name, f"{i}.png"), 64, 64, 1, "png") for i in range(3)),
            ".txt",
            is_reg=is_reg,
        )
        for name, is_reg in (("a", False), ("reg", True))
    )
    told = sentence(Dataset((trained, apart)), judge(Case(), "before"))
    assert told.en.startswith("3 pictures with 0 captions, and 3 regularisation pictures;")
    assert told.zh.startswith("共 3 张图片、0 个标注，另有 3 张正则图片；")


def test_framing_is_told_by_the_captions(page: Page) -> None:
    titles = re.findall(r"<h3>(.*?) <span class=\"muted num\">(\d+)</span></h3>", _section(page.html, "framing"))
    assert [title for title, _ in titles] == ["head", "upper body", "full body", "nothing says"]
    assert sum(int(count) for _, count in titles) == 15


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("zxq, 1girl, full_body", "full-body"), ("zxq, full_body, portrait", "unsaid"), ("zxq, cowboy shot", "upper-body"), ("zxq, close-up", "head"),
        ("zxq, no humans, city", "no-person"), ("A portrait of zxq, who looks at the moon.", "head"),
        ("A full-length photograph of zxq in the rain, her face is wet.", "full-body"), ("zxq from the waist up, smiling at us", "upper-body"),
        ("zxq, face paint, smile", "unsaid"), ("", "unsaid"),
    ],
)  # fmt: skip
def test_captions_say_how_much_of_the_person_is_seen(caption: str, kind: str) -> None:
    path = Path("a.png")
    picture = Picture(path, 64, 64, 1, "png", caption=caption)
    case = Case(dataset=Dataset((Folder(Path(), (picture,), ".txt"),)))
    assert framing_of(case) == {path: kind}


def test_tags_are_counted_with_what_they_come_with(page: Page) -> None:
    found = _section(page.html, "tags")
    assert re.search(r"<code>zxqchara</code></td><td>trigger</td><td class=\"num\" data-value=\"15\">15<", found)
    row = re.search(r"<tr><td><code>standing</code>.*?</tr>", found)
    assert row is not None
    assert "<code>full body</code> 100 %" in row[0]
    pair = re.search(r"<tr><td><code>from side</code></td><td><code>night sky</code></td>.*?</tr>", found)
    assert pair is not None
    assert ">100 %<" in pair[0]


def test_nothing_is_loaded_and_nothing_is_inline(page: Page) -> None:
    for tag, attrs in Tree(page.html).tags:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "href", "action", "srcset", "data"):
            target = attrs.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, target)


def test_policy_allows_exactly_these_styles_and_scripts(page: Page) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.html)
    assert policy is not None
    for tag, count in (("style", 2), ("script", 1)):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page.html, re.DOTALL)
        assert len(found) == count
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
        assert f"{tag}-src " + " ".join(f"'sha256-{digest}'" for digest in hashes) + ";" in policy[1]
    assert policy[1].startswith("default-src 'none'; img-src data:;")


def test_names_and_captions_stay_text(page: Page) -> None:
    tree = Tree(page.html)
    assert {tag for tag, _ in tree.tags} <= {
        "html", "head", "meta", "link", "title", "style", "body", "header", "p", "h1", "h2", "h3", "h4", "a", "span", "dl", "div", "dt",
        "dd", "main", "section", "ol", "ul", "li", "nav", "article", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary",
        "figure", "figcaption", "svg", "defs", "use", "image", "b", "pre", "footer", "script",
    }  # fmt: skip
    assert [attrs.get("type") for tag, attrs in tree.tags if tag == "script"] == ["application/json", None]
    assert not any("onload" in attrs or "onerror" in attrs or "src" in attrs for _, attrs in tree.tags)
    assert NAME in "".join(tree.texts)
    assert "{{ 7*7 }}" in "".join(tree.texts)


def test_where_the_pictures_lie_is_not_told(page: Page, folder: Path) -> None:
    assert str(folder.parent) not in page.html
    assert str(Path.home()) not in page.html


@pytest.mark.parametrize("payload", PAYLOADS[::4])
def test_no_text_becomes_markup(seen: SeenSet, poison: Callable[[Any, str], Any], payload: str) -> None:
    clean = {tag for tag, _ in Tree(render_page(seen, MARK, "en").html).tags}
    evil = render_page(replace(seen, name=payload, verdict=poison(seen.verdict, payload)), MARK, "en").html
    assert {tag for tag, _ in Tree(evil).tags} <= clean | {"br", "table", "thead", "tbody", "tr", "th", "td"}
    evil.encode("utf-8")
    assert "\u202e" not in evil


def _many(count: int) -> SeenSet:
    """A set of that many pictures, none of which is there."""
    words = ("smile", "from side", "night sky", "full body", "sitting", "red hair", "window", "rain")
    pictures = tuple(
        Picture(
            Path(f"/nowhere/set/picture-{n:05}.png"), 1000 + n % 7 * 96, 1200, 1, "png", caption_path=Path(f"/nowhere/set/picture-{n:05}.txt"),
            caption="zxq, " + ", ".join((*words[n % 8 :], *words[: n % 5], f"tag number {n % 3000}", "a long one " * 6)),
        )
        for n in range(count)
    )  # fmt: skip
    dataset = Dataset((Folder(Path("/nowhere/set"), pictures, ".txt"),), not_looked_at=())
    return SeenSet("set", Path("/nowhere/set"), Case(dataset=dataset), Verdict())


def test_a_page_does_not_grow_with_the_set() -> None:
    page = render_page(_many(3_000), MARK, "en")
    assert len(page.html) < 2_000_000
    assert page.shown <= MOST
    assert page.pictures == 3_000
    assert f"{page.shown} of 3000 pictures are shown" in page.html
    assert re.search(r"and \d+ more that are not shown", page.html)


def test_pairs_stand_side_by_side_and_what_is_wrong_comes_first(seen: SeenSet, folder: Path) -> None:
    size = (SIZE, SIZE)
    assert seen.case.dataset is not None
    pairs = (
        Pair("a", folder / "00.png", folder / "01.png", size, Shift(0.1, 0.2, 0.9)),
        Pair("b", folder / "02.png", folder / "04.png", size, Shift(-3.0, 1.5, 0.9)),
        Pair("c", folder / "06.png", None),
        Pair("d", folder / "07.png", folder / "large.png", (SIZE, (400, 500))),
    )
    case = replace(seen.case, dataset=replace(seen.case.dataset, pairs=pairs))
    html = render_page(replace(seen, case=case), MARK, "en").html
    found = _section(html, "pairs")
    assert re.findall(r'role="group" aria-label="(\w)"', found) == ["b", "c", "d", "a"]
    assert "3.0 px to the left and 1.5 px down" in found
    assert "one half is missing" in found
    assert "two sizes: 200 x 250 and 400 x 500" in found
    assert 'href="#pairs"' in html


def test_words_are_complete_and_used() -> None:
    room = Path(__file__).parents[2] / "orchestrator" / "report"
    template = (room / "templates" / "dataset.html.j2").read_text(encoding="utf-8")
    code = "".join(
        path.read_text(encoding="utf-8") for path in (room / "dataset_page").glob("*.py") if path.name != "words.py"
    )
    wanted = set(re.findall(r"\bw\('([a-z_]+)'", template)) | set(re.findall(r"\bword\(\"([a-z_]+)\"", code))
    assert wanted <= set(WORDS)
    assert [key for key in WORDS if not re.search(rf"['\"]{key}['\"]", template + code)] == []
    for key, text in WORDS.items():
        assert set(re.findall(r"{\w+}", text.en)) == set(re.findall(r"{\w+}", text.zh)), key


def test_the_words_of_the_script_are_data(page: Page) -> None:
    block = re.search(r'<script type="application/json" id="page-words">(.*?)</script>', page.html)
    assert block is not None
    assert json.loads(block[1]) == {"sort": "sort by {column}"}


@pytest.mark.parametrize(("sizes", "most", "shown"), [
    ([5, 100, 1000], 100, [5, 47, 48]), ([3, 4], 100, [3, 4]), ([50, 50, 50], 10, [3, 3, 4]), ([], 10, []), ([7], 0, [0]),
])  # fmt: skip
def test_small_groups_are_shown_whole_and_large_ones_cut_alike(sizes: list[int], most: int, shown: list[int]) -> None:
    assert fair(sizes, most) == shown


def test_a_full_page_takes_no_further_picture_but_shows_those_it_has() -> None:
    gallery = Gallery(most=3)
    paths = [Path(str(number)) for number in range(6)]
    assert gallery.take(paths[:2], 10) == paths[:2]
    assert gallery.take(paths[1:], 10) == paths[1:3]
    assert gallery.take(paths, 2) == paths[:2]
    assert len(gallery) == 3


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
def test_a_browser_complains_of_nothing_sorts_and_needs_no_more_than_a_phone(page: Page, tmp_path: Path) -> None:
    dom, console = browse(page.html, tmp_path, "--dump-dom")
    assert console == []
    assert dom.count('<button type="button" title="sort by') == 11
    sort = "document.querySelectorAll('#tags th button')[2].click(); const first = document.querySelector('#tags tbody tr td');"
    wide = "Math.max(document.documentElement.scrollWidth - innerWidth, ...Array.from(document.querySelectorAll('.evidence'), (table) => table.offsetWidth - table.parentElement.clientWidth))"
    opened = "document.querySelectorAll('details').forEach((one) => { one.open = true; });"
    told = f"<script>{sort} {opened} document.body.dataset.told = `${{first.textContent}} ${{{wide}}}`;</script></body>"
    free = re.sub(r"<meta http-equiv=[^>]*>", "", page.html).replace("</body>", told)
    frame = f'<!doctype html><body style="margin:0"><iframe style="border:0;width:390px;height:3000px" srcdoc="{escape(free)}"></iframe>'
    seen = "<script>setTimeout(() => { document.body.dataset.seen = frames[0].document.body.dataset.told; }, 1500)</script>"
    dom, _ = browse(frame + seen, tmp_path, "--dump-dom", "--virtual-time-budget=6000")
    found = re.search(r'<body[^>]* data-seen="(\S+) (-?\d+)"', dom)
    assert found is not None
    assert (found[1], int(found[2]) <= 0) == ("zxqchara", True)
