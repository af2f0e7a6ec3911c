from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.view_monotony import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, recipe


def _case(captions: list[str], kind: str = "character") -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(
        recipe=recipe(subject={"kind": kind, "trigger": "alicexyz", "class_tokens": "girl"}),
        dataset=dataset(folder(pictures)),
    )


def _set(facing: int, count: int = 20, kind: str = "character") -> Case:
    return _case(["alicexyz, tag, " + ("looking_at_viewer" if i < facing else "from side") for i in range(count)], kind)


def test_a_set_that_faces_the_camera_is_told() -> None:
    finding = catches(RULE, _set(18), Severity.WATCH)
    assert [fact.value for fact in finding.evidence] == [90, 10]
    assert len(finding.paths) == 18


def test_three_of_four_may_face_it() -> None:
    catches_not(RULE, _set(15), Status.CLEAR)


def test_small_sets_and_other_kinds_are_not_asked() -> None:
    catches_not(RULE, _set(9, 9), Status.NOT_APPLICABLE)
    catches_not(RULE, _set(20, kind="style"), Status.NOT_APPLICABLE)
