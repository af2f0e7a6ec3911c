"""The other families on real sd-scripts: trained with the recorder on, killed, gone on with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chaos.processes import living_in
from orchestrator.core.rundir import RunDir
from orchestrator.diagnose.signals.probe import base_share
from orchestrator.observe.read import read_run
from orchestrator.run.records.history import read_history
from tests.rig.conftest import write_recipe
from tests.rig.test_resume_real import start, wait_for_states

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.rig

LEAST_EXPLAINED = 0.1
"""A base of random weights explains nothing, whatever the trainer's loss compares."""
RELIABILITY = {
    "A10": "killed with -9 and gone on with on real sd-scripts, SDXL, FLUX and SD 3.5 (by hand, docs/rig.md)"
}


@pytest.mark.parametrize("family", ["sdxl", "flux", "sd3"])
def test_it_trains_what_was_planned_and_is_recorded(rig: Path, rig_home: Path, tmp_path: Path, family: str) -> None:
    if not (rig / f"base-{family}").is_dir():
        pytest.skip(f"the rig has no base-{family} (docs/rig.md)")
    recipe = write_recipe(rig, tmp_path, f"{family}.yaml")
    run = tmp_path / "runs" / f"rig-{family}-001"
    process = start(recipe, rig_home, recipe.name)
    wait_for_states(run, 1, process)
    process.kill()
    process.communicate()
    while living_in(run):  # `resume` would end them, and tell so
        time.sleep(0.1)
    process = start(recipe, rig_home, "resume", f"runs/rig-{family}-001")
    output = process.communicate(timeout=1200)[0]
    assert process.returncode in (0, 1), output
    history, seen = read_history(RunDir(run)), read_run(run)
    assert [(a.why, a.ending) for a in history.attempts] == [("start", ""), ("resume", "succeeded")]
    assert history.attempts[1].first_step > 0
    steps = list(range(1, history.total_steps + 1))
    assert list(seen.series["loss/current"].steps) == steps
    assert seen.telemetry is not None
    assert list(seen.telemetry.steps.steps) == steps
    assert {probe.step for probe in seen.telemetry.probes} >= {0, history.total_steps}
    assert any(published.is_final for published in history.published)
    assert not history.quarantined
    assert base_share(seen.telemetry.probes) < LEAST_EXPLAINED
