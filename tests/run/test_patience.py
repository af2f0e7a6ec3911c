from __future__ import annotations

import pytest

from orchestrator.run.process.patience import (
    CACHING_MOST_S,
    DRAWING_S,
    START_S,
    STEP_S,
    Limits,
    Patience,
    limits_for,
    silence_text,
)

RELIABILITY = {
    "A23": "ten minutes of silence while a model of 30 GB is hashed: not told, not ended (fake clock)",
}


def in_step(seconds_per_step: float = 1.0, *, is_ending: bool = False) -> Patience:
    """Return the patience with a trainer that has taken ten steps."""
    patience = Patience(is_ending=is_ending)
    for step in range(11):
        patience.hear_step(step, step * seconds_per_step)
    return patience


def test_hashing_a_large_model_may_take_its_time() -> None:
    patience = Patience(limits_for(model_bytes=30_000_000_000, pictures=20), is_ending=True)
    patience.hear("training-started")
    assert [patience.look(seconds) for seconds in (60.0, 300.0, 600.0, 899.0)] == [None] * 4
    assert patience.look(900.0) == "tell"


@pytest.mark.parametrize(
    ("kind", "limit_s"),
    [
        ("", START_S),
        ("device", START_S + 100),
        ("network-module", 1200.0),
        ("training-started", START_S + 100),
        ("sampling", DRAWING_S),
        ("checkpoint-saved", 900.0),
        ("a kind of another trainer", START_S),
    ],
)
def test_each_phase_has_its_limit(kind: str, limit_s: float) -> None:
    patience = Patience(limits_for(model_bytes=5_000_000_000, pictures=20))
    patience.hear(kind)
    assert patience.limit_s == limit_s


def test_a_step_may_take_twenty_times_the_usual_one() -> None:
    assert in_step(1.0).limit_s == STEP_S
    assert in_step(60.0).limit_s == 1200.0


def test_a_step_with_pictures_or_saves_in_it_is_no_usual_one() -> None:
    patience = in_step(60.0)
    for step in range(11, 40):
        patience.hear("sampling")
        assert patience.limit_s == DRAWING_S
        patience.hear_step(step - 1, step * 1000.0)  # the bar is drawn again
        assert patience.phase == "sample"
        patience.hear_step(step, step * 1000.0 + 900)
    assert patience.limit_s == 1200.0


def test_the_bar_before_the_first_step_is_no_step() -> None:
    patience = Patience(limits_for(30_000_000_000, 20))
    patience.hear("training-started")
    patience.hear_step(0, 5.0)
    assert patience.phase == "load"


def test_silence_is_told_at_the_limit_and_when_it_has_doubled() -> None:
    patience = in_step()
    assert [patience.look(s) for s in (299.0, 301.0, 302.0, 601.0, 603.0)] == [None, "tell", None, None, "tell"]
    assert patience.look(0.1) is None
    assert patience.look(300.0) == "tell", "a later silence is told anew"


def test_an_attempt_is_ended_only_when_asked_and_only_after_it_was_told() -> None:
    assert [in_step().look(s) for s in (301.0, 9000.0)][-1] == "tell"
    asked = in_step(is_ending=True)
    assert [asked.look(s) for s in (301.0, 599.0, 600.0)] == ["tell", None, "end"]
    assert in_step(is_ending=True).look(9000.0) == "tell", "a machine that slept is no hang yet"


def test_many_pictures_are_not_silent_together() -> None:
    assert limits_for(0, 100_000).cache_s == CACHING_MOST_S
    assert limits_for(0, 1) == Limits()


def test_what_is_said_names_the_phase_and_the_log_where_the_stacks_are() -> None:
    assert "hashes the model" in silence_text("load", 0).en
    assert "console.log" not in silence_text("load", 0).en
    said = silence_text("step", 2)
    assert "in the middle of a step" in said.en
    assert "console.log" in said.en
    assert "console.log" in said.zh
