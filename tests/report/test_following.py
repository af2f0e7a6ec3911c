from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Change, Confidence, Finding, Fix, Severity, State, Status, Verdict
from orchestrator.core.record import to_plain
from orchestrator.core.source import parse_document
from orchestrator.core.text import Text, same
from orchestrator.recipe.load import load_recipe
from orchestrator.report.following import asked_recipe, follow
from orchestrator.report.proposal import AskedRecipe, Proposal, following_recipe, proposal_in, proposal_of
from orchestrator.report.record import finding_record
from orchestrator.run.records.model import NOTHING_TRAINED
from tests.report.kept_run import RECIPE, SUCCEEDED, keep_run, write_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any


def finding(rule: str, *changes: Change, state: State | None = None, severity: Severity = Severity.FIX) -> Finding:
    return Finding(
        rule, f"name-of-{rule.lower()}", Status.FIRED, severity, Confidence.HIGH, same(f"{rule} found it"),
        fix=Fix(Text("Do it.", "照做。"), changes), state=state,
    )  # fmt: skip


LR = Change("train.unet_lr", 5e-4, 2e-3, is_safe=True)
TRIAL = Change("network.network_dim", 8, 16)
LEFT = Change("train.optimizer_type", "AdamW", "Prodigy")
GONE = Change("train.lr_warmup_steps", None, 10)
VERDICT = Verdict(
    (
        finding("R090", replace(LR, value=1e-3)),
        finding("R048", LR, TRIAL, state=State.UNSTABLE),
        finding("R091", LEFT, GONE, severity=Severity.INFO),
    )
)


def record_of(verdict: Verdict, run: str = "cup-001") -> Mapping[str, Any]:
    """Return what report.json holds of a proposal, read back from text."""
    made = proposal_of(run, "0.1.0", verdict)
    body = {
        "name": run,
        "tool_version": "0.1.0",
        "because": "name-of-r048",
        "findings": [finding_record(one) for one in verdict.findings],
        "next_changes": [one.change for one in made.applied],
        "next_listed": [one.change for one in made.listed],
    }
    read: Mapping[str, Any] = json.loads(json.dumps(to_plain(body)))
    return read


def test_each_change_carries_the_rule_that_asks_for_it() -> None:
    made = proposal_of("cup-001", "0.1.0", VERDICT)
    assert [(p.change.key, p.change.value, p.rule) for p in made.applied] == [
        ("train.unet_lr", 5e-4, "R048 name-of-r048"),  # not R090, which wants another value
        ("network.network_dim", 8, "R048 name-of-r048"),
    ]
    assert [(p.change.key, p.change.value, p.rule) for p in made.listed] == [
        ("train.unet_lr", 1e-3, "R090 name-of-r090"),
        ("train.optimizer_type", "AdamW", "R091 name-of-r091"),
        ("train.lr_warmup_steps", None, "R091 name-of-r091"),
    ]


def test_a_proposal_is_the_same_from_the_report() -> None:
    assert proposal_in(record_of(VERDICT)) == proposal_of("cup-001", "0.1.0", VERDICT)


def test_a_change_to_try_says_so_and_what_is_left_stands_at_the_top(tmp_path: Path) -> None:
    recipe = AskedRecipe("name: cup\ntrain:\n  unet_lr: 2e-3  # mine\nnetwork:\n  network_dim: 16\n", tmp_path)
    text = following_recipe(proposal_of("cup-001", "0.1.0", VERDICT), recipe, tmp_path)
    lines = text.splitlines()
    assert lines[1:4] == [
        "# next: later, one at a time: train.unet_lr: 0.001 (R090 name-of-r090)",
        "# next: later, one at a time: train.optimizer_type: AdamW (R091 name-of-r091)",
        "# next: later, one at a time: remove train.lr_warmup_steps (R091 name-of-r091)",
    ]
    assert "  unet_lr: 5e-4  # mine; R048 name-of-r048, was 0.002" in lines
    assert "  network_dim: 8  # try: R048 name-of-r048, was 16" in lines
    again = following_recipe(Proposal("cup-002", "0.1.0"), AskedRecipe(text, tmp_path), tmp_path)
    assert "later" not in again  # what an earlier run left to do does not pile up
    assert "no change was found" in again


def test_what_was_set_on_the_command_line_stays_unless_it_is_what_changes(tmp_path: Path) -> None:
    recipe = AskedRecipe(
        "name: cup\ntrain:\n  unet_lr: 2e-3\n", tmp_path, {"train.unet_lr": 2e-2, "train.seed": 7, "concepts[0].x": 1}
    )
    text = following_recipe(proposal_of("cup-001", "0.1.0", VERDICT), recipe, tmp_path)
    assert "unet_lr: 5e-4  # R048 name-of-r048, was 0.002\n" in text
    assert text.count("R048 name-of-r048") == 2  # once for each of its changes
    assert "seed: 7\n" in text
    assert "not applied, this value stands in an extended file: concepts[0].x: 1" in text


# --- folders ------------------------------------------------------------------------------------------------------------

SHAKEN = ["train.unet_lr=0.5", "train.seed=7"]


def test_the_next_recipe_follows_from_report_and_recipe_alone(tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path), SHAKEN, gain=-0.3)
    report = json.loads(rundir.report_json.read_text(encoding="utf-8"))
    assert report["next_changes"], "nothing to prove it with"
    rundir.attempt_dir.rename(tmp_path / "away")  # neither logs nor recording are needed
    made = following_recipe(proposal_in(report), asked_recipe(rundir), rundir.root)
    assert made == rundir.next_yaml.read_text(encoding="utf-8")
    for change in report["next_changes"]:
        assert change["key"].rpartition(".")[2] in made
    assert "seed: 7" in made


def test_it_is_shown_with_rule_and_reason(tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path), SHAKEN, gain=-0.3)
    found = follow(rundir.root)
    assert found.path == rundir.next_yaml
    assert found.not_in_file == ()
    assert found.proposal.applied
    assert all(one.rule.startswith("R") and one.why.en and one.why.zh for one in found.proposal.applied)
    looks = {look for look, _ in found.diff}
    assert looks == {"hunk", "same", "del", "add"}
    assert not any("seed" in line for look, line in found.diff if look in {"add", "del"})  # --set is no change
    assert not any("image_dir" in line for look, line in found.diff if look in {"add", "del"})


def test_a_change_that_was_taken_back_by_hand_is_told(tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path), SHAKEN, gain=-0.3)
    rundir.next_yaml.write_text(RECIPE.format(name="cup"), encoding="utf-8")
    found = follow(rundir.root)
    assert list(found.not_in_file) == [one.change for one in found.proposal.applied]


def test_written_elsewhere_it_means_the_same_and_nothing_is_written_over(tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path), SHAKEN, gain=-0.3)
    target = tmp_path / "elsewhere" / "deep" / "second.yaml"
    target.parent.mkdir(parents=True)
    assert follow(rundir.root, target).path == target
    here, there = load_recipe(target), load_recipe(rundir.next_yaml)
    key = "concepts[0].image_dir"
    assert here.resolve_path(key).resolve() == there.resolve_path(key).resolve() == (tmp_path / "pictures").resolve()
    written = target.read_bytes()
    with pytest.raises(InputError, match="there already"):
        follow(rundir.root, target)
    assert target.read_bytes() == written
    with pytest.raises(InputError, match="cannot write"):
        follow(rundir.root, tmp_path / "nowhere" / "x.yaml")


def test_without_a_next_recipe_it_says_why(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    stopped, _ = keep_run(recipe, gain=None, outcome=replace(SUCCEEDED, cause=NOTHING_TRAINED))
    going, _ = keep_run(recipe, gain=None, reports=False)
    moved, _ = keep_run(recipe, gain=None)
    moved.next_yaml.unlink()
    for root, why in (
        (stopped.root, "interrupted before its first step"),
        (going.root, "has no report"),
        (moved.root, "not there any more"),
        (tmp_path / "pictures", "no run.json"),
        (tmp_path / "nowhere", "no such folder"),
    ):
        with pytest.raises(InputError) as caught:
            follow(root)
        (problem,) = caught.value.problems
        assert problem.why is not None
        assert why in problem.why.en
        assert problem.fix is not None


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("report.json", b"{"),
        ("report.json", b'{"record": "report", "version": 2, "findings": []}'),
        ("report.json", b'{"record": "report", "version": 2, "findings": 3}'),
        ("report.json", b'{"record": "report", "version": 99}'),
        ("run.json", b'{"record": "run", "version": 1}'),
        ("recipe.yaml", b"\xff\xfe\x00"),
        ("recipe.yaml", b"- a\n"),
        ("next.yaml", b"\xff\xfe\x00"),
        ("next.yaml", b"a: [1"),
    ],
)
def test_a_damaged_file_is_refused_by_name(file: str, content: bytes, tmp_path: Path) -> None:
    rundir, _ = keep_run(write_recipe(tmp_path), gain=None)
    (rundir.root / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        follow(rundir.root)
    first = caught.value.problems[0]
    assert file in first.what.en or (first.where is not None and file in first.where.file)


def test_a_next_recipe_of_a_next_recipe_shows_no_header_lines(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = keep_run(recipe, gain=None)
    second, _ = keep_run(first.next_yaml, ["save.runs_dir=x"], gain=None)
    assert "# next: " in second.recipe.read_text(encoding="utf-8")
    assert not any("# next: " in line for _, line in follow(second.root).diff)
    assert parse_document(second.next_yaml.read_text(encoding="utf-8"), "next.yaml").data["name"] == "cup"
