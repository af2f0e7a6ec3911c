from __future__ import annotations

import pytest

from orchestrator.core.text import LANGUAGES, Language
from orchestrator.diagnose.rules import all_rules
from orchestrator.report.rule_page import rule_page, to_html


def test_markdown_becomes_headings_paragraphs_lists_and_code() -> None:
    html = to_html(
        "Title line\ngoes on.\n\n## Why\n\nText with `code <b>` and [words](https://example.org).\n\n- one\n  more\n- two\n\n```\na < b\n```"
    )
    assert html == (
        "<p>Title line goes on.</p><h4>Why</h4><p>Text with <code>code &lt;b&gt;</code> and words.</p>"
        "<ul><li>one more</li><li>two</li></ul><pre>a &lt; b</pre>"
    )


def test_markup_in_a_page_is_text() -> None:
    html = to_html("# <script>\n\n- <img onerror=x>\n\n`<b>` <i> ` lone")
    assert "<script" not in html
    assert "<img" not in html
    assert "<i>" not in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_a_page_to_show(language: Language) -> None:
    for rule in all_rules():
        html = rule_page(rule.name, language)
        assert html is not None, rule.name
        assert html.count("<h4>") == 6, rule.name
        assert "](" not in html
        assert "##" not in html


def test_a_finding_without_a_page_has_none() -> None:
    assert rule_page("of-a-backend", "en") is None
