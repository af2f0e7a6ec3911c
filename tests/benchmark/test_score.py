"""Scores against numbers worked out by hand, and baselines against what their tools do."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmark import score, score_simulated
from benchmark.baselines import auto_trainer, early_stopping, nan_check
from benchmark.read_along import told_while_running
from benchmark.score import Judged
from benchmark.simulate import simulate
from orchestrator.core.finding import Confidence, State

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(label: State, said: State, **changes: object) -> Judged:
    plain = Judged(label, said, Confidence.HIGH, "a", is_healthy=False)
    return replace(plain, **changes)  # type: ignore[arg-type]


FOUR = [
    run(State.BROKEN, State.BROKEN),
    run(State.BROKEN, State.INCONCLUSIVE),
    run(State.LEARNING, State.BROKEN),
    run(State.LEARNING, State.LEARNING),
]


def test_precision_recall_and_f1() -> None:
    broken, learning = score.state_scores(FOUR)
    assert (broken.name, broken.count, broken.precision, broken.recall, broken.f1) == ("broken", 2, 0.5, 0.5, 0.5)
    assert (learning.precision, learning.recall) == (1.0, 0.5)
    assert learning.f1 == pytest.approx(2 / 3)
    assert score.macro_f1([broken, learning]) == pytest.approx(7 / 12)
    assert score.balanced_accuracy([broken, learning]) == 0.5


def test_inconclusive_is_a_miss_and_counted_apart() -> None:
    assert score.inconclusive_share(FOUR) == 0.25
    assert score.selective_accuracy(FOUR) == pytest.approx(2 / 3)
    silent = [run(State.BROKEN, State.INCONCLUSIVE)]
    assert score.state_scores(silent)[0].f1 == 0.0
    assert math.isnan(score.selective_accuracy(silent))


def test_a_class_that_is_nowhere_has_no_score() -> None:
    assert math.isnan(score.class_score("x", [(False, False)]).f1)
    assert math.isnan(score.macro_f1([]))


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 30, 0.0059, 0.1667), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval(hits: int, count: int, low: float, high: float) -> None:
    """Published values: 0 of 10 and its mirror in every table, 1 of 30 by the formula."""
    assert score.wilson(hits, count) == pytest.approx((low, high), abs=2e-4)


def test_false_alarms_count_healthy_runs_only() -> None:
    healthy = [replace(FOUR[3], is_healthy=True, alarms=names) for names in (("x",), (), (), ())]
    assert score.false_alarm_text([*healthy, replace(FOUR[0], alarms=("y",))]).startswith("1 of 4: 25.0%")
    assert score.false_alarm_text(FOUR) == "no healthy runs"


def test_flags() -> None:
    flagged = replace(FOUR[0], label_flags=frozenset({"a"}), predicted_flags=frozenset({"a", "b"}))
    missed = replace(FOUR[0], label_flags=frozenset({"a", "b"}))
    first, second = score.flag_scores([flagged, missed])
    assert (first.name, first.precision, first.recall) == ("a", 1.0, 0.5)
    assert (second.name, second.precision, second.recall) == ("b", 0.0, 0.0)


def test_delays() -> None:
    told = [replace(FOUR[0], onset_step=10, told_step=12), replace(FOUR[0], onset_step=5, told_step=15)]
    silent = replace(FOUR[0], onset_step=7)
    assert score.delays([*told, silent, FOUR[1]]) == [2, 10]
    assert score.delay_text([*told, silent]) == "2 of 3 told; after 6 steps (median), 10 at most"
    assert score.delay_text([silent]) == "none of 1 told while running"


def test_leaving_one_configuration_out_never_shows_it() -> None:
    runs = [*FOUR, *(replace(one, configuration="b", predicted=one.label) for one in FOUR)]
    shown: list[tuple[set[str], set[str]]] = []

    def again(seen: Sequence[Judged], unseen: Sequence[Judged]) -> Sequence[Judged]:
        shown.append(({one.configuration for one in seen}, {one.configuration for one in unseen}))
        return [*seen, *unseen]

    found = score.leave_one_out(runs, again)
    assert shown == [({"b"}, {"a"}), ({"a"}, {"b"})]
    assert found["a"] == pytest.approx((1.0, 7 / 12))
    assert "| mean | | | +0.000 |" in score.configuration_table(found)


def test_tables_are_markdown() -> None:
    tables = [
        score.summary_table({"all": FOUR}),
        score.class_table(score.state_scores(FOUR), "state"),
        score.confusion_table(FOUR),
        score.confidence_table(FOUR),
    ]
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
        assert set(lines[1]) == {"|", "-"}
    assert "| high | 3 | 66.7%" in "\n".join(tables[3])


def test_baselines() -> None:
    rng = random.Random(0)
    falling = [1.0 - 0.0004 * i + 0.001 * rng.random() for i in range(1000)]
    bad = [*falling, math.nan]
    assert [check(bad) for check in (nan_check, early_stopping, auto_trainer)] == [State.BROKEN] * 3
    assert nan_check(falling) is State.INCONCLUSIVE
    assert early_stopping(falling) is State.UNDERTRAINED
    assert early_stopping([*falling, *[0.9] * 1000]) is State.CONVERGED
    assert early_stopping([*falling, *[5.0] * 1000]) is State.BROKEN
    assert auto_trainer(falling) is State.LEARNING
    assert auto_trainer([0.5 + 0.0001 * rng.random() for _ in range(400)]) is State.NOT_LEARNING
    assert auto_trainer([0.5 + 0.2 * (i // 20 % 2) for i in range(400)]) is State.UNSTABLE
    assert auto_trainer([1.0, 2000.0]) is State.BROKEN


def test_simulated_runs_are_judged_by_the_diagnosis() -> None:
    judged = score_simulated.judged(simulate("nan", 0))
    assert (judged.label, judged.predicted) == (State.BROKEN, State.BROKEN)
    assert "nan-loss" in judged.predicted_flags
    assert not judged.is_healthy
    assert judged.alarms
    assert judged.told_step == judged.onset_step
    assert told_while_running(simulate("learning", 0)) is None
    other = score_simulated.judged_by_baseline(simulate("nan", 0), "NaN check (OneTrainer)")
    assert other.predicted is State.BROKEN


def test_halves_share_no_seed() -> None:
    halves = [{run.about["seed"] for run in score_simulated.runs_of(half, 2)} for half in ("thresholds", "reported")]
    assert halves == [{0, 2}, {1, 3}]


def test_all_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert score_simulated.main(["--half", "thresholds", "--runs", "1"]) == 0
    told = capsys.readouterr().out
    assert "| this diagnosis | 31 |" in told
    assert "| nan-loss | 1 of 1 told; after 0 steps (median), 0 at most |" in told
    assert "### One configuration left out" in told
