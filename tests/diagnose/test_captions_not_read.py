from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.captions_not_read import RULE
from tests.diagnose.cases import catches, catches_not, dataset, event, folder, observed, picture

SEEN = observed(events=[event("captions-missing", count=20)]).observations


def test_captions_the_trainer_missed_are_to_fix() -> None:
    assert "20 pictures" in catches(RULE, Case(observations=SEEN), Severity.FIX).message.en
    catches(RULE, Case(observations=SEEN, dataset=dataset(folder(20))), Severity.FIX)
    assert catches(RULE, observed(facts={"captions_missing": 7})).evidence[0].value == 7


def test_pictures_known_to_have_none_are_no_news() -> None:
    bare = [picture(f"{i}.png", caption=None) for i in range(20)]
    catches_not(RULE, Case(observations=SEEN, dataset=dataset(folder(bare))), Status.CLEAR)


def test_nothing_missed_is_clear() -> None:
    catches_not(RULE, observed(), Status.CLEAR)
