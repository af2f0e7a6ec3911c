"""What docs/benchmark.md says and the code have to agree on."""

from __future__ import annotations

import re
from pathlib import Path

from benchmark.fired import fired_part
from orchestrator.diagnose.rules import all_rules

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")


def test_a_stable_rule_about_runs_has_fired_on_a_recorded_run() -> None:
    told = dict(re.findall(r"^\| `([a-z-]+)` \| (stable|preview) \| \d+ \| \d+ \|$", PAGE, re.MULTILINE))
    stable = {rule.name for rule in all_rules() if rule.phase == "after" and rule.maturity == "stable"}
    assert stable
    assert stable <= set(told)
    assert {name for name, maturity in told.items() if maturity == "stable"} == stable


def test_runs_are_counted_once_for_each_rule() -> None:
    lines = fired_part([["nan-loss", "nan-loss"], ["diverging"]], [["nan-loss"]])
    assert "| `nan-loss` | stable | 1 | 1 |" in lines
    assert "| `diverging` | stable | 1 | 0 |" in lines
    assert "`disk-full`" in lines[-2]
