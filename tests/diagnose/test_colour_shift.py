from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rules.colour_shift import RULE
from tests.diagnose.cases import catches, catches_not, observed
from tests.diagnose.recorded_pictures import drawn


def _rounds(plain: list[float], called: float = 0.3) -> list[list[dict[str, Any]]]:
    """Saturation of the two prompts without the trigger, round by round."""
    wobble = (0.0, 0.03, -0.02, 0.01)
    return [[{"saturation": (s if i > 1 else called) + wobble[i]} for i in range(4)] for s in plain]


def test_a_growing_drift_without_the_trigger_is_caught() -> None:
    finding = catches(RULE, drawn(_rounds([0.3, 0.45, 0.6, 0.7])), Severity.WATCH)
    assert finding.confidence is Confidence.LOW
    assert "saturation" in finding.message.en


def test_clipping_counts_too() -> None:
    rounds: list[list[dict[str, Any]]] = [
        [{"clipped": c if i == 3 else 0.0} for i in range(4)] for c in (0.0, 0.1, 0.2, 0.25)
    ]
    assert "clipped" in catches(RULE, drawn(rounds)).message.en


def test_burnt_samples_are_caught_whatever_their_prompt() -> None:
    rounds: list[list[dict[str, Any]]] = [[{"clipped": c}] * 4 for c in (0.01, 0.3, 0.35)]
    assert "burnt" in catches(RULE, drawn(rounds), Severity.WATCH).message.en


def test_training_pictures_on_white_are_no_burning() -> None:
    rounds: list[list[dict[str, Any]]] = [[{"clipped": c}] * 4 for c in (0.01, 0.3, 0.35)]
    catches_not(RULE, drawn(rounds, clipped=0.4), Status.INCONCLUSIVE)


def test_prompts_that_name_the_subject_may_follow_it() -> None:
    prompts = (("alicexyz", 1), ("alicexyz", 2), ("a girl", 1), ("a girl, at night", 1))
    catches_not(RULE, drawn(_rounds([0.3, 0.45, 0.6, 0.7]), prompts=prompts), Status.INCONCLUSIVE)


def test_a_drift_that_came_to_rest_is_clear() -> None:
    catches_not(RULE, drawn(_rounds([0.3, 0.7, 0.69, 0.68])), Status.CLEAR)


def test_a_change_within_the_spread_is_clear() -> None:
    catches_not(RULE, drawn(_rounds([0.3, 0.32, 0.33, 0.34])), Status.CLEAR)


def test_a_subject_may_have_its_own_colours() -> None:
    rounds = _rounds([0.3, 0.3, 0.3, 0.3])
    for number, one in enumerate(rounds):
        one[0]["saturation"] = one[1]["saturation"] = 0.3 + 0.2 * number
    catches_not(RULE, drawn(rounds), Status.CLEAR)


def test_no_first_round_no_plain_prompt_and_no_samples_say_nothing() -> None:
    grown = _rounds([0.3, 0.45, 0.6, 0.7])
    first = catches_not(RULE, drawn(grown, first=100), Status.INCONCLUSIVE)
    assert "sample_at_first" in (first.needs.en if first.needs else "")
    catches_not(RULE, drawn(grown, prompts=(("alicexyz", 1),) * 4), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, drawn(grown, kind="style"), Status.NOT_APPLICABLE)
