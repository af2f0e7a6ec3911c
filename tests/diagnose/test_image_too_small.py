from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.image_too_small import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(*pictures: dict[str, Any], **more: Any) -> Case:
    return Case(dataset=dataset(folder([picture(f"{i}.png", **one) for i, one in enumerate(pictures)])), **more)


def test_pictures_that_are_enlarged_much_are_named() -> None:
    finding = catches(RULE, _case({"width": 300, "height": 300}, {"width": 800, "height": 800}), Severity.WATCH)
    assert [p.name for p in finding.paths] == ["0.png"]
    assert finding.evidence[0].value == 1.707


def test_the_resolution_decides_where_it_is_known() -> None:
    case = _case({"width": 600, "height": 600}, settings={"resolution": "1024,1024"})
    catches(RULE, case, Severity.WATCH)
    catches_not(RULE, _case({"width": 600, "height": 600}, settings={"resolution": 768}), Status.CLEAR)
    catches_not(RULE, _case({"width": 64, "height": 64}, settings={"resolution": [64, 64]}), Status.CLEAR)


def test_where_nothing_is_enlarged_nothing_is_said() -> None:
    case = _case({"width": 100, "height": 100}, settings={"resolution": 512, "bucket_no_upscale": True})
    catches_not(RULE, case, Status.CLEAR)


def test_a_header_that_cannot_be_read_has_no_size() -> None:
    catches_not(RULE, _case({"width": 0, "height": 0, "problem": "empty-file"}), Status.CLEAR)


def test_without_pictures_nothing_is_said() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
