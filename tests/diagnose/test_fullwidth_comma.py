from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.fullwidth_comma import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


def test_tags_between_fullwidth_commas_are_one_tag() -> None:
    finding = catches(RULE, _case(["zxq，smile，long hair", "zxq, smile, long hair"]), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["0.png"]


def test_with_shuffling_it_is_to_fix() -> None:
    pictures = [picture("a.png", "红发，蓝裙，站立，微笑")]
    case = Case(dataset=dataset(folder(pictures)), settings={"shuffle_caption": True})
    catches(RULE, case, Severity.FIX)


def test_in_chinese_sentences_it_is_right() -> None:
    captions = ["一个穿着红色连衣裙的女孩站在花园里，阳光洒在她长长的头发上，背景里有许多盛开的花朵。"]
    catches_not(RULE, _case(captions), Status.CLEAR)


def test_ascii_commas_are_clear() -> None:
    catches_not(RULE, _case(["zxq, smile, long hair"]), Status.CLEAR)
