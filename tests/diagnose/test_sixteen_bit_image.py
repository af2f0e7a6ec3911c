from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.sixteen_bit_image import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(*pictures: dict[str, Any], **more: Any) -> Case:
    return Case(dataset=dataset(folder([picture(f"{i}.png", **one) for i, one in enumerate(pictures)])), **more)


def test_deep_grey_is_named() -> None:
    catches(RULE, _case({"traits": ("gray-16-bit",)}, {}), Severity.FIX)


def test_others_pass() -> None:
    catches_not(RULE, _case({"traits": ("cmyk",)}, {}), Status.CLEAR)


def test_without_pictures_nothing_is_said() -> None:
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
