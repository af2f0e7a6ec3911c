"""The recipe of the next character: the old text, in which only what belongs to the character is another.

A resolution or a single shape that the new pictures do not fit is changed (`fitted.py`). Repeats and epochs are decided again
(`kept_length.py`), so that the steps the old recipe planned hold for the new number of pictures; where a picture would then be seen too rarely or too often, the planner moves the steps and says so.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Location, Problem
from orchestrator.core.home_path import at_home
from orchestrator.core.refusal import reason_of
from orchestrator.core.source import KeyPath, display_name, dotted, parse_document
from orchestrator.core.text import Text
from orchestrator.plan.fitted import fits_of
from orchestrator.plan.kept_length import kept_length, plan_of
from orchestrator.plan.other_words import Swap, differences, other_subject, still_said
from orchestrator.recipe.dump import is_relative_file, names_file
from orchestrator.recipe.edits import reword, set_value
from orchestrator.recipe.form import file_name_reason
from orchestrator.recipe.keys import PATH_KEYS
from orchestrator.recipe.load import LoadedRecipe, load_recipe

if TYPE_CHECKING:
    from orchestrator.plan.kept_length import KeptLength
    from orchestrator.plan.model import Plan


_SCHEMA = re.compile(r"^(# yaml-language-server: \$schema=)(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NewRecipe:
    """A recipe to be written."""

    text: str
    notes: tuple[Text, ...]
    """What was decided, and what the user should look at."""


def new_recipe(name: str, old: Path, images: str | Path, trigger: str | None, folder: Path) -> NewRecipe:
    """Return the recipe `name` for the pictures in `images`, made from the recipe `old`; it is to be written into `folder`.

    `images` stands in the recipe as it was typed where that names the same folder from there.

    Writes nothing. Raises InputError when the name, the folder, the old recipe or the pictures cannot be used.
    """
    _check_name(name)
    _check_folder(folder)
    loaded = load_recipe(old)
    concept = _subject_concept(loaded)
    swap = Swap(loaded.recipe.name, name, loaded.recipe.subject.trigger, trigger)
    data = other_subject(loaded.data, swap, concept, _written_images(images, folder))
    text = _moved(loaded, folder)
    for path in differences(loaded.data, data):
        text = _apply(text, path, data, loaded)
    target = folder / f"{name}.yaml"
    kept = kept_length(loaded, concept)
    text, fits = _fitted(text, target, kept, concept, images)
    decided = None
    if kept is not None:
        decided = _plan_of_new(load_recipe(target, kept.freeing(concept), text=text), concept, images)
        text = _write_length(text, loaded, data, concept, kept, decided)
    plan = _plan_of_new(load_recipe(target, text=text), concept, images)
    # Why the steps moved is only known to the planner while it is free to move them.
    moved = decided.notes if decided is not None and _has_length_of(plan, decided) else ()
    length = (kept.told,) if kept is not None else ()
    notes = [
        *length,
        *fits,
        *moved,
        *plan.notes,
        *plan.steps.lines,
        _seen_told(plan),
        *still_said(loaded.data, data, swap),
    ]
    return NewRecipe(text, tuple(dict.fromkeys(notes)))


def _fitted(
    text: str, target: Path, kept: KeptLength | None, concept: int, images: str | Path
) -> tuple[str, tuple[Text, ...]]:
    """Return `text` with what has to change for the new pictures, and why."""
    made = load_recipe(target, kept.freeing(concept) if kept is not None else (), text=text)
    fits = fits_of(made, _plan_of_new(made, concept, images), concept)
    for fit in fits:
        if fit.path is not None:
            text = set_value(text, fit.path, fit.value)
    return text, tuple(fit.told for fit in fits)


def write_new(path: Path, text: str) -> None:
    """Write a recipe that is not there yet. Raises InputError when there is one, or when it cannot be written."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        what = Text(f"`{path.name}` is there already", f"`{path.name}` 已存在")
        why = Text("recipes are never written over", "配方从不被覆盖")
        fix = Text("give another name, or move the old file away", "换一个名字，或先移走旧文件")
        raise InputError([Problem("file-exists", what, why, fix)]) from None
    except OSError as error:
        what = Text(f"cannot write `{path.name}`", f"无法写入 `{path.name}`")
        fix = Text(
            "mend that, or name a file in another folder with `-o`", "请先解决，或用 `-o` 指定另一个文件夹里的文件"
        )
        raise InputError([Problem("cannot-write", what, reason_of(error), fix)]) from error


def _check_name(name: str) -> None:
    reason = file_name_reason(name) if name else Text("it is empty", "它是空的")
    if reason is not None:
        what = Text(f"`{name}` cannot name a recipe: {reason.en}", f"`{name}` 不能用作配方名：{reason.zh}")
        fix = Text("use letters, digits, spaces, `-` and `_`", "请用文字、数字、空格、`-` 和 `_`")
        raise InputError([Problem("bad-name", what, fix=fix)])


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        shown = display_name(folder)
        what = Text(f"the folder `{shown}` for the new recipe does not exist", f"存放新配方的文件夹 `{shown}` 不存在")
        fix = Text("make it first, or name another file with `-o`", "请先建立它，或用 `-o` 指定别的文件")
        raise InputError([Problem("no-folder", what, fix=fix)])


def _subject_concept(loaded: LoadedRecipe) -> int:
    """Return which concept holds the subject's pictures: the only one that is not for regularisation."""
    learned = [index for index, concept in enumerate(loaded.recipe.concepts) if not concept.is_reg]
    if len(learned) == 1:
        return learned[0]
    count, where = len(learned), loaded.origins["concepts"].where
    raise InputError([Problem(
        "several-concepts",
        Text(f"the old recipe learns from {count} folders, and `--images` names one", f"旧配方学习 {count} 个文件夹，而 `--images` 只有一个"),
        Text("which of them the new pictures replace cannot be known", "无法知道新图片替换哪一个"),
        Text(f"write a file with `extends: {loaded.path.name}` and `concepts:` of its own", f"新建文件，写 `extends: {loaded.path.name}` 和自己的 `concepts:`"),
        where,
    )])  # fmt: skip


def _apply(text: str, path: KeyPath, data: dict[str, Any], loaded: LoadedRecipe) -> str:
    """Return `text` with the new value at `path`. A list that is only inherited is written out whole: lists replace."""
    document = parse_document(text, "recipe")
    for size in range(1, len(path)):
        if isinstance(path[size], int) and path[:size] not in document.spots:
            return set_value(text, path[:size], _written_out(data, path[:size], loaded))
    value = _at(data, path)
    if path not in document.spots:
        return set_value(text, path, value)
    old = _at(document.data, path)
    if old == value or not (isinstance(old, str) and isinstance(value, str)):
        return text if old == value else set_value(text, path, value)
    return reword(text, path, lambda part: part.replace(old, value) if part.count(old) == 1 else value)


def _written_out(data: dict[str, Any], path: KeyPath, loaded: LoadedRecipe) -> Any:
    """Return an inherited list with paths that do not depend on the file they came from."""
    items = _at(data, path)
    for index, item in enumerate(items):
        for key in PATH_KEYS & set(item if isinstance(item, dict) else ()):
            where = (*path, index, key)
            if item[key] == _at(loaded.data, where):
                item[key] = str(loaded.resolve_path(dotted(where)))
    return items


def _moved(loaded: LoadedRecipe, folder: Path) -> str:
    """Return the old text with its own relative paths pointing at the same files from `folder`."""
    text, home = loaded.text, loaded.base_dir.absolute()
    if os.path.normpath(home) == os.path.normpath(folder.absolute()):
        return text
    document = parse_document(text, "recipe")
    for path in document.spots:
        value = _at(document.data, path)
        is_parent = path == ("extends",) and str(value).endswith((".yaml", ".yml"))
        is_file = isinstance(value, str) and names_file(path)
        if (is_parent and not Path(value).is_absolute()) or (is_file and is_relative_file(value, home)):
            text = set_value(text, path, _shown_path(home / value, folder))
    return _SCHEMA.sub(lambda found: found[1] + _schema_from(found[2], home, folder), text)


def _schema_from(named: str, home: Path, folder: Path) -> str:
    """Return the schema that an editor is told of, as it is called from `folder`; an address or a lost file stays."""
    return _shown_path(home / named, folder) if (home / named).is_file() else named


def _written_images(images: str | Path, folder: Path) -> str:
    """Return the folder of the pictures as the user typed it (`./bob`), or as it is called from another folder."""
    is_same_place = not Path(images).is_absolute() and folder.absolute().samefile(Path.cwd())
    return str(images) if is_same_place and not str(images).startswith("~") else _shown_path(Path(images), folder)


def _shown_path(path: Path, folder: Path) -> str:
    """Return `path` as it is written into a recipe in `folder`: relative where it lies near, with forward slashes."""
    absolute = Path(os.path.normpath(at_home(path).absolute()))
    try:
        relative = Path(os.path.relpath(absolute, folder.absolute()))
    except ValueError:  # another drive
        return str(absolute)
    return relative.as_posix() if relative.parts.count("..") <= 2 else str(absolute)


def _write_length(
    text: str, loaded: LoadedRecipe, data: dict[str, Any], concept: int, kept: KeptLength, plan: Plan
) -> str:
    """Return `text` with what makes the planner come to the length of `plan` again.

    Epochs hold only together with their repeats: for given epochs the planner would decide the repeats by the steps alone,
    and show each picture as often as that takes. Given repeats leave it the epochs, which it keeps within the band.
    """
    epochs, share = loaded.recipe.train.max_train_epochs, loaded.recipe.concepts[concept].share
    if share is None:
        data["concepts"][concept]["num_repeats"] = plan.subsets[concept].num_repeats
        text = _apply(text, ("concepts", concept, "num_repeats"), data, loaded)
    if share is not None or kept.is_of_repeats:  # a share decides the repeats itself, and refuses others beside it
        text = set_value(text, ("train", "target_steps"), plan.steps.total_steps)
    return text if epochs is None else set_value(text, ("train", "max_train_epochs"), plan.steps.epochs)


def _has_length_of(plan: Plan, decided: Plan) -> bool:
    lengths = [([s.num_repeats for s in p.subsets], p.steps.epochs) for p in (plan, decided)]
    return lengths[0] == lengths[1]


def _plan_of_new(made: LoadedRecipe, concept: int, images: str | Path) -> Plan:
    """Plan a recipe that is not written yet: a fault of its pictures is told at the option that names them."""
    try:
        return plan_of(made)
    except InputError as error:
        shown, folder = str(images), made.origins[f"concepts[{concept}].image_dir"].where
        given = Location("--images", 1, 1, shown, max(1, len(shown)))
        raise InputError(_given(p, given) if p.where == folder else p for p in error.problems) from error


def _given(problem: Problem, given: Location) -> Problem:
    """Return a problem of the new pictures where they were named: on the command line, not in a recipe."""
    if problem.code != "image-dir-missing":
        return replace(problem, where=given)
    return replace(
        problem,
        what=Text(f"there is no folder `{given.source}`", f"没有文件夹 `{given.source}`"),
        why=Text("relative paths start at the working directory", "相对路径从当前目录算起"),
        where=given,
    )


def _seen_told(plan: Plan) -> Text:
    """Say how often a picture is seen, and how many of the folder are not trained on."""
    seen, held = plan.steps.exposures_per_image, len(plan.validation.sizes) if plan.validation else 0
    if not held:
        return Text(f"each picture is seen {seen:.0f} times", f"每张图片被看到 {seen:.0f} 次")
    return Text(
        f"each picture is seen {seen:.0f} times; {held} more are held out to measure overfitting (`validate.hold_out`)",
        f"每张图片被看到 {seen:.0f} 次；另有 {held} 张留出，用于测量过拟合（`validate.hold_out`）",
    )


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data
