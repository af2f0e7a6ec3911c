from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.diagnose import pages

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.diagnose.rule import FormCheck, Rule

ALL = pages.all_pages()


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.name)
def test_every_page_has_a_title_and_all_headings_in_order(rule: Rule | FormCheck) -> None:
    text = pages.english_page(rule)
    assert pages.title(rule).endswith(".")
    places = [text.index(f"\n## {heading}\n") for heading in pages.HEADINGS]
    assert places == sorted(places)
    sections = text.split("\n## ")[1:]
    assert len(sections) == len(pages.HEADINGS)
    assert all(len(section.split("\n", 1)[1].strip()) > 3 for section in sections)


def test_every_page_exists_in_chinese_and_is_made_from_the_current_english_one() -> None:
    assert pages.stale_pages() == []


def test_no_page_names_a_recipe_key_that_does_not_exist() -> None:
    assert pages.unknown_keys_in_pages() == []


def test_a_wrong_key_in_a_page_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "`train.unet_lr`, `train.unet_rate: 1e-4`, `validate.hold_out`, `loss/current`, `networks.lora`"
    monkeypatch.setattr(pages, "english_page", lambda _rule: text)
    assert "nan-loss: train.unet_rate" in pages.unknown_keys_in_pages()
    assert len(pages.unknown_keys_in_pages()) == len(ALL)


def test_a_changed_english_page_makes_the_chinese_one_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in pages.CHINESE_PAGES.glob("*.md"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    first = tmp_path / "nan-loss.md"
    first.write_text(first.read_text(encoding="utf-8").replace("<!-- source: ", "<!-- source: 0"), encoding="utf-8")
    (tmp_path / "disk-full.md").unlink()
    second = tmp_path / "few-pictures.md"
    second.write_text(second.read_text(encoding="utf-8").replace("## 依据", "## 来源"), encoding="utf-8")
    monkeypatch.setattr(pages, "CHINESE_PAGES", tmp_path)
    assert pages.stale_pages() == ["few-pictures", "nan-loss", "disk-full"]


@pytest.mark.parametrize("name", ["R030", "r030", "nan-loss", " nan-loss "])
def test_rules_are_found_by_id_and_name(name: str) -> None:
    assert pages.find_rule(name).name == "nan-loss"


def test_form_mistakes_have_pages_too() -> None:
    assert "netwrok_dim" in pages.explain("R001")
    assert pages.explain("R001", "zh").startswith("# R001 unknown-key")


def test_an_unknown_rule_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(InputError) as raised:
        pages.explain("nan-los")
    fix = raised.value.problems[0].fix
    assert fix is not None
    assert "nan-loss" in fix.en


def test_generated_docs_hold_every_rule_and_working_links() -> None:
    made = pages.rule_pages()
    index = made["docs/rules/index.md"]
    assert len(made) == len(ALL) + 1
    assert all(f"({rule.name}.md)" in index and f"docs/rules/{rule.name}.md" in made for rule in ALL)
