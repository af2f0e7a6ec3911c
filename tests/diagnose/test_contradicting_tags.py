from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.contradicting_tags import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


@pytest.mark.parametrize(
    "caption",
    [
        "zxq, solo, long hair, short hair",
        "zxq, 1girl, day, night",
        "zxq, 1girl, indoor, outdoors",
        "zxq, standing, sitting, smile",
        "zxq, from_behind, looking_at_viewer, sky",
        "zxq, full body, close up, sky",
        "zxq, solo, 2girls, sky",
        "zxq, white background, forest, sky",
    ],
)
def test_pairs_that_exclude_each_other_are_named(caption: str) -> None:
    finding = catches(RULE, _case([caption, "zxq, smile, sky"]), Severity.WATCH)
    assert [path.name for path in finding.paths] == ["0.png"]
    assert [fact.value for fact in finding.evidence] == [1] * len(finding.evidence)
    assert "` and `" in finding.evidence[0].what.en


@pytest.mark.parametrize(
    "caption",
    [
        "zxq, from behind, looking back, looking at viewer",
        "zxq, indoors, window, outdoors",
        "2girls, multiple girls, long hair, short hair, standing, sitting",
        "zxq, open mouth, smile, upper body, portrait, crying",
        "zxq, long hair, very long hair, ponytail, closed eyes, smile",
        "zxq, full body, close-up, multiple views",
    ],
)
def test_what_may_stand_together_is_left_alone(caption: str) -> None:
    catches_not(RULE, _case([caption]), Status.CLEAR)
