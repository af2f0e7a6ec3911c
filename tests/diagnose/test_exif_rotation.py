from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.exif_rotation import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_a_picture_that_viewers_turn_is_to_fix() -> None:
    case = Case(dataset=dataset(folder([picture("phone.jpg", orientation=6), picture()])))
    assert "phone.jpg" in catches(RULE, case, Severity.FIX).message.en


def test_upright_pictures_are_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
