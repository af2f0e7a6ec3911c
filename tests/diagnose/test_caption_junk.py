from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.caption_junk import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


@pytest.mark.parametrize(
    "caption",
    [
        "zxq, smile, ribbon (hair, sky",
        "zxq, smile, (dress:1.2)",
        "zxq, smile, <lora:other:0.8>",
        "zxq, smile, sky, BREAK, hat",
        "zxq, smile, https://example.org/a",
        "a girl with red hair (and a hat stands in front of a house",
    ],
)
def test_pieces_of_prompts_and_open_brackets_are_told(caption: str) -> None:
    finding = catches(RULE, _case([caption, "zxq, smile, sky"]), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["0.png"]


@pytest.mark.parametrize("caption", ["zxq, smile, ,, ", ", zxq, smile, sky", "zxq,, smile, sky", "zxq, smile, sky,"])
def test_empty_tags_are_only_mentioned(caption: str) -> None:
    catches(RULE, _case([caption]), Severity.INFO)


@pytest.mark.parametrize(
    "caption",
    [
        "zxq, lily (flower), smile",
        "zxq, lily \\(flower\\), smile",
        "zxq, :(, >:(, ;), smile",
        "zxq, re:zero, 16:9, smile",
        "a girl (red hair, blue eyes) stands in front of the house",
    ],
)
def test_brackets_that_belong_there_are_left_alone(caption: str) -> None:
    catches_not(RULE, _case([caption]), Status.CLEAR)


def test_weights_are_right_where_the_trainer_reads_them() -> None:
    pictures = [picture("a.png", "zxq, smile, (dress:1.2)")]
    catches_not(RULE, Case(dataset=dataset(folder(pictures)), settings={"weighted_captions": True}), Status.CLEAR)
