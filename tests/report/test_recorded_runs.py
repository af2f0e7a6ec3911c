"""Reports of runs that real trainers made."""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.backends.protocol import Trainer
from orchestrator.core.record import read_record
from orchestrator.core.text import LANGUAGES, Language
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.observe.read import read_foreign
from orchestrator.observe.settings import _SAME_NAME
from orchestrator.report.html import render_html
from orchestrator.report.make import make_report, write_report
from orchestrator.report.record import KIND, VERSION
from orchestrator.report.versions import versions
from orchestrator.run.records.model import foreign

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.report.model import ReportData

LOGS = Path(__file__).parents[1] / "logs"
WEIGHT = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
RUNS = sorted(folder.name for folder in LOGS.iterdir() if (folder / "console.log").is_file())


def report(name: str) -> ReportData:
    seen, settings, family = read_foreign(LOGS / name)
    case = Case(observations=seen, outcome=foreign(), settings=settings, family=family)
    return make_report(name, case, judge(case, "after"), LOGS / name, is_foreign=True)


@pytest.mark.parametrize("name", RUNS)
def test_every_run_gets_its_files(name: str, tmp_path: Path, schema_faults: Callable[[Any], list[str]]) -> None:
    data = report(name)
    for language in LANGUAGES:
        files = write_report(data, tmp_path, language)
        assert set(files) == {"report.html", "report.json"}  # no recipe of ours, no next recipe
        html = files["report.html"].read_text(encoding="utf-8")
        assert str(LOGS) not in html
        assert 'id="loss-t"' in html
        assert data.headline.to(language).split("`")[0] in html
    assert schema_faults(read_record(tmp_path / "report.json", KIND, VERSION)) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nan_run_is_stopped_and_its_nan_counted(language: Language) -> None:
    data = report("nan")
    assert data.case.observations is not None
    bad = sum(not math.isfinite(value) for value in data.case.observations.series["loss/current"].values)
    html = render_html(data, language)
    assert bad > 100
    assert '<header class="stop">' in html
    assert f"loss/current: {bad} " in html


def test_adaptive_rate_is_shown_as_it_acts() -> None:
    html = render_html(report("prodigy-lr-1e-4"), "en")
    assert "d x lr, peak" in html
    assert "lr/d*lr/unet" in html


def test_libraries_come_from_the_trainers_environment(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.10" / "site-packages" / "torch-9.9.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n", encoding="utf-8")
    trainer = Trainer("sd-scripts", tmp_path / "bin" / "python", tmp_path, "a" * 40)
    assert versions(trainer)["torch"] == "9.9"
    assert set(versions(None)) == {"Python", "platform"}
    assert "peft" not in versions(Trainer("x", tmp_path / "other" / "bin" / "python", tmp_path, "a" * 40))
    assert set(versions(Trainer("pocket", Path(sys.executable), tmp_path, "0"))) >= {"Python", "platform"}


HOSTILE = ("9" * 5000, "9" * 4000, "9" * 400, "²", "٣", "-1", "0", "nan", "inf", "1e999", f"[{'9' * 4000}]", "<b>", "")
COUNTS = ("max_train_steps", "num_epochs", "num_batches_per_epoch", "num_train_images", "steps", "epoch")


@pytest.mark.parametrize("with_console", [True, False])
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: f"{value[:5]} of {len(value)}")
def test_whatever_a_network_file_remembers_it_gets_its_report(value: str, with_console: bool, tmp_path: Path) -> None:
    every = [f"ss_{name}" for name in (*COUNTS, *_SAME_NAME, "num_validation_images", "num_reg_images", "resolution")]
    content = {"__metadata__": dict.fromkeys(every, value), "lora_unet_a.lora_up.weight": WEIGHT}
    header = json.dumps(content).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    if with_console:
        (tmp_path / "console.log").write_bytes((LOGS / "collapsed" / "console.log").read_bytes())
    seen, settings, family = read_foreign(tmp_path)
    case = Case(observations=seen, outcome=foreign(), settings=settings, family=family)
    verdict = judge(case, "after")
    assert [found.message.en for found in verdict.findings if found.name == "rule-failed"] == []
    data = make_report("x", case, verdict, tmp_path, is_foreign=True)
    assert set(write_report(data, tmp_path / "report", "en")) == {"report.html", "report.json"}
    for count in (seen.facts.get("total_steps", 0), seen.checkpoints[0].step or 0, seen.facts.get("epochs", 0)):
        assert isinstance(count, int)
        assert 0 <= count < 10**15
