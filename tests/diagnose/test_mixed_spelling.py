from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.mixed_spelling import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


@pytest.mark.parametrize(
    ("most", "odd"),
    [("long hair", "long_hair"), ("full body", "fullbody"), ("grey eyes", "gray eyes"), ("close-up", "close up")],
)
def test_the_rarer_spelling_is_named(most: str, odd: str) -> None:
    finding = catches(RULE, _case([f"zxq, smile, {most}"] * 4 + [f"zxq, smile, {odd}"]), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["4.png"]
    assert f"{most} 4, {odd} 1" in str(finding.evidence[0].value)


def test_where_none_leads_all_are_named() -> None:
    finding = catches(RULE, _case(["zxq, sky, long hair", "zxq, sky, long_hair"]))
    assert len(finding.paths) == 2


def test_other_names_are_only_mentioned() -> None:
    finding = catches(RULE, _case(["zxq, sky, outdoors"] * 3 + ["zxq, sky, outdoor"]), Severity.INFO)
    assert [path.name for path in finding.paths] == ["3.png"]


def test_case_and_escapes_are_no_spellings() -> None:
    captions = ["zxq, Smile, lily (flower)", "zxq, smile, lily \\(flower\\)", "zxq, o_o, sky"]
    catches_not(RULE, _case(captions), Status.CLEAR)


def test_underscores_everywhere_are_one_way_of_writing() -> None:
    catches_not(RULE, _case(["zxq, long_hair, blue_eyes"] * 3), Status.CLEAR)
