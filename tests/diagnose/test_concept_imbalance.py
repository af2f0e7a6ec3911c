from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.concept_imbalance import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, plan, recipe, subset

if TYPE_CHECKING:
    from orchestrator.dataset.model import Folder
    from orchestrator.plan.model import Subset


def _subset(tokens: str, pictures: int, repeats: int, *, is_reg: bool = False) -> Subset:
    return replace(subset(pictures), class_tokens=tokens, num_repeats=repeats, is_reg=is_reg)


def _folder(name: str, pictures: int) -> Folder:
    root = Path("set") / name
    return folder([picture(path=root / f"{i}.png") for i in range(pictures)], image_dir=root)


def test_a_rare_concept_is_told_with_the_repeats_that_balance_it() -> None:
    finding = catches(RULE, Case(plan=plan(subsets=(_subset("alice", 40, 10), _subset("bob", 4, 10)))), Severity.WATCH)
    assert "`alice` is shown 400 times an epoch, `bob` 40 times" in finding.message.en
    assert [fact.value for fact in finding.evidence] == ["40 x 10 = 400", "4 x 10 = 40", 10.0]
    assert finding.fix is not None
    assert "`alice` 40 x 6 = 240; `bob` 4 x 55 = 220" in finding.fix.advice.en


def test_a_balance_never_asks_for_less_than_each_picture_once() -> None:
    finding = catches(RULE, Case(plan=plan(subsets=(_subset("alice", 400, 1), _subset("bob", 4, 1)))))
    assert finding.fix is not None
    assert "`alice` 400 x 1 = 400; `bob` 4 x 100 = 400" in finding.fix.advice.en


def test_folders_of_one_concept_count_together() -> None:
    subsets = (_subset("alice", 30, 2), _subset("alice", 5, 12), _subset("bob", 20, 3))
    catches_not(RULE, Case(plan=plan(subsets=subsets)), Status.CLEAR)
    alone = (_subset("alice", 40, 10), _subset("alice", 4, 10))
    catches_not(RULE, Case(plan=plan(subsets=alone)), Status.NOT_APPLICABLE)


def test_three_to_one_may_be_and_regularisation_does_not_count() -> None:
    subsets = (_subset("alice", 30, 3), _subset("bob", 30, 1), _subset("girl", 500, 1, is_reg=True))
    catches_not(RULE, Case(plan=plan(subsets=subsets)), Status.CLEAR)


def test_shares_of_the_recipe_are_meant() -> None:
    asked = recipe(concepts=[{"image_dir": "a", "share": 0.9}, {"image_dir": "b"}])
    made = plan(subsets=(_subset("alice", 40, 10), _subset("bob", 4, 10)))
    catches_not(RULE, Case(recipe=asked, plan=made), Status.NOT_APPLICABLE)


def test_without_a_recipe_the_names_of_the_folders_say_the_repeats() -> None:
    catches(RULE, Case(dataset=dataset(_folder("10_alice", 20), _folder("1_bob", 20))), Severity.WATCH)
    catches_not(
        RULE,
        Case(dataset=dataset(_folder("10_alice", 20), replace(_folder("1_reg", 400), is_reg=True))),
        Status.NOT_APPLICABLE,
    )
    catches_not(RULE, Case(dataset=dataset(_folder("10_alice", 20), _folder("bob", 2))), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
