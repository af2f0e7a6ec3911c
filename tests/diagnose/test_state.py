from __future__ import annotations

from dataclasses import replace

from orchestrator.core.finding import Confidence, Finding, Severity, State, Verdict
from orchestrator.core.text import Text
from orchestrator.diagnose.rule import Says
from orchestrator.diagnose.state import primary_state

SAYS = Says("R999", "some-rule")
WORDS = Text("words", "话")


def claim(state: State, confidence: Confidence = Confidence.HIGH) -> Finding:
    return SAYS.fired(Severity.FIX, confidence, WORDS, state=state)


def test_the_worst_claim_is_the_state_whatever_the_order_of_findings() -> None:
    found = (claim(State.UNDERTRAINED), claim(State.UNSTABLE, Confidence.LOW), claim(State.OVERFIT))
    assert primary_state(Verdict(found)).state is State.UNSTABLE
    assert primary_state(Verdict(found[::-1])).confidence is Confidence.LOW


def test_of_two_equal_claims_the_surer_one_is_named() -> None:
    found = (claim(State.BROKEN, Confidence.LOW), claim(State.BROKEN, Confidence.HIGH))
    assert primary_state(Verdict(found)).because is found[1]


def test_an_ignored_finding_claims_nothing() -> None:
    ignored = replace(claim(State.BROKEN), ignored_because="known")
    assert primary_state(Verdict((ignored, claim(State.CONVERGED)))).state is State.CONVERGED


def test_clear_may_claim_learning_and_silence_is_inconclusive() -> None:
    assert primary_state(Verdict((SAYS.clear(WORDS, state=State.LEARNING),))).state is State.LEARNING
    quiet = primary_state(Verdict((SAYS.clear(WORDS), SAYS.inconclusive(WORDS, WORDS))))
    assert (quiet.state, quiet.because) == (State.INCONCLUSIVE, None)
