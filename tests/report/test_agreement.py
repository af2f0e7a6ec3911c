"""The sentence, the headline, the files to try and the findings of one run never contradict each other, whatever became of it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.finding import Confidence, Severity, State
from orchestrator.core.text import LANGUAGES
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.headline import headline
from orchestrator.diagnose.state import primary_state
from orchestrator.diagnose.window import checkpoint_window
from orchestrator.report.html import render_html
from orchestrator.report.sentence import became, end_lines
from orchestrator.report.verdict import level
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import observed, outcome, series
from tests.diagnose.recorded import approach, file_at, recorded, shaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.observation import Checkpoint
    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]

STEPS = (200, 400, 600, 800, 1000, 1200)
CURVES = {
    "learned": approach(-6.0),
    "little": [-0.7] * 12,
    "nothing": [-0.1] * 12,
    "slow": [-0.1 * n for n in range(1, 13)],
    "falling": [-0.5 * n for n in range(1, 13)],
    "rebound": [-1.0, -2.0, -3.0, -3.5, -3.9, -4.0, -3.9, -3.5, -2.5, -1.5, -0.5, 0.5],
    "worse": approach(40.0),
    "broke": [-2.0, -3.0, -1.0, 5.0, *[30.0] * 8],
    "lost": [*approach(-6.0, 7), *[math.nan] * 5],
    "shaken": shaken([-3.0] * 12, 2.5),
}
FINAL: dict[str, dict[str, Any]] = {
    "whole": {},
    "lost": {"nonfinite_count": 4},
    "cut": {"is_readable": False},
    "zero": {"zero_up_count": 204},
}
ENDINGS = {
    "fine": outcome(),
    "crashed": outcome(Ending.FAILED, "crash", 1),
    "no-model": outcome(Ending.FAILED, "no-model", 0),
    "interrupted": outcome(Ending.INTERRUPTED, "interrupted", 130),
}


def files(final: str | None) -> list[Checkpoint]:
    found = [file_at(step, unet=step / 1e5, te=step / 1e6) for step in STEPS[:-1]]
    last = file_at(1200, unet=0.012, te=0.0012, **FINAL.get(final or "", {}))
    return found if final is None else [*found, replace(last, is_final=True, path="output/run.safetensors")]


def judged(make: Make, curve: str, final: str | None, ending: str) -> ReportData:
    train = CURVES[curve]
    losses = [0.2 if math.isfinite(value) else math.nan for value in train for _ in range(100)]
    case = replace(recorded(train, train, losses=losses, checkpoints=files(final)), outcome=ENDINGS[ending])
    verdict = judge(case, "after", reraise=True)
    return replace(make(), case=case, verdict=verdict, outcome=case.outcome, headline=headline(verdict, case.outcome))


@pytest.mark.parametrize("curve", CURVES)
def test_nothing_contradicts(make_data: Make, curve: str) -> None:
    for final, ending in itertools.product([None, *FINAL], ENDINGS):
        data = judged(make_data, curve, final, ending)
        told, window = became(data), checkpoint_window(data.case, data.verdict)
        state, sure, where = (
            primary_state(data.verdict).state,
            primary_state(data.verdict).confidence,
            (curve, final, ending),
        )
        sentence, line = told.sentence.en, data.headline.en
        names = [one.path.rsplit("/", 1)[-1] for one in window.candidates] if window is not None else []
        assert ("broken" in sentence) == (state is State.BROKEN) == line.startswith(
            ("Broken.",)
        ) or ending == "crashed", where
        has_stop = any(f.severity is Severity.STOP for f in data.verdict.fired)
        if has_stop or state is State.BROKEN:
            assert level(data.verdict, data.outcome) == told.look == "stop", where
            assert not sentence.startswith(("This LoRA learned:", "This LoRA was still", "This LoRA got better")), where
            cause = told.because if state is State.BROKEN else data.verdict.fired[0]
            assert cause is not None
            assert cause.message.en in line, where
            assert state is State.BROKEN or cause.message.en in sentence, where
        if state is State.BROKEN:
            assert all(name in sentence for name in names), where
            assert "run.safetensors" not in names, where
        if state in {State.LEARNING, State.CONVERGED, State.UNDERTRAINED} and final == "whole":
            assert window is not None
            assert "use none" not in window.because.en, where
        if state is State.NOT_LEARNING:
            assert "run.safetensors" not in [*names, *sentence.split(", ")], where
        if window is not None and names:
            assert list(Confidence).index(window.confidence) >= list(Confidence).index(sure), where
        if "an earlier file is the better one" in sentence:
            assert any(name != "run.safetensors" for name in names), where
        by_path = {file.path: file for file in files(final)}
        assert not window or all(by_path[c.path].nonfinite_count == 0 for c in window.candidates), where


def test_what_was_learned_is_said_after_the_file_that_is_missing(make_data: Make) -> None:
    data = judged(make_data, "learned", None, "no-model")
    told = became(data)
    assert told.sentence.en.startswith("First: The run ended without a final file. ")
    assert "The training itself had got better" in told.sentence.en
    assert told.sentence.zh.startswith("首先：训练结束了，却没有最终文件。")
    assert told.look == "stop"
    assert data.headline.en == "Failed. The run ended without a final file."
    assert any("try these files: run-step" in line.en for line in end_lines(data))


def test_a_gain_on_two_held_out_pictures_is_told_as_that(make_data: Make) -> None:
    for curve in ("learned", "falling"):
        told = became(judged(make_data, curve, "whole", "fine"))
        is_gain = told.name.en in {"learning", "converged"}
        assert ("2 held-out pictures, too few to speak for others" in told.sentence.en) == is_gain
        assert ("2 张留出图片" in told.sentence.zh) == is_gain
    assert became(judged(make_data, "learned", "whole", "fine")).name.en in {"learning", "converged"}


def test_a_broken_run_names_what_was_saved_before_in_every_place(make_data: Make) -> None:
    data = judged(make_data, "lost", "lost", "fine")
    told = became(data)
    assert told.sentence.en.startswith("This LoRA is broken: do not use its last file. Saved before it broke")
    assert "run-step00000600.safetensors" in told.sentence.en
    for language in LANGUAGES:
        html = render_html(data, language)
        assert told.sentence.to(language) in html
        assert {"en": "saved before step 701", "zh": "保存于第 701 步之前"}[language] in html


def test_a_broken_run_without_a_sound_file_names_none(make_data: Make) -> None:
    data = judged(make_data, "worse", "whole", "fine")
    assert became(data).sentence.en == "This LoRA is broken: do not use it."
    assert not any("try these files" in line.en for line in end_lines(data))


@pytest.mark.parametrize(
    ("curve", "state"),
    [
        (approach(-20.0), State.CONVERGED),
        ([-2.0 * n for n in range(1, 13)], State.UNDERTRAINED),
        (approach(-20.0, rate=2.2), State.LEARNING),
    ],
)
def test_what_was_measured_of_its_own_pictures_is_said_and_that_it_is_no_more(
    make_data: Make, curve: list[float], state: State
) -> None:
    case = recorded(curve, checkpoints=files("whole"))
    data = replace(make_data(), case=case, verdict=judge(case, "after", reraise=True), outcome=outcome())
    assert primary_state(data.verdict).state is state
    assert "memorised-training-pictures" in {finding.name for finding in data.verdict.fired}
    told = became(data)
    assert "on its own pictures alone" in told.sentence.en
    assert "只在训练图片上测得" in told.sentence.zh


def test_a_held_out_loss_without_a_base_says_no_more_than_perhaps(make_data: Make) -> None:
    held_out = series([0.20, 0.18, 0.17, 0.18, 0.20, 0.22], "loss/validation/epoch_average")
    case = observed(further=[held_out], facts={"steps_per_epoch": 200}, checkpoints=files("whole"))
    data = replace(make_data(), case=case, verdict=judge(case, "after", reraise=True), outcome=outcome())
    assert became(data).name.en == "perhaps overfit"
    assert "held-out loss rose again" in became(data).sentence.en
