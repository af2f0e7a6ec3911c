from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Change, Confidence, Finding, Fix, Location, Severity, State, Status, Verdict
from orchestrator.core.text import Text
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.diagnose.changes import choose_changes, next_changes
from orchestrator.diagnose.engine import TOLD_BY, check_ignores, judge
from orchestrator.diagnose.pages import all_pages
from orchestrator.diagnose.rule import Case, Phase, Rule
from orchestrator.diagnose.rules import all_rules, rules_after, rules_before
from orchestrator.plan.resolve import make_plan
from orchestrator.recipe.load import load_recipe
from tests.diagnose.cases import dataset, folder, picture, recipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAID = Text("it is so", "正是如此")


def _finding(
    name: str,
    severity: Severity = Severity.FIX,
    confidence: Confidence = Confidence.HIGH,
    status: Status = Status.FIRED,
    *changes: Change,
) -> Finding:
    return Finding("R900", name, status, severity, confidence, SAID, fix=Fix(SAID, changes))


def _rule(name: str, finding: Finding, phase: Phase = "after", suppresses: tuple[str, ...] = ()) -> Rule:
    return Rule("R900", name, phase, lambda _case: [finding], suppresses=suppresses)


def _broken(_case: Case) -> Iterator[Finding]:
    raise ZeroDivisionError("division by zero")


def test_worst_first_then_most_certain() -> None:
    made = [
        _finding("watch", Severity.WATCH),
        _finding("unsure", Severity.STOP, Confidence.LOW),
        _finding("open", Severity.STOP, status=Status.INCONCLUSIVE),
        _finding("sure", Severity.STOP),
        _finding("fine", status=Status.CLEAR),
    ]
    verdict = judge(Case(), "after", rules=[_rule(f.name, f) for f in made])
    assert [f.name for f in verdict.findings] == ["sure", "unsure", "watch", "open", "fine"]
    assert verdict.worst is Severity.STOP


def test_rules_of_the_other_phase_are_not_run() -> None:
    rules = [_rule(phase, _finding(phase), phase) for phase in ("before", "after", "both")]
    assert {f.name for f in judge(Case(), "before", rules=rules).findings} == {"before", "both"}
    assert {f.name for f in judge(Case(), "after", rules=rules).findings} == {"after", "both"}


def test_a_cause_hides_its_consequences_unless_it_is_ignored() -> None:
    rules = [_rule("cause", _finding("cause"), suppresses=("effect",)), _rule("effect", _finding("effect"))]
    assert [f.name for f in judge(Case(), "after", rules=rules).findings] == ["cause"]
    ignoring = Case(recipe=recipe(ignore=[{"rule": "cause", "because": "on purpose"}]))
    verdict = judge(ignoring, "after", rules=rules)
    assert [f.name for f in verdict.fired] == ["effect"]
    assert {f.name: f.ignored_because for f in verdict.findings} == {"cause": "on purpose", "effect": None}


def test_a_cause_that_did_not_fire_hides_nothing() -> None:
    rules = [
        _rule("cause", _finding("cause", status=Status.CLEAR), suppresses=("effect",)),
        _rule("effect", _finding("effect")),
    ]
    assert [f.name for f in judge(Case(), "after", rules=rules).fired] == ["effect"]


def test_findings_made_elsewhere_join_in_and_can_be_ignored() -> None:
    ignoring = Case(recipe=recipe(ignore=[{"rule": "R900", "because": "on purpose"}]))
    verdict = judge(ignoring, "before", rules=[], further=[_finding("no-effect-option")])
    assert [f.ignored_because for f in verdict.findings] == ["on purpose"]
    assert verdict.worst is None


def test_a_broken_rule_is_told_and_costs_nothing_else() -> None:
    rules = [Rule("R901", "broken", "after", _broken), _rule("fine", _finding("fine"))]
    verdict = judge(Case(), "after", rules=rules)
    assert [f.name for f in verdict.findings] == ["fine", "rule-failed"]
    assert "ZeroDivisionError" in verdict.findings[1].message.en
    with pytest.raises(ZeroDivisionError):
        judge(Case(), "after", rules=rules, reraise=True)


def test_a_mild_cause_hides_no_ruin() -> None:
    ruin = replace(_finding("ruin"), state=State.BROKEN)
    mild = _rule("mild", _finding("mild", Severity.FIX), suppresses=("ruin",))
    grave = _rule("grave", _finding("grave", Severity.STOP), suppresses=("ruin",))
    assert [f.name for f in judge(Case(), "after", rules=[mild, _rule("ruin", ruin)]).fired] == ["mild", "ruin"]
    assert [f.name for f in judge(Case(), "after", rules=[grave, _rule("ruin", ruin)]).fired] == ["grave"]


def test_next_changes_never_stack_learning_rates_and_stop_at_three() -> None:
    def safe(key: str, value: float = 1.0) -> Change:
        return Change(key, value, is_safe=True)

    verdict = Verdict(
        (
            _finding("a", Severity.STOP, Confidence.HIGH, Status.FIRED, safe("train.unet_lr", 3e-5)),
            _finding(
                "b", Severity.FIX, Confidence.HIGH, Status.FIRED, safe("train.unet_lr", 1e-6), Change("train.seed", 1)
            ),
            _finding(
                "c",
                Severity.FIX,
                Confidence.HIGH,
                Status.FIRED,
                safe("network.network_alpha"),
                safe("dataset.keep_tokens"),
            ),
            _finding("d", Severity.FIX, Confidence.HIGH, Status.CLEAR, safe("train.clip_skip")),
            _finding(
                "e",
                Severity.WATCH,
                Confidence.HIGH,
                Status.FIRED,
                safe("save.checkpoints"),
                safe("train.max_grad_norm"),
            ),
        )
    )
    assert [(c.key, c.value) for c in next_changes(verdict)] == [
        ("train.unet_lr", 3e-5),
        ("dataset.keep_tokens", 1.0),
        ("save.checkpoints", 1.0),
    ]


def test_an_ignore_of_no_rule_is_a_mistake_with_the_nearest_name() -> None:
    named = {f"ignore[{index}].rule": rule for index, rule in enumerate(("nan-los", "nan-loss", "R003"))}
    problems = check_ignores(named, lambda key: Location(key, 1, 1))
    assert [(p.code, p.where) for p in problems] == [("unknown-rule", Location("ignore[0].rule", 1, 1))]
    assert problems[0].fix is not None
    assert "nan-loss" in problems[0].fix.en


def test_ids_and_names_are_unique_and_causes_name_real_rules() -> None:
    pages = all_pages()
    assert len({p.id for p in pages}) == len({p.name for p in pages}) == len(pages)
    names = {rule.name for rule in all_rules()}
    assert {name for rule in all_rules() for name in rule.suppresses} <= names


def test_each_rule_stands_in_the_list_of_its_phase() -> None:
    assert {rule.name for rule in rules_before() if rule.phase == "after"} == set()
    assert {rule.name for rule in rules_after() if rule.phase != "after"} == set()


def test_every_rule_survives_a_case_of_which_nothing_is_known() -> None:
    for phase in ("before", "after"):
        verdict = judge(Case(), phase, reraise=True)
        assert not verdict.fired


def test_settings_are_not_judged_before_they_are_decided() -> None:
    """Planning failed: what the recipe leaves open would have been decided, so it is no fault."""
    captions = [picture(f"{n}.png", "sksalice " + "very " * 120) for n in range(20)]
    asked = recipe(subject={"kind": "style", "trigger": "sksalice"}, trainer_args={"max_data_loader_n_workers": 2})
    case = Case(recipe=asked, dataset=dataset(folder(captions)), family="sd15")
    verdict = judge(case, "before", reraise=True)
    assert {finding.name for finding in verdict.fired} == {"licence-not-recorded"}
    said = {finding.name: finding.status for finding in verdict.findings}
    needing = {rule.name for rule in all_rules() if rule.needs_plan}
    assert {"no-hold-out", "validation-invalid", "lr-out-of-band", "too-few-steps"} <= needing
    assert {said[name] for name in needing} == {Status.NOT_APPLICABLE}


def test_without_a_plan_the_recipes_own_options_count() -> None:
    asked = recipe(
        subject={"kind": "style", "trigger": "sksalice"},
        trainer_args={"caption_prefix": "sksalice,", "enable_wildcard": True},
    )
    pictures = [picture(f"{n}.png", "smile", caption_problem="caption-multiline") for n in range(20)]
    verdict = judge(Case(recipe=asked, dataset=dataset(folder(pictures)), family="sd15"), "before", reraise=True)
    assert not {"missing-trigger", "caption-multiline"} & {finding.name for finding in verdict.fired}


def test_after_the_run_the_settings_are_judged_without_a_plan() -> None:
    verdict = judge(Case(dataset=dataset(), settings={"train_batch_size": 1}), "after", reraise=True)
    assert "no-hold-out" in {finding.name for finding in verdict.fired}


def test_what_the_planner_refused_is_not_told_again(tmp_path: Path) -> None:
    """Codes as the planner writes them, rules as they fire on the same folder."""
    (tmp_path / "a.png").write_bytes(b"")
    for name, caption in {"b": b"", "c": b"\xff\xfe\x00", "d": b" \nsecond"}.items():
        Image.new("RGB", (64, 64)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_bytes(caption)
    read = scan_dataset([FolderRequest(tmp_path)])
    asked = recipe(concepts=[{"image_dir": str(tmp_path)}])
    text = "\n".join(
        [
            "recipe_version: 1",
            "name: alice",
            "subject: {kind: character, trigger: sksalice}",
            "base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}",
            f"concepts: [{{image_dir: {tmp_path}}}]",
        ]
    )
    with pytest.raises(InputError) as refused:
        make_plan(load_recipe(tmp_path / "recipe.yaml", text=text), read)
    told = {problem.code for problem in refused.value.problems}
    case = Case(recipe=asked, dataset=read, family="sd15")
    alone = {f.name for f in judge(case, "before").fired}
    assert {"unreadable-image", "caption-not-utf8", "empty-caption"} <= alone
    after = judge(case, "before", told=told).fired
    assert not {"unreadable-image", "caption-not-utf8"} & {f.name for f in after}
    # The caption with a blank first line is no reason to refuse: it is still told.
    assert [f.severity for f in after if f.name == "empty-caption"] == [Severity.FIX]


def test_an_empty_folder_is_told_once() -> None:
    case = Case(recipe=recipe(), dataset=dataset(folder(0)), family="sd15")
    assert "no-pictures" in {f.name for f in judge(case, "before").fired}
    names = {f.name for f in judge(case, "before", told=["no-pictures"]).fired}
    assert not names & {"no-pictures", "few-pictures"}


def test_every_rule_that_may_be_told_before_exists() -> None:
    assert {name for names in TOLD_BY.values() for name in names} <= {rule.name for rule in all_rules()}


def test_one_change_is_tried_and_the_rest_is_listed() -> None:
    more = Change("train.target_steps", 1500)
    verdict = Verdict(
        (
            _finding("told", Severity.INFO, Confidence.HIGH, Status.FIRED, Change("train.seed", 1)),
            _finding("safe", Severity.FIX, Confidence.HIGH, Status.FIRED, Change("train.clip_skip", 2, is_safe=True)),
            replace(
                _finding("cause", Severity.WATCH, Confidence.HIGH, Status.FIRED, more, Change("train.unet_lr", 2e-4)),
                state=State.UNDERTRAINED,
            ),
        )
    )
    chosen = choose_changes(verdict)
    assert [c.key for c in chosen.applied] == ["train.target_steps", "train.clip_skip"]
    assert [c.key for c in chosen.listed] == ["train.unet_lr", "train.seed"]


def test_what_is_only_told_is_never_tried() -> None:
    told = _finding("told", Severity.INFO, Confidence.HIGH, Status.FIRED, Change("train.seed", 1))
    assert next_changes(Verdict((told,))) == ()


def test_two_learning_rates_are_never_tried_together() -> None:
    verdict = Verdict(
        (
            _finding("a", Severity.FIX, Confidence.HIGH, Status.FIRED, Change("train.unet_lr", 1e-5, is_safe=True)),
            _finding("b", Severity.FIX, Confidence.HIGH, Status.FIRED, Change("network.network_alpha", 4)),
        )
    )
    assert [c.key for c in next_changes(verdict)] == ["train.unet_lr"]
