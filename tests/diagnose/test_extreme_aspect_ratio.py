from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.extreme_aspect_ratio import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(*pictures: dict[str, Any], **more: Any) -> Case:
    return Case(dataset=dataset(folder([picture(f"{i}.png", **one) for i, one in enumerate(pictures)])), **more)


def test_long_ones_are_named_either_way_round() -> None:
    case = _case({"width": 2000, "height": 700}, {"width": 700, "height": 2000}, {"width": 1920, "height": 800})
    finding = catches(RULE, case, Severity.WATCH)
    assert [p.name for p in finding.paths] == ["0.png", "1.png"]


def test_wide_screens_pass() -> None:
    catches_not(RULE, _case({"width": 2390, "height": 1000}), Status.CLEAR)


def test_without_pictures_nothing_is_said() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
