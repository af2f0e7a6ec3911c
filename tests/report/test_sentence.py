from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, State, Verdict
from orchestrator.report.sentence import LOOKS, NAMES, SENTENCES, became

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]


def test_every_state_has_words_of_its_own() -> None:
    for words in (SENTENCES, NAMES, LOOKS):
        assert set(words) == set(State)
    assert len({text.en for text in SENTENCES.values()}) == len({text.zh for text in SENTENCES.values()}) == len(State)


def test_sureness_is_only_told_of_a_claim(make_data: Make) -> None:
    data = make_data()
    assert became(data).sureness is None
    claim = replace(data.verdict.findings[0], state=State.BROKEN)
    told = {level: became(replace(data, verdict=Verdict((replace(claim, confidence=level),)))) for level in Confidence}
    assert {one.because.name for one in told.values() if one.because} == {"lr-too-high"}
    assert len({one.sureness.en for one in told.values() if one.sureness}) == 3
    assert "hint" in str(told[Confidence.LOW].sureness)
