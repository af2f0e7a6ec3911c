from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.core.finding import Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.core.telemetry import Picture, Probe, Telemetry
from orchestrator.diagnose.course import course, has_learned
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.trigger_weak import RULE
from orchestrator.diagnose.signals.probe import NO_TRIGGER, probe_curve
from tests.diagnose.cases import catches, catches_not, observed, recipe

PICTURES = tuple(range(6))
TIMESTEPS = (100.0, 500.0, 900.0)


def _probe(step: int, level: float, *, is_on: bool = True, when: str = "train", spread: float = 0.0) -> Probe:
    rows = tuple((level * (1 + spread * (-1) ** i),) * 3 for i in PICTURES)
    return Probe(step, is_on, when, TIMESTEPS, PICTURES, rows, ((1.0,) * 3,) * 6)


def _case(
    without: float | None,
    *,
    end: float = 0.8,
    spread: float = 0.0,
    kind: str = "character",
    notes: tuple[str, ...] = (),
    shown: int = 6,
) -> Case:
    """Six pictures, learned from 1 to `end`; their loss at the end is `without` where the captions lack the trigger."""
    probes = [_probe(0, 1.0, is_on=False, when="start")]
    probes += [_probe(s, 1 + (end - 1) * s / 400) for s in (100, 200, 300, 400)]
    if without is not None:
        last = _probe(400, without, when=NO_TRIGGER, spread=spread)
        cut = slice(shown)
        last = replace(last, pictures=last.pictures[cut], losses=last.losses[cut], targets=last.targets[cut])
        probes.append(last)
    told = tuple(Picture(i, f"10_a/{i}.png") for i in PICTURES)
    seen = Observations(telemetry=Telemetry("probe", pictures=told, probes=tuple(probes), notes=notes))
    subject = {"kind": kind, "trigger": "alicexyz", "class_tokens": "girl"}
    return Case(recipe=recipe(subject=subject), observations=seen)


def test_a_word_that_changes_nothing_is_told() -> None:
    assert (
        catches(RULE, _case(0.8, spread=0.005), Severity.INFO).fix is None
    )  # usual for one subject: nothing to be done next


def test_a_word_that_changes_little_is_told_though_it_changes_it_for_sure() -> None:
    found = catches(RULE, _case(0.804, spread=0.0001), Severity.INFO)
    assert found.evidence[1].value is not None
    assert float(found.evidence[1].value) > 0
    assert "at most 2" in found.message.en


def test_a_single_jump_does_not_hide_what_the_verdict_calls_learned() -> None:
    levels = [0.99, 0.97, 0.70, 0.78, 0.77, 0.77, 0.76, 0.76]
    case = _case(0.76)
    assert case.observations is not None
    assert case.observations.telemetry is not None
    shown = [_probe(0, 1.0, is_on=False, when="start")]
    shown += [_probe(100 * n, level) for n, level in enumerate(levels, 1)]
    shown.append(_probe(800, 0.761, when=NO_TRIGGER, spread=0.0005))
    telemetry = replace(case.observations.telemetry, probes=tuple(shown))
    case = replace(case, observations=replace(case.observations, telemetry=telemetry))
    seen = course(case)
    assert seen is not None
    assert has_learned(seen)
    catches(RULE, case, Severity.INFO)


def test_a_word_that_is_bound_is_clear() -> None:
    catches_not(RULE, _case(0.88, spread=0.01), Status.CLEAR)


def test_pictures_that_disagree_say_nothing() -> None:
    catches_not(RULE, _case(0.83, spread=0.1), Status.INCONCLUSIVE)
    catches_not(RULE, _case(0.815, spread=0.02), Status.INCONCLUSIVE)


def test_numbers_that_are_told_make_sense() -> None:
    said = catches_not(RULE, _case(0.815, spread=0.02), Status.INCONCLUSIVE).message.en
    low, high, tenth = (float(number) for number in re.findall(r"(-?[\d.]+) (?:to|%)", said))
    assert low < tenth < high
    assert round(tenth, 1) == 2.3


def test_too_little_learned_is_not_told_as_a_wide_interval() -> None:
    found = catches_not(RULE, _case(0.9905, end=0.99, spread=0.0005), Status.INCONCLUSIVE)
    assert "Too little was learned, 1.0 %" in found.message.en
    assert found.needs is not None
    assert "learns more" in found.needs.en


def test_nothing_learned_and_styles_are_no_question() -> None:
    catches_not(RULE, _case(1.0, end=1.0, spread=0.02), Status.NOT_APPLICABLE)
    catches_not(RULE, _case(0.8, kind="style"), Status.NOT_APPLICABLE)


def test_without_the_second_probe_nobody_can_say() -> None:
    catches_not(RULE, _case(None), Status.INCONCLUSIVE)
    catches_not(RULE, observed([0.1] * 400), Status.INCONCLUSIVE)
    catches_not(RULE, _case(0.8, shown=3), Status.INCONCLUSIVE)


def test_why_there_is_no_second_probe_is_told() -> None:
    case = _case(None, notes=("held-out: x", "no-trigger-probe: no caption of the probe holds the trigger"))
    found = catches_not(RULE, case, Status.INCONCLUSIVE)
    assert found.message.en.endswith(": no caption of the probe holds the trigger.")
    assert found.message.zh.endswith("：探针图片的标注都不含触发词。")


def test_a_probe_without_the_trigger_is_no_point_of_the_curve() -> None:
    seen = _case(0.99).observations
    assert seen is not None
    assert seen.telemetry is not None
    curve = probe_curve(seen.telemetry.probes, PICTURES)
    assert curve is not None
    assert round(curve.last, 6) == -20
