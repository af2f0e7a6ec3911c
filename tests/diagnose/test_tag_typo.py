from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.dataset.spelling import known_tags
from orchestrator.dataset.vocabulary import tagger_tags
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.tag_typo import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture

if TYPE_CHECKING:
    from pathlib import Path


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


def test_a_tag_one_letter_away_from_a_known_one_is_named() -> None:
    finding = catches(RULE, _case(["zxq, lokoing at viewer, sky", "zxq, smile, sky"]), Severity.WATCH)
    assert (finding.evidence[0].source, finding.evidence[0].value) == ("lokoing at viewer", "looking at viewer")
    assert [path.name for path in finding.paths] == ["0.png"]


def test_a_word_of_the_set_counts_where_it_is_frequent() -> None:
    captions = [f"zxqchara, smile, tag{i}" for i in range(20)]
    finding = catches(RULE, _case([*captions, "zxqchare, smile, sky"]))
    assert finding.evidence[0].value == "zxqchara"
    catches_not(RULE, _case([*captions, *["zxqchare, smile, sky"] * 5]), Status.CLEAR)


@pytest.mark.parametrize(
    "tag",
    [
        "asuna",
        "hinata hyuuga",
        "3girls",
        "belly",
        "cannon",
        "blue dresses",
        "dark hat",
        "teacup",
        "red boat",
        "gohei",
        "霊夢",
    ],
)
def test_names_and_words_are_left_alone(tag: str) -> None:
    catches_not(RULE, _case([f"zxq, smile, {tag}"]), Status.CLEAR)


def test_a_list_of_a_tagger_widens_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catches(RULE, _case(["zxq, smile, sparkler"]))
    folder = tmp_path / "hub" / "models--SmilingWolf--wd-tagger" / "snapshots" / "1"
    folder.mkdir(parents=True)
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n1,sparkler,0,9\n", encoding="utf-8")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    _forget()
    try:
        catches_not(RULE, _case(["zxq, smile, sparkler"]), Status.CLEAR)
    finally:
        _forget()


def _forget() -> None:
    tagger_tags.cache_clear()
    known_tags.cache_clear()
