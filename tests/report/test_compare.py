from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Verdict
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import LANGUAGES
from orchestrator.diagnose.rule import Case
from orchestrator.report import tell_runs
from orchestrator.report.compare import (
    Comparison,
    Difference,
    against_previous,
    compare,
    compare_folders,
    previous_run,
)
from orchestrator.report.run_facts import Measured, RunFacts, fingerprint, flat, judged_facts, reported_facts
from orchestrator.report.tell_runs import one_line, result
from orchestrator.run.records.model import NOTHING_TRAINED, Ending
from orchestrator.run.records.run_record import read_run_record
from tests.report.kept_run import RECIPE, SUCCEEDED, keep_run, write_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.run.records.model import Outcome

LEARNT = Measured("converged", "high", {"held_out": -40.0, "train": -41.0}, "#aaaaaaaa", "#11111111", "#22222222")
FIRST = RunFacts(
    "cup-001",
    {
        "recipe": {"train.unet_lr": "2e-3", "train.target_steps": "40"},
        "decided": {"unet_lr": "2e-3", "max_train_steps": "40", "output_name": "cup"},
        "data": {"pictures": "14"},
        "versions": {"lora-run": "0.1.0", "python": "3.11.7"},
    },
    LEARNT,
)


def other(name: str = "cup-002", measured: Measured = LEARNT, **settings: dict[str, str]) -> RunFacts:
    mixed = {kind: {**values, **settings.get(kind, {})} for kind, values in FIRST.settings.items()}
    return RunFacts(name, mixed, measured)


def keys(comparison: Comparison) -> list[tuple[str, str]]:
    return [(row.kind, row.key) for row in comparison.differences]


def numbers(comparison: Comparison, what: str) -> tuple[float | None, ...]:
    return next(values for label, values in comparison.results if label.en.startswith(what))


def test_equal_runs_differ_in_nothing() -> None:
    found = compare([FIRST, other()])
    assert found.differences == ()
    assert found.notes == ()
    assert one_line(found).en == (
        "against cup-001: held-out pictures -40 % against the base (was -40 %); the same recipe, data and versions"
    )


def test_each_kind_of_difference_is_told_and_decisions_of_the_recipe_only_once() -> None:
    second = other(
        recipe={"train.unet_lr": "1e-3"},
        decided={"unet_lr": "1e-3", "max_train_steps": "80", "output_name": "cup-b"},
        data={"pictures": "20"},
        versions={"lora-run": "0.2.0"},
    )
    found = compare([FIRST, second])
    assert found.differences == (
        Difference("recipe", "train.unet_lr", ("2e-3", "1e-3")),
        Difference("decided", "max_train_steps", ("40", "80")),
        Difference("data", "pictures", ("14", "20")),
        Difference("versions", "lora-run", ("0.1.0", "0.2.0")),
    )
    assert one_line(found).en.endswith("changed: train.unet_lr 2e-3 -> 1e-3, max_train_steps 40 -> 80 and 2 more")


def test_three_runs_and_a_key_that_one_of_them_lacks() -> None:
    third = other("cup-003", recipe={"train.min_snr_gamma": "5"})
    found = compare([FIRST, other(), third])
    assert found.names == ("cup-001", "cup-002", "cup-003")
    assert found.differences == (Difference("recipe", "train.min_snr_gamma", ("–", "–", "5")),)
    assert numbers(found, "held-out") == (-40.0, -40.0, -40.0)


def test_a_run_without_telemetry_is_left_blank_and_told() -> None:
    found = compare([replace(FIRST, measured=Measured("inconclusive", "low", {})), other()])
    assert numbers(found, "held-out") == (None, -40.0)
    assert found.states == ("inconclusive", "converged")
    assert ["left blank" in note.en for note in found.notes] == [True]
    assert found.differences == ()  # a fingerprint that nobody took is no difference
    assert "against the base" not in one_line(found).en


def test_other_probe_pictures_and_other_captions_are_told() -> None:
    moved = replace(LEARNT, probed="#bbbbbbbb", caption_texts="#33333333")
    found = compare([FIRST, other(measured=moved)])
    assert keys(found) == [("data", "caption_texts")]
    assert ["different pictures" in note.en for note in found.notes] == [True]
    assert "-40" not in one_line(found).en


def test_long_values_are_named_only_in_the_one_line() -> None:
    text = one_line(compare([FIRST, other(recipe={"sample.prompts": "[" + "zxq, " * 40 + "]"})]))
    for language in LANGUAGES:
        assert "sample.prompts" in text.to(language)
        assert len(text.to(language)) < 140


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (1500.0, "1500"), (-51.9205, "-51.92"), (0.0047728, "0.004773"), (0.0, "0")]
)
def test_results_are_short(value: float | None, shown: str) -> None:
    assert result(value) == shown


def test_nested_settings_are_flat_and_order_does_not_matter() -> None:
    assert flat({"a": {"b": 1e-4}, "c": [{"d": True}, {"d": False}], "e": [1, 2], "f": ()}) == {
        "a.b": "1e-4", "c.0.d": "true", "c.1.d": "false", "e": "[1, 2]", "f": "[]",
    }  # fmt: skip
    assert fingerprint(["b", "a"]) == fingerprint(["a", "b"]) != fingerprint(["a", "c"])
    assert fingerprint([]) == ""


# --- the run before -----------------------------------------------------------------------------------------------------


def folders(parent: Path, *names: str) -> None:
    for name in names:
        (parent / name).mkdir()
        (parent / name / "run.json").write_text("{}")


@pytest.mark.parametrize(
    ("there", "here", "before"),
    [
        (["a-001"], "a-001", None),
        (["a-008", "a-009"], "a-010", "a-009"),
        (["a-099", "a-999", "a-1001"], "a-1000", "a-999"),
        (["a-1000", "a-999"], "a-1001", "a-1000"),
        (["a-001", "b-002", "a-b-003", "ab-004"], "a-005", "a-001"),
        (["a-007-001", "a-008"], "a-007-002", "a-007-001"),
        (["[x]*?-001", "x-002", "[x]zz-003"], "[x]*?-004", "[x]*?-001"),
        (["a-001", "a-x02"], "a", None),
        (["a-01"], "a-002", None),
    ],
)
def test_the_run_before_is_the_newest_earlier_one_of_the_same_name(
    there: list[str], here: str, before: str | None, tmp_path: Path
) -> None:
    folders(tmp_path, *dict.fromkeys([*there, here]))
    found = previous_run(tmp_path / here)
    assert (found.name if found else None) == before


def test_a_folder_without_a_record_is_no_run_before(tmp_path: Path) -> None:
    folders(tmp_path, "a-001", "a-003")
    (tmp_path / "a-002").mkdir()
    found = previous_run(tmp_path / "a-003")
    assert found == tmp_path / "a-001"


# --- folders ------------------------------------------------------------------------------------------------------------


def test_two_run_folders_of_ours(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe)
    second, _ = keep_run(recipe, ["train.unet_lr=1e-3"], gain=0.3, caption="beefbeef")
    found = compare_folders([first.root, second.root])
    assert found.names == ("cup-001", "cup-002")
    assert ("recipe", "train.unet_lr") in keys(found)
    assert ("data", "caption_texts") in keys(found)
    assert ("data", "picture_names") not in keys(found)
    held = numbers(found, "held-out")
    assert held == pytest.approx((-39.7, -29.8), abs=0.2)
    assert any("different pictures" in note.en for note in found.notes)  # other captions: another probe


def test_what_the_last_report_says_is_what_judging_again_finds(tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path))
    again = judged_facts(rundir.root, "cup-001")
    kept = reported_facts(rundir)
    assert kept == again
    assert kept.measured.results["held_out"] < -35
    assert kept.measured.probed


def test_a_run_says_what_changed_since_the_run_before(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    _, first = keep_run(recipe)
    _, second = keep_run(recipe, ["train.target_steps=120"], gain=0.5)
    assert first is not None
    assert second is not None
    assert first.report.compared is None
    found = second.report.compared
    assert found is not None
    assert found.names == ("cup-001", "cup-002")
    assert ("recipe", "train.target_steps") in keys(found)
    html = second.files["report.html"].read_text(encoding="utf-8")
    assert "cup-001" in html[html.index('<section id="compared">') :]
    assert json.loads(second.files["report.json"].read_text(encoding="utf-8"))["compared"]["names"] == list(found.names)


def test_looking_at_the_run_before_takes_no_time_worth_naming(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe)
    start = time.process_time()
    reported_facts(first)
    assert time.process_time() - start < 0.1


FILES = ("run.json", "plan.json", "report.json", "recipe.resolved.yaml")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two run folders of one subject, the first one reported."""
    recipe = write_recipe(tmp_path_factory.mktemp("pair"))
    first, _ = keep_run(recipe, gain=None)
    second, _ = keep_run(recipe, gain=None, reports=False)
    return first.root, second.root


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [b"", b"\xff\xfe{", b"[]", b'{"record": "x"}', None, "fields"])
def test_a_damaged_run_before_costs_a_note(
    file: str, damage: bytes | str | None, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    for root in pair:
        (tmp_path / root.name).mkdir()
        for name in FILES:
            if (root / name).is_file():
                shutil.copy(root / name, tmp_path / root.name / name)
    path = tmp_path / pair[0].name / file
    if damage is None:
        path.unlink()
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    else:  # a record of the right kind without what belongs in it
        path.write_text(json.dumps({"record": path.name.partition(".")[0], "version": 1}))
    rundir = RunDir(tmp_path / pair[1].name)
    found = against_previous(rundir, read_run_record(rundir), Case(), Verdict())
    assert found.compared is None
    if (file, damage) == ("run.json", None):
        assert found.notes == ()  # without it that folder is no run at all
        return
    (note,) = found.notes
    assert note.en.startswith("not compared with cup-001, the run before: ")
    assert "Error" not in note.en.partition("(")[0]  # our own words, not an exception's name
    assert "cup-001" in note.zh


def test_an_undamaged_run_before_needs_no_note(pair: tuple[Path, Path]) -> None:
    rundir = RunDir(pair[1])
    found = against_previous(rundir, read_run_record(rundir), Case(), Verdict())
    assert found.compared is not None
    assert found.notes == ()


def test_a_report_beside_a_damaged_run_is_whole(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe, gain=None)
    first.report_json.write_text("{")
    _, second = keep_run(recipe, gain=None)
    assert second is not None
    assert set(second.files) == {"report.html", "report.json", "next.yaml"}
    assert "cup-001" in second.files["report.html"].read_text(encoding="utf-8")


def test_an_error_nobody_thought_of_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path)
    keep_run(recipe)

    def break_down(_rundir: RunDir) -> RunFacts:
        raise ZeroDivisionError

    monkeypatch.setattr("orchestrator.report.compare.reported_facts", break_down)
    _, second = keep_run(recipe)
    assert second is not None
    assert any("ZeroDivisionError" in note.en for note in second.report.notes)


def test_a_run_that_never_began_is_held_against_nothing(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    keep_run(recipe)
    _, second = keep_run(recipe, gain=None, outcome=replace(SUCCEEDED, cause=NOTHING_TRAINED))
    assert second is not None
    assert second.report.compared is None


CUT = (
    replace(SUCCEEDED, ending=Ending.INTERRUPTED, cause=NOTHING_TRAINED, first_step_seconds=None),
    replace(SUCCEEDED, ending=Ending.FAILED, exit_code=1, cause="crash", first_step_seconds=None),
)


@pytest.mark.parametrize("outcome", CUT)
@pytest.mark.parametrize("is_changed", [False, True])
def test_a_run_that_never_trained_is_compared_by_what_was_asked_alone(
    outcome: Outcome, is_changed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe)
    second, _ = keep_run(recipe, ["train.unet_lr=1e-3"] if is_changed else [], gain=None, outcome=outcome)
    found = compare_folders([first.root, second.root])
    assert found.untrained == ("cup-002",)
    assert (found.states[1], found.confidences[1]) == ("never-trained", "")
    assert found.results
    assert all(values[1] is None for _, values in found.results)
    assert [n.en for n in found.notes] == [
        "cup-002 ended before its first step and never trained: only its recipe, data and versions are compared."
    ]
    assert {d.key for d in found.differences if d.kind in ("recipe", "data")} == (
        {"train.unet_lr"} if is_changed else set()
    )
    words = {"en": ("never trained", "by chance alone"), "zh": ("从未训练", "只是偶然")}
    for language in LANGUAGES:
        tell_runs.compared(found, "text", language)
        shown = " ".join(capsys.readouterr().out.split())
        assert words[language][0] in shown
        assert words[language][1] not in shown


def test_the_run_after_one_that_never_trained_says_so(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    keep_run(recipe, gain=None, outcome=CUT[0])
    _, second = keep_run(recipe)
    assert second is not None
    compared = second.report.compared
    assert compared is not None
    assert one_line(compared).en == "against cup-001: cup-001 never trained; the same recipe, data and versions"
    assert one_line(compared).zh.startswith("与 cup-001 相比：cup-001 从未训练；")
    html = second.files["report.html"].read_text(encoding="utf-8")
    assert "cup-001 ended before its first step and never trained" in html
    assert '<td class="num">never trained</td>' in html


def test_two_runs_that_trained_are_told_nothing_of_the_kind(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe)
    failed_late = replace(SUCCEEDED, ending=Ending.FAILED, exit_code=1, cause="crash")
    second, _ = keep_run(recipe, outcome=failed_late)
    assert compare_folders([first.root, second.root]).untrained == ()


def test_a_name_with_pattern_characters_finds_its_own_run_before(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, name="[a]-cup")
    keep_run(recipe, gain=None)
    _, second = keep_run(recipe, gain=None)
    assert second is not None
    assert second.report.compared is not None
    assert second.report.compared.names == ("[a]-cup-001", "[a]-cup-002")


def test_wrong_folders_are_all_named_at_once(tmp_path: Path) -> None:
    first, _ = keep_run(write_recipe(tmp_path), gain=None, reports=False)
    empty, gone = tmp_path / "empty", tmp_path / "gone"
    empty.mkdir()
    with pytest.raises(InputError) as caught:
        compare_folders([first.root, empty, gone, first.root])
    told = [(p.code, p.what.en) for p in caught.value.problems]
    assert [code for code, _ in told] == ["named-twice", "no-run", "no-run"]
    assert str(empty) in told[1][1]
    assert str(gone) in told[2][1]
    assert [p.why.en for p in caught.value.problems[1:] if p.why] == [
        "there is no run.json in it",
        "there is no such folder",
    ]


def test_one_folder_is_too_few() -> None:
    with pytest.raises(InputError, match="two run folders"):
        compare_folders([])


@pytest.mark.parametrize("file", ["run.json", "plan.json"])
def test_a_damaged_run_is_refused_by_name(file: str, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe, gain=None, reports=False)
    second, _ = keep_run(recipe, gain=None, reports=False)
    (second.root / file).write_text('{"record": "run", "version": 1}')
    with pytest.raises(InputError) as caught:
        compare_folders([first.root, second.root])
    (problem,) = caught.value.problems
    assert str(second.root) in problem.what.en
    assert file in problem.what.en


def test_a_report_of_an_older_version_is_not_guessed_at(tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path), gain=None)
    body = json.loads(rundir.report_json.read_text(encoding="utf-8"))
    del body["measured"]
    rundir.report_json.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(RecordError, match="compared by"):
        reported_facts(rundir)


def test_runs_of_one_name_in_two_places_are_told_apart(tmp_path: Path) -> None:
    one, _ = keep_run(write_recipe(tmp_path / "a"), gain=None, reports=False)
    two, _ = keep_run(write_recipe(tmp_path / "b", RECIPE.replace("2e-3", "1e-3")), gain=None, reports=False)
    found = compare_folders([one.root, two.root])
    assert found.names == (one.root.as_posix(), two.root.as_posix())
    assert ("recipe", "train.unet_lr") in keys(found)
