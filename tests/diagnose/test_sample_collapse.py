from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rules.sample_collapse import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import drawn


def _rounds(distances: list[int]) -> list[list[dict[str, Any]]]:
    """Difference in shade between the two seeds of the first prompt."""
    return [[{"shade": 0}, {"shade": d}, {"shade": 80}, {"shade": 120}] for d in distances]


def test_seeds_that_lose_their_differences_are_caught() -> None:
    finding = catches(RULE, drawn(_rounds([100, 60, 20, 10])), Severity.WATCH)
    assert "10%" in finding.message.en


def test_one_alike_round_or_lasting_differences_are_clear() -> None:
    catches_not(RULE, drawn(_rounds([100, 90, 80, 70])), Status.CLEAR)
    catches_not(RULE, drawn(_rounds([100, 90, 80, 10])), Status.CLEAR)


def test_without_several_seeds_prompts_are_compared() -> None:
    prompts = (("alicexyz", 1), ("alicexyz, forest", 1), ("a girl", 1), ("a boat", 1))
    alike: list[list[dict[str, Any]]] = [[{"shade": s * i} for i in range(4)] for s in (60, 40, 5, 3)]
    catches(RULE, drawn(alike, prompts=prompts), Severity.WATCH)


def test_a_flat_sample_is_caught_and_the_base_model_blamed_where_it_was_flat_too() -> None:
    rounds = _rounds([100, 90, 80, 70])
    rounds[-1][2]["deviation"] = 0.5
    finding = catches(RULE, drawn(rounds), Severity.FIX)
    assert "the model was lost" in (finding.why.en if finding.why else "")
    rounds[0][2]["deviation"] = 0.5
    finding = catches(RULE, drawn(rounds))
    assert "before training" in (finding.why.en if finding.why else "")


def test_too_few_rounds_and_no_samples_say_nothing() -> None:
    catches_not(RULE, drawn(_rounds([100, 10])), Status.INCONCLUSIVE)
    catches_not(RULE, drawn(_rounds([100, 60, 20, 10]), first=100), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
