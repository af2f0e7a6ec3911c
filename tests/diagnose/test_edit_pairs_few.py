from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.core.finding import Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.core.telemetry import Picture, Probe, Telemetry
from orchestrator.dataset.pairs import find_pairs
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.edit_pairs_few import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, plan, recipe

EDIT = recipe(subject={"kind": "edit", "trigger": "alicexyz", "class_tokens": "girl"})


def _case(pairs: int) -> Case:
    return Case(recipe=EDIT, dataset=dataset(folder(pairs)), plan=plan(kind="edit"))


def _probed(early: float, end: float) -> Observations:
    def probe(step: int, level: float, *, is_on: bool = True) -> Probe:
        return Probe(step, is_on, "train", (100.0, 500.0), (0, 1), ((level,) * 2,) * 2, ((1.0,) * 2,) * 2)

    steps = range(30, 301, 30)
    on = [probe(s, early if s <= 100 else end) for s in steps]
    told = (Picture(0, "a/0.png"), Picture(1, "a/1.png"))
    return Observations(telemetry=Telemetry("probe", pictures=told, probes=(probe(0, 1.0, is_on=False), *on)))


def test_few_pairs_are_caught_and_told_once() -> None:
    assert "30 pairs are few" in catches(RULE, _case(30), Severity.WATCH).message.en
    names = [finding.name for finding in judge(_case(30), "before").fired]
    assert "edit-pairs-few" in names
    assert "few-pictures" not in names


def test_where_the_edit_itself_was_refused_nobody_asks_for_more_pairs() -> None:
    refused = replace(_case(30), plan=None)
    assert "edit-pairs-few" not in [finding.name for finding in judge(refused, "before").fired]


def test_after_the_run_the_probe_says_whether_it_learned_early() -> None:
    learned = replace(_case(30), observations=_probed(0.9, 0.8))
    catches(RULE, learned, Severity.INFO)
    late = replace(_case(30), observations=_probed(1.0, 0.8))
    assert "nothing was learned" in catches(RULE, late, Severity.WATCH).message.en


def test_enough_pairs_are_clear_and_other_subjects_no_question() -> None:
    catches_not(RULE, _case(50), Status.CLEAR)
    catches_not(RULE, Case(recipe=recipe(), dataset=dataset(folder(5))), Status.NOT_APPLICABLE)


def test_pairs_are_counted_from_the_plan_too() -> None:
    catches(RULE, Case(plan=plan(kind="edit")), Severity.WATCH)


def test_uncounted_pairs_say_nothing() -> None:
    catches_not(RULE, Case(kind="edit"), Status.INCONCLUSIVE)


def _folders(pairs: int) -> Case:
    """Return a set that only its folders say is one of pairs, with one half too many."""
    both = [
        folder(
            [picture(path=Path("set") / name / f"{i}.png") for i in range(pairs + more)], image_dir=Path("set") / name
        )
        for name, more in (("source", 1), ("target", 0))
    ]
    return Case(dataset=replace(dataset(*both), pairs=find_pairs(both)))


def test_pairs_that_folders_make_known_are_counted_whole_and_without_a_kind() -> None:
    assert "49 pairs are few" in catches(RULE, _folders(49), Severity.WATCH).message.en
    assert "edit-pairs-few" in [finding.name for finding in judge(_folders(4), "before").fired]
    catches_not(RULE, _folders(50), Status.CLEAR)
