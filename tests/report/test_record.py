from __future__ import annotations

import json
import math
import os
from array import array
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.finding import Confidence, Location, Problem, State, Verdict
from orchestrator.core.observation import Series
from orchestrator.core.record import read_record, write_record
from orchestrator.core.text import Text, same
from orchestrator.diagnose.rule import Case
from orchestrator.report.compare import Comparison, Difference
from orchestrator.report.record import KIND, VERSION, problems_record, report_record, verdict_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]
    Faults = Callable[[Any], list[str]]

COMPARED = Comparison(
    ("trophy-000", "trophy-001"),
    (Difference("recipe", "train.unet_lr", ("1e-3", "1e-2")),),
    ("learning", "overfit"),
    ("medium", "high"),
    ((same("held-out pictures against the base, %"), (-3.1, None)),),
    (Text("The probes used different pictures.", "探针图片不同。"),),
)


def whole(data: ReportData, folder: Path) -> dict[str, Any]:
    path = folder / "report.json"
    write_record(path, KIND, VERSION, report_record(data))
    return read_record(path, KIND, VERSION)


def test_record_is_as_described(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    assert schema_faults(whole(make_data(), tmp_path)) == []


def test_a_report_of_nothing_is_as_described(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    empty = replace(
        make_data(),
        case=Case(),
        verdict=Verdict(),
        outcome=None,
        trainer=None,
        recipe_text=None,
        run_root=None,
        commands=(),
    )
    body = whole(empty, tmp_path)
    assert schema_faults(body) == []
    assert body["level"] == "unjudged"


def test_the_check_itself_finds_faults(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    body = whole(make_data(), tmp_path)
    for broken in (
        {**body, "level": "fine"},
        {**body, "extra": 1},
        {k: v for k, v in body.items() if k != "findings"},
        {**body, "version": 1},
    ):
        assert schema_faults(broken)
    body["findings"][0]["message"] = "text"
    assert schema_faults(body)


def test_nan_survives(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    data = make_data()
    assert data.case.observations is not None
    series = {
        "loss/current": Series("loss/current", array("q", [1, 2, 3]), array("d", [0.5, float("nan"), float("inf")]))
    }
    body = whole(
        replace(data, case=replace(data.case, observations=replace(data.case.observations, series=series))), tmp_path
    )
    assert schema_faults(body) == []
    loss = body["series"]["loss/current"]
    assert (loss["last"], loss["nonfinite"], loss["first_nonfinite_step"], loss["min"]) == ("Infinity", 2, 2, 0.5)


def test_series_say_whether_they_count_steps_or_epochs(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    data = make_data()
    assert data.case.observations is not None
    by = {
        "loss/current": "step",
        "loss/validation/step_average": "step",
        "loss/validation/epoch_average": "epoch",
        "loss/validation/epoch_divergence": "epoch",
        "loss/epoch_average": "epoch",
    }
    series = {tag: Series(tag, array("q", [1, 2]), array("d", [0.5, 0.4])) for tag in by}
    observations = replace(data.case.observations, series=series)
    body = whole(replace(data, case=replace(data.case, observations=observations)), tmp_path)
    assert schema_faults(body) == []
    assert {tag: one["x"] for tag, one in body["series"].items()} == by


def test_nothing_private_is_written(make_data: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/zhangsan")
    data = replace(make_data(), recipe_text="vae: /home/zhangsan/vae.pt  # hf_abcdefghijklmnopqrst\n")
    text = json.dumps(whole(data, tmp_path))
    assert "zhangsan" not in text
    assert "hf_abc" not in text
    assert str(data.run_root) not in text


def test_a_finding_names_its_pictures_and_no_folder(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    data = make_data()
    first, *rest = data.verdict.findings
    paths = (Path("/home/zhangsan/secret/alice/01.png"), Path("set/须灵犀.jpg"))
    body = whole(replace(data, verdict=Verdict((replace(first, paths=paths), *rest))), tmp_path)
    assert body["findings"][0]["paths"] == ["01.png", "须灵犀.jpg"]
    assert schema_faults(body) == []
    assert "secret" not in json.dumps(body)


def test_facts_agree_with_the_case(make_data: Make, tmp_path: Path) -> None:
    data = make_data()
    body = whole(data, tmp_path)
    assert [f["name"] for f in body["findings"]] == [f.name for f in data.verdict.findings]
    assert body["next_steps"] == ["lr-too-high", "missing-caption"]
    assert body["plan"]["steps"]["total_steps"] == 400
    assert body["plan"]["train"]["network_dim"] == {
        "value": 8,
        "source": "preset",
        "because": {"en": "object preset", "zh": "object preset"},
    }
    assert len(body["checkpoints"]["files"]) == 4
    assert body["dataset"]["folders"][0]["captioned"] == 17
    assert body["commands"][0]["argv"][0] == "python"


def test_findings_carry_evidence_and_advice(make_data: Make, tmp_path: Path) -> None:
    high, few, kept, clear, _ = whole(make_data(), tmp_path)["findings"]
    assert (high["id"], high["status"], high["severity"], high["confidence"]) == ("R009", "fired", "fix", "high")
    assert high["evidence"][0]["value"] == 1e-2
    (advice,) = high["advice"]
    assert advice["text"]["en"] == "Write unet_lr: 1e-3."
    assert [(c["key"], c["before"], c["value"]) for c in advice["changes"]] == [("train.unet_lr", 1e-2, 1e-3)]
    assert few["advice"][0]["changes"] == []
    assert kept["ignored_because"] == "the trigger is in the folder name"
    assert clear["advice"] == []


def test_what_is_missing_says_what_would_help(make_data: Make, tmp_path: Path) -> None:
    source, rule = whole(make_data(), tmp_path)["missing"]
    assert (source["kind"], source["what"], source["needs"]) == ("source", "resources.jsonl", None)
    assert (rule["kind"], rule["what"], rule["needs"]["en"]) == ("rule", "still-falling", "Held-out pictures.")


def test_the_state_is_that_of_the_worst_claim(make_data: Make, tmp_path: Path) -> None:
    data = make_data()
    body = whole(data, tmp_path)
    assert (body["primary_state"], body["confidence"], body["because"]) == ("inconclusive", "low", None)
    overfit = replace(data.verdict.findings[0], state=State.OVERFIT, confidence=Confidence.MEDIUM)
    learned = replace(data.verdict.findings[3], state=State.LEARNING)
    body = whole(replace(data, verdict=Verdict((learned, overfit))), tmp_path)
    assert (body["primary_state"], body["confidence"], body["because"]) == ("overfit", "medium", "lr-too-high")
    assert body["sentence"]["en"].startswith("This LoRA went on to learn its pictures by heart")
    assert [f["state"] for f in body["findings"]] == ["learning", "overfit"]


def test_telemetry_and_probe_are_told(make_recorded: Make, schema_faults: Faults, tmp_path: Path) -> None:
    body = whole(make_recorded(), tmp_path)
    assert schema_faults(body) == []
    told = body["telemetry"]
    assert (told["mode"], told["samples"], told["pictures"], told["held_out_pictures"]) == ("probe", 400, 18, 2)
    assert (told["probes"], told["base_probes"]) == (10, 2)
    assert told["cost_percent"] == pytest.approx(100 * 3.0 / 83.4)
    train, held = body["probe"]["train"], body["probe"]["held_out"]
    assert train["steps"] == held["steps"] == list(range(40, 401, 40))
    assert train["last"] == pytest.approx(100 * (math.exp(-0.2 * 0.75) - 1), abs=0.3)
    assert held["best_step"] in {160, 200, 240}
    assert held["rebound"] > 0
    assert train["pictures"] == ["20_zxqtrophy trophy/00.png", "20_zxqtrophy trophy/01.png"]
    assert body["probe"]["base_drift"] == 0
    assert len(train["bands"]) == len(train["timesteps"]) == len(body["probe"]["gaps"]) == 5


def test_the_window_of_files_is_told(make_recorded: Make, tmp_path: Path) -> None:
    data = make_recorded()
    told = whole(data, tmp_path)["checkpoints"]
    steps = [one["step"] for one in told["window"]["candidates"]]
    assert steps
    assert set(steps) <= {point["step"] for point in told["files"]}
    assert max(steps) < 400  # the held-out pictures are worse there
    assert all(point["is_usable"] for point in told["files"])


def test_a_comparison_is_passed_on(make_data: Make, schema_faults: Faults, tmp_path: Path) -> None:
    body = whole(replace(make_data(), compared=COMPARED), tmp_path)
    assert schema_faults(body) == []
    assert body["compared"]["differences"][0] == {"kind": "recipe", "key": "train.unet_lr", "values": ["1e-3", "1e-2"]}


def test_problems_and_verdict_in_one_language(make_data: Make) -> None:
    where = Location("recipe.yaml", 1, 2, "x", 1)
    found = problems_record([Problem("unknown-key", Text("no", "无"), fix=same("y"), where=where)], "zh")
    assert found[0]["what"] == "无"
    assert found[0]["why"] is None
    assert found[0]["where"]["line"] == 1
    body = verdict_record(make_data().verdict, "zh")
    assert body["worst"] == "fix"
    assert body["findings"][0]["message"] == "学习率比此秩可承受的高十倍。"
    assert body["findings"][0]["evidence"][0]["what"] == "lr x sqrt(alpha / rank)"
    json.dumps(body, allow_nan=False)


def test_a_name_that_is_no_utf8_comes_back_as_it_was(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.png")
    write_record(tmp_path / "a.json", "names", 1, {"name": name, "other": "初音 \\udcff"})
    assert read_record(tmp_path / "a.json", "names", 1)["name"] == name
    assert read_record(tmp_path / "a.json", "names", 1)["other"] == "初音 \\udcff"
