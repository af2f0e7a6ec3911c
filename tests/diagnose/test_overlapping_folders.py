from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.dataset.looked import Copy, CopyGroup, Looked
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.overlapping_folders import RULE
from orchestrator.plan.model import Link
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, plan, recipe, subset

if TYPE_CHECKING:
    from orchestrator.dataset.model import Dataset, Folder


def _folder(name: str, *, is_reg: bool = False, is_held_out: bool = False) -> Folder:
    root = Path("set") / name
    return folder(
        [picture(path=root / f"{i}.png") for i in range(3)], image_dir=root, is_reg=is_reg, is_held_out=is_held_out
    )


def _path(name: str, number: int) -> Path:
    return Path("set") / name / f"{number}.png"


def _copies(found: Dataset, kept: Path, copy: Path) -> Dataset:
    group = CopyGroup(kept, (Copy(copy, "resized", is_mirrored=False, likeness=0.99),))
    return replace(found, looked=Looked({}, (group,)))


def test_a_training_picture_among_the_regularisation_pictures_is_named_without_a_look_at_pixels() -> None:
    equal = ((_path("a", 0), _path("b", 2)),)
    found = replace(dataset(_folder("a"), _folder("b", is_reg=True)), equal_files=equal)
    finding = catches(RULE, Case(recipe=recipe(), dataset=found), Severity.FIX)
    assert finding.paths == equal[0]
    assert "1 of the regularisation pictures is trained on as well: 2.png" in finding.message.en
    assert (finding.evidence[0].source, finding.evidence[0].value) == ("b/2.png", "a/0.png")


def test_a_copy_in_a_folder_called_val_is_named() -> None:
    found = _copies(dataset(_folder("train"), _folder("val", is_held_out=True)), _path("val", 1), _path("train", 0))
    finding = catches(RULE, Case(dataset=found), Severity.FIX)
    assert finding.paths == (_path("train", 0), _path("val", 1))
    assert "held-out" in finding.message.en


def test_where_a_recipe_trains_a_folder_its_name_says_nothing() -> None:
    found = _copies(dataset(_folder("train"), _folder("val")), _path("val", 1), _path("train", 0))
    catches_not(RULE, Case(recipe=recipe(), dataset=found), Status.NOT_APPLICABLE)


def test_a_copy_of_a_held_out_picture_is_told_and_equal_files_are_left_to_the_plan() -> None:
    held = _path("a", 0)
    made = plan(validation=replace(subset(1), links=(Link("data_validation/1_x/0.png", held),)))
    found = dataset(_folder("a"))
    catches(RULE, Case(dataset=_copies(found, _path("a", 1), held), plan=made), Severity.FIX)
    equal = replace(found, equal_files=((held, _path("a", 1)),))
    catches_not(RULE, Case(dataset=equal, plan=made), Status.CLEAR)


def test_copies_on_one_side_are_another_rules() -> None:
    found = replace(dataset(_folder("a"), _folder("b", is_reg=True)), equal_files=((_path("b", 0), _path("b", 1)),))
    seen = catches_not(RULE, Case(recipe=recipe(), dataset=found), Status.CLEAR)
    assert seen.confidence is Confidence.MEDIUM  # nobody looked for copies


def test_where_all_is_trained_on_nothing_is_asked() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
