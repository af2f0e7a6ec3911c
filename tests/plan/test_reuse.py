"""The next character's recipe: line by line the old one, apart from what belongs to the character."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.core.text import Text
from orchestrator.plan.kept_length import plan_of
from orchestrator.plan.reuse import NewRecipe, new_recipe, write_new
from orchestrator.recipe.load import LoadedRecipe, load_recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.finding import Problem

OLD = """\
# Alice, from the second film.   Keep this comment.
recipe_version: 1
name: alice-v1                 # her name
subject:
  kind: character
  trigger: alicechr            # unknown to the base
  class_tokens: 'alicechr girl'

base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}

concepts:
  - image_dir: alice           # 20 pictures
    num_repeats: 10
    keep_tokens: 1
  - {image_dir: regular, is_reg: yes, num_repeats: 2}

train:
  target_steps:   800
  max_train_epochs: 8          # 20 x 10 x 8 / 2
  train_batch_size: 2
  unet_lr: 1E-4                # as she likes it

validate: {hold_out: 0}
sample:
  prompts:
    - alicechr, portrait, malicechr
    - {prompt: "alicechr at night", negative_prompt: 'blurry', seed: 7}
    - a girl
metadata:
  title: alice-v1
  description: "alice-v1 by alicechr's friends; file alice-v1.safetensors"
  tags: alicechr, girl
trainer_args: {wandb_run_name: alice-v1, caption_prefix: alicechr}
"""
OLD_STEPS = 1600
"""(20 x 10 pictures + as many regularisation samples) / 2 x 8 epochs: the epochs decide, not `target_steps`."""


@pytest.fixture
def old(tmp_path: Path, pictures: Callable[..., Path]) -> Path:
    pictures("alice", 20)
    pictures("regular", 30)
    path = tmp_path / "alice.yaml"
    path.write_text(OLD, encoding="utf-8")
    return path


def changed_lines(before: str, after: str) -> list[str]:
    """Compare line by line: no line may be added or lost."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [new for old_line, new in pairs if old_line != new]


def loaded(made: NewRecipe, folder: Path) -> LoadedRecipe:
    return load_recipe(folder / "new.yaml", text=made.text)


def steps_of(made: NewRecipe, folder: Path) -> int:
    recipe = loaded(made, folder)
    return plan_of(recipe).steps.total_steps


def told(made: NewRecipe) -> str:
    return "\n".join(note.en for note in made.notes)


def codes(call: Callable[[], object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        call()
    return [p.code for p in caught.value.problems]


def test_only_what_belongs_to_the_character_changed(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    made = new_recipe("bob-v2", old, pictures("bob", 40), "bobchr", tmp_path)
    assert changed_lines(OLD, made.text) == [
        "name: bob-v2                 # her name",
        "  trigger: bobchr            # unknown to the base",
        "  class_tokens: 'bobchr girl'",
        "  - image_dir: bob           # 20 pictures",
        "    num_repeats: 2",
        "  max_train_epochs: 20          # 20 x 10 x 8 / 2",
        "    - bobchr, portrait, malicechr",
        "    - {prompt: \"bobchr at night\", negative_prompt: 'blurry', seed: 7}",
        "  title: bob-v2",
        '  description: "bob-v2 by bobchr\'s friends; file bob-v2.safetensors"',
        "  tags: bobchr, girl",
        "trainer_args: {wandb_run_name: bob-v2, caption_prefix: bobchr}",
    ]


@pytest.mark.parametrize("count", [7, 13, 20, 31, 64, 150])
def test_the_target_steps_hold_for_any_number_of_pictures(
    count: int, old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    made = new_recipe("bob", old, pictures("bob", count), "bobchr", tmp_path)
    recipe = loaded(made, tmp_path).recipe
    per_epoch = steps_of(made, tmp_path) / (recipe.train.max_train_epochs or 1)
    assert abs(steps_of(made, tmp_path) - OLD_STEPS) <= max(
        0.05 * OLD_STEPS, per_epoch / 2
    )  # whole epochs come no nearer
    repeats, epochs = recipe.concepts[0].num_repeats, recipe.train.max_train_epochs
    assert f"{count} x {repeats} (pictures x repeats) = {count * (repeats or 0)} samples per epoch" in told(made)
    assert "each shape rounded up to whole batches: 512x512: " in told(made)
    assert "/2 -> " in told(made)
    assert f"steps x {epochs} epochs = {steps_of(made, tmp_path)} steps" in told(made)
    assert recipe.concepts[1].num_repeats == 2


def test_without_target_steps_the_old_total_holds(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    text = OLD.replace("  target_steps:   800\n", "").replace(
        "  - {image_dir: regular, is_reg: yes, num_repeats: 2}\n", ""
    )
    old.write_text(text, encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 35), None, tmp_path)
    assert abs(steps_of(made, tmp_path) - 800) <= 40  # 20 x 10 / 2 x 8
    assert "target_steps" not in made.text


@pytest.mark.parametrize(("target", "taken"), [("", 1500), ("  target_steps:   700\n", 700)])
def test_without_the_old_pictures_it_is_told_what_was_taken_instead(
    target: str, taken: int, old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    text = OLD.replace("  target_steps:   800\n", target).replace("image_dir: alice ", "image_dir: gone ")
    old.write_text(text, encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 35), None, tmp_path)
    assert abs(steps_of(made, tmp_path) - taken) <= 0.05 * taken
    assert "the steps of the old recipe cannot be counted: " in made.notes[0].en
    assert f"Taken instead: {taken} steps, " in made.notes[0].en
    assert f"改用 {taken} 步" in made.notes[0].zh
    assert ("usual for sd15" in made.notes[0].en) == (not target)
    assert (f"its `target_steps` ({old.name}:" in made.notes[0].en.replace(f"{tmp_path}/", "")) == bool(target)


FIXED = """\
extends: sdxl-character          # target_steps: 1800
name: alice
subject: {trigger: al1ce, class_tokens: girl}
base_model: {pretrained_model_name_or_path: base.safetensors}
concepts:
  - image_dir: alice
REPEATS
train: {EPOCHS}
validate: {hold_out: 0}
"""


@pytest.mark.parametrize(
    ("repeats", "epochs", "steps"),
    [("    num_repeats: 10", "max_train_epochs: 6", 600), ("", "max_train_epochs: 12", 1800)],
)
@pytest.mark.parametrize("count", [10, 12, 17, 20])
def test_epochs_of_the_old_recipe_decide_whatever_its_preset_aims_at(
    repeats: str, epochs: str, steps: int, count: int, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    pictures("alice", 20)
    old = tmp_path / "alice.yaml"
    old.write_text(FIXED.replace("REPEATS", repeats).replace("EPOCHS", epochs), encoding="utf-8")
    planned = plan_of(load_recipe(old)).steps.total_steps
    assert abs(planned - steps) <= 60
    made = new_recipe("bob", old, pictures("bob", count), "b0b", tmp_path)
    seen = plan_of(loaded(made, tmp_path)).steps.exposures_per_image
    is_moved = "outside the band 40-200" in told(made)
    assert f"kept from the old recipe: {planned} steps, as it planned them with its 20 pictures" in made.notes[0].en
    assert f"沿用旧配方：{planned} 步" in made.notes[0].zh
    assert 40 <= seen <= 200
    assert is_moved == (planned * 2 / count > 200)
    if not is_moved:
        assert abs(steps_of(made, tmp_path) - planned) <= 0.06 * planned


def test_fewer_steps_than_the_band_allows_are_moved_and_told(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    pictures("alice", 20)
    old = tmp_path / "alice.yaml"
    old.write_text(FIXED.replace("REPEATS", "    num_repeats: 10").replace("EPOCHS", "max_train_epochs: 6"))
    made = new_recipe("bob", old, pictures("bob", 60), "b0b", tmp_path)
    assert steps_of(made, tmp_path) == 1200  # 60 pictures x 40 / 2
    assert "600 steps would show each of 60 pictures 20 times, outside the band 40-200: 1200 steps instead" in told(
        made
    )


def test_repeats_longer_than_the_target_decide_too(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    pictures("alice", 80)
    old = tmp_path / "alice.yaml"
    text = FIXED.replace("REPEATS", "    num_repeats: 190").replace("train: {EPOCHS}\n", "")
    old.write_text(text.replace("sdxl-character", "sdxl-style"), encoding="utf-8")
    planned = plan_of(load_recipe(old)).steps
    assert (planned.epochs, planned.total_steps) == (1, 3800)  # the preset aims at 3000
    made = new_recipe("bob", old, pictures("bob", 100), "b0b", tmp_path)
    assert abs(steps_of(made, tmp_path) - 3800) <= 190


def test_repeats_that_fit_the_target_leave_it_to_decide(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    pictures("alice", 20)
    old = tmp_path / "alice.yaml"
    old.write_text(FIXED.replace("REPEATS", "    num_repeats: 10").replace("train: {EPOCHS}\n", ""), encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 31), "b0b", tmp_path)
    assert abs(steps_of(made, tmp_path) - 1800) <= 90
    assert "kept from the old recipe: 1800 steps, its `target_steps`" in made.notes[0].en


def test_what_the_planner_decided_stays_the_planners(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    text = OLD.replace("    num_repeats: 10\n", "").replace("  max_train_epochs: 8          # 20 x 10 x 8 / 2\n", "")
    old.write_text(text, encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 40), "bobchr", tmp_path)
    recipe = loaded(made, tmp_path).recipe
    assert (recipe.concepts[0].num_repeats, recipe.train.max_train_epochs, recipe.train.target_steps) == (
        None,
        None,
        800,
    )


@pytest.mark.parametrize("is_explicit", [True, False])
def test_outside_the_band_the_steps_move_and_it_is_told(
    is_explicit: bool, old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    text = OLD.replace("  train_batch_size", "  exposures_per_image: [40, 120]\n  train_batch_size").replace(
        "  - {image_dir: regular, is_reg: yes, num_repeats: 2}\n", ""
    )
    if not is_explicit:
        text = text.replace("    num_repeats: 10\n", "").replace(
            "  max_train_epochs: 8          # 20 x 10 x 8 / 2\n", ""
        )
    old.write_text(text, encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 8), "bobchr", tmp_path)
    recipe = loaded(made, tmp_path)
    plan = plan_of(recipe)
    assert 40 <= plan.steps.exposures_per_image <= 120
    assert plan.steps.total_steps < 500
    assert "outside the band 40-120" in told(made)
    assert recipe.recipe.train.target_steps == 800


def test_without_a_trigger_the_old_one_stays_and_it_is_told(
    old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    made = new_recipe("bob", old, pictures("bob", 20), None, tmp_path)
    assert loaded(made, tmp_path).recipe.subject.trigger == "alicechr"
    assert "the trigger stays `alicechr`" in told(made)
    assert "title: bob\n" in made.text


def test_a_trigger_is_added_where_there_was_none(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    old.write_text(OLD.replace("  trigger: alicechr            # unknown to the base\n", ""), encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 20), "bobchr", tmp_path)
    assert loaded(made, tmp_path).recipe.subject.trigger == "bobchr"


def test_a_name_that_is_also_the_trigger(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    old.write_text(OLD.replace("alice-v1", "alicechr"), encoding="utf-8")
    recipe = loaded(new_recipe("bob", old, pictures("bob", 20), "bobchr", tmp_path), tmp_path).recipe
    assert recipe.sample.prompts is not None
    assert recipe.sample.prompts[0] == "bobchr, portrait, malicechr"
    assert (recipe.name, recipe.metadata.title, recipe.metadata.tags) == ("bob", "bob", "bobchr, girl")


@pytest.mark.parametrize(
    ("name", "trigger"),
    [("2024", "1e4"), ("初音ミク", "初音"), ('it\'s "her"', "a: b #c"), ("alice-v10", "alicechr2"), ("no", "yes")],
)
def test_hard_words_survive(name: str, trigger: str, old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    recipe = loaded(new_recipe(name, old, pictures("new pictures", 20), trigger, tmp_path), tmp_path).recipe
    assert (recipe.name, recipe.subject.trigger, recipe.concepts[0].image_dir) == (name, trigger, "new pictures")
    assert recipe.subject.class_tokens == f"{trigger} girl"
    assert recipe.sample.prompts is not None
    assert recipe.sample.prompts[0] == f"{trigger}, portrait, malicechr"
    assert recipe.metadata.title == name


def test_chinese_words_have_no_borders(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    old.write_text(OLD.replace("alicechr", "初音").replace("m初音", "x"), encoding="utf-8")
    old.write_text(old.read_text(encoding="utf-8").replace("- a girl", "- 可爱的初音在唱歌"), encoding="utf-8")
    assert "- 可爱的镜音在唱歌" in new_recipe("bob", old, pictures("bob", 20), "镜音", tmp_path).text


def test_windows_lines_stay_windows_lines(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    old.write_bytes(OLD.replace("\n", "\r\n").encode())
    made = new_recipe("bob", old, pictures("bob", 20), "bobchr", tmp_path)
    assert made.text.count("\r\n") == made.text.count("\n") == OLD.count("\n")


def test_an_inherited_recipe_is_overlaid_not_copied(tmp_path: Path, pictures: Callable[..., Path], old: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("extends: ./alice.yaml\nname: alice-v3\ntrain: {unet_lr: 2e-4}\n", encoding="utf-8")
    made = new_recipe("bob", child, pictures("bob", 40), "bobchr", tmp_path)
    recipe = loaded(made, tmp_path).recipe
    assert made.text.startswith("extends: ./alice.yaml\nname: bob\n")
    assert (recipe.subject.trigger, recipe.concepts[0].image_dir, recipe.metadata.tags) == (
        "bobchr",
        "bob",
        "bobchr, girl",
    )
    assert recipe.concepts[1].image_dir == str(tmp_path / "regular")
    assert recipe.sample.prompts is not None
    assert recipe.sample.prompts[0] == "bobchr, portrait, malicechr"
    assert recipe.train.unet_lr == 2e-4
    assert abs(steps_of(made, tmp_path) - OLD_STEPS) <= 80
    assert old.read_text(encoding="utf-8") == OLD


def test_in_another_folder_paths_still_lead_to_the_same_files(
    tmp_path: Path, pictures: Callable[..., Path], old: Path
) -> None:
    elsewhere = tmp_path / "recipes" / "bob"
    elsewhere.mkdir(parents=True)
    made = new_recipe("bob", old, pictures("bob", 20), "bobchr", elsewhere)
    recipe = loaded(made, elsewhere)
    assert recipe.resolve_path("concepts[0].image_dir").resolve() == tmp_path / "bob"
    assert recipe.resolve_path("concepts[1].image_dir").resolve() == tmp_path / "regular"
    assert recipe.resolve_path("base_model.pretrained_model_name_or_path").resolve() == tmp_path / "base.safetensors"
    assert "image_dir: ../../bob " in made.text


def test_several_folders_to_learn_from_are_refused(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    old.write_text(OLD.replace("is_reg: yes, ", ""), encoding="utf-8")
    images = pictures("bob", 20)
    assert codes(lambda: new_recipe("bob", old, images, None, tmp_path)) == ["several-concepts"]


@pytest.mark.parametrize("name", ["", "../bob", "a/b", "con", " bob"])
def test_a_name_that_is_no_file_name_is_refused(
    name: str, old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    images = pictures("bob", 20)
    problem = first_problem(lambda: new_recipe(name, old, images, None, tmp_path))
    assert problem.code == "bad-name"
    assert problem.fix is not None


@pytest.mark.parametrize("typed", ["./bob", "bob/", "../{here}/bob"])
def test_the_folder_stands_as_it_was_typed(
    typed: str, old: Path, tmp_path: Path, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("bob", 20)
    monkeypatch.chdir(tmp_path)
    typed = typed.format(here=tmp_path.name)
    made = new_recipe("bob", old, typed, None, tmp_path)
    assert loaded(made, tmp_path).recipe.concepts[0].image_dir == typed
    (tmp_path / "recipes").mkdir()
    elsewhere = new_recipe("bob", old, typed, None, tmp_path / "recipes")
    assert "image_dir: ../bob " in elsewhere.text


def test_the_schema_is_found_from_another_folder_too(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipe.schema.json").write_text("{}")
    for named, written in (
        ("recipe.schema.json", "../recipe.schema.json"),
        ("lost.json", "lost.json"),
        ("https://example.org/s.json", "https://example.org/s.json"),
    ):
        old.write_text(f"# yaml-language-server: $schema={named}\n{OLD}", encoding="utf-8")
        made = new_recipe("bob", old, pictures("bob", 20), None, tmp_path / "recipes")
        assert made.text.startswith(f"# yaml-language-server: $schema={written}\n")


def test_the_held_out_pictures_are_told(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    old.write_text(OLD.replace("validate: {hold_out: 0}", "validate: {hold_out: 2}"), encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 20), None, tmp_path)
    assert "18 x " in told(made)
    assert "; 2 more are held out to measure overfitting" in told(made)


def test_pictures_that_are_not_there_are_refused(old: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        new_recipe("bob", old, tmp_path / "nowhere", None, tmp_path)
    (problem,) = (problem for problem in caught.value.problems if problem.code == "image-dir-missing")
    assert problem.what.en == f"there is no folder `{tmp_path / 'nowhere'}`"
    assert problem.why is not None
    assert "recipe" not in problem.why.en


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "bob.yaml"
    write_new(path, "a\r\nb\n")
    assert path.read_bytes() == b"a\r\nb\n"
    assert codes(lambda: write_new(path, "c")) == ["file-exists"]
    assert codes(lambda: write_new(tmp_path / "no" / "bob.yaml", "c")) == ["cannot-write"]
    with pytest.raises(InputError) as caught:
        write_new(path / "bob.yaml", "c")
    assert caught.value.problems[0].why == Text("Not a directory", "路径中有一部分不是目录")
    assert caught.value.problems[0].fix is not None
    assert path.read_bytes() == b"a\r\nb\n"


def test_what_may_still_speak_of_the_old_one_is_told(old: Path, tmp_path: Path, pictures: Callable[..., Path]) -> None:
    extra = "network: {network_weights: alice.safetensors}\nignore: [{rule: too-many-steps, because: she needs it}]\n"
    old.write_text(OLD.replace("tags: alicechr, girl", "tags: queen of hearts") + extra, encoding="utf-8")
    notes = told(new_recipe("bob", old, pictures("bob", 20), "bobchr", tmp_path))
    assert "`metadata.tags` stays as it was: queen of hearts" in notes
    assert "training still starts from `alice.safetensors`" in notes
    assert "the reasons under `ignore`" in notes


SHORT = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechr, class_tokens: girl}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
concepts:
  - image_dir: alice
REPEATStrain:
  target_steps: 1800
  exposures_per_image: [40, 200]
  train_batch_size: 2
EPOCHS"""


@pytest.mark.parametrize("count", [3, 5, 60, 200])
@pytest.mark.parametrize("repeats", ["", "    num_repeats: 10\n", "    share: 1\n"])
@pytest.mark.parametrize("epochs", ["", "  max_train_epochs: 7\n"])
def test_the_band_holds_whatever_the_old_recipe_decided(
    epochs: str, repeats: str, count: int, old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    old.write_text(SHORT.replace("REPEATS", repeats).replace("EPOCHS", epochs), encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", count), "bobchr", tmp_path)
    recipe = loaded(made, tmp_path)
    steps = plan_of(recipe).steps
    assert 40 <= steps.exposures_per_image <= 200
    assert f"x {steps.epochs} epochs = {steps.total_steps} steps" in told(made)
    for note in made.notes:  # no note of a length that was not written
        assert " epochs = " not in note.en or f"{steps.total_steps} steps" in note.en
    assert (recipe.recipe.train.max_train_epochs is None) == (not epochs)


def test_inherited_repeats_of_the_same_folder_are_written_out(
    old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    text = SHORT.replace("REPEATS", "    num_repeats: 10\n").replace("EPOCHS", "  max_train_epochs: 7\n")
    old.write_text(text, encoding="utf-8")
    child = tmp_path / "child.yaml"
    child.write_text("extends: ./alice.yaml\nname: alice-v3\n", encoding="utf-8")
    made = new_recipe("bob", child, pictures("alice", 5), "bobchr", tmp_path)
    assert 40 <= plan_of(loaded(made, tmp_path)).steps.exposures_per_image <= 200


def test_other_spellings_of_the_old_words_are_changed_too(
    old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    text = OLD.replace("- a girl", "- ALICECHR running\n    - Alicechr runs\n    - aliceCHR, Malicechr").replace(
        "title: alice-v1", "title: Alice-v1"
    )
    old.write_text(text, encoding="utf-8")
    made = new_recipe("bob", old, pictures("bob", 20), "bobchr", tmp_path)
    for line in ("- BOBCHR running", "- Bobchr runs", "- bobchr, Malicechr", "title: Bob"):
        assert f"{line}\n" in made.text


def test_a_trigger_in_capitals_is_replaced_as_it_stands(
    old: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    text = OLD.replace("alicechr", "AL1CE").replace("mAL1CE", "al1ce running")
    old.write_text(text, encoding="utf-8")
    assert (
        "- bobchr, portrait, bobchr running\n" in new_recipe("bob", old, pictures("bob", 20), "bobchr", tmp_path).text
    )


def first_problem(call: Callable[[], object]) -> Problem:
    with pytest.raises(InputError) as caught:
        call()
    return caught.value.problems[0]


def test_a_folder_that_is_not_there_is_told_before_anything_else(old: Path, tmp_path: Path) -> None:
    problem = first_problem(lambda: new_recipe("bob", old, tmp_path / "bob", None, tmp_path / "nowhere"))
    assert (problem.code, problem.where) == ("no-folder", None)
    assert problem.fix is not None


@pytest.mark.parametrize("has_epochs", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_fault_of_the_pictures_is_told_at_the_option(
    is_there: bool, has_epochs: bool, old: Path, tmp_path: Path
) -> None:
    if not has_epochs:
        text = OLD.replace("    num_repeats: 10\n", "")
        old.write_text(text.replace("  max_train_epochs: 8          # 20 x 10 x 8 / 2\n", ""), encoding="utf-8")
    images = tmp_path / "bob"
    if is_there:
        images.mkdir()
    where = first_problem(lambda: new_recipe("bob", old, images, None, tmp_path)).where
    assert where is not None
    assert (where.file, where.source) == ("--images", str(images))
