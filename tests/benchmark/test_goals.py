"""A goal is reached where the figure says so, and shown only where enough runs do."""

from __future__ import annotations

from benchmark.goals import all_of, at_least, at_most_share, table, within_steps


def test_a_score_reaches_its_goal_or_not() -> None:
    assert at_least("macro-F1", 0.85, 0.85, 10).is_reached
    assert at_least("macro-F1", 0.849, 0.85, 10).is_reached is False
    assert all_of("broken", 22, 22).is_reached
    assert all_of("broken", 21, 22).is_reached is False


def test_few_runs_without_an_alarm_show_nothing() -> None:
    assert at_most_share("alarms", 0, 11, 0.05).is_reached is None
    assert at_most_share("alarms", 0, 90, 0.05).is_reached is True
    assert at_most_share("alarms", 9, 90, 0.05).is_reached is False
    assert at_most_share("alarms", 0, 0, 0.05).is_reached is False


def test_what_is_told_late_or_never_misses_the_goal() -> None:
    assert within_steps("nan", [0, 1, 2], 2).is_reached is True
    late = within_steps("collapse", [16, 22], 20)
    assert (late.is_reached, late.value) == (False, "2 of 2 told, 1 later, 22 steps at most")
    assert within_steps("nan", [0, None], 2).is_reached is False
    assert within_steps("nan", [], 2).value == "0 of 0 told, 0 later, 0 steps at most"


def test_the_table_marks_what_is_not_reached() -> None:
    rows = table([all_of("broken", 1, 2), at_most_share("alarms", 0, 11, 0.05)])
    assert rows[2:] == [
        "| broken | all | 1 of 2 | **not reached** |",
        "| alarms | at most 5% | 0 of 11 (95 %: 0.0% to 25.9%) | within it, but too few runs to show it |",
    ]
