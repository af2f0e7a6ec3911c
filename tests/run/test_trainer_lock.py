from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault
from orchestrator.run.installed.trainer_lock import trainer_free, trainer_in_use
from orchestrator.run.installed.vendor import install
from orchestrator.run.installed.vendor_home import VendorHome, read_state

if TYPE_CHECKING:
    from pathlib import Path

RELIABILITY = {
    "D02": "an installation under a run: refused, naming run, process and beginning; free at once after kill -9 of the run",
}
RUNS = """
import sys, time
from pathlib import Path
from orchestrator.run.installed.trainer_lock import trainer_in_use
from orchestrator.run.installed.vendor_home import VendorHome
with trainer_in_use(VendorHome(Path(sys.argv[1])), "alice"):
    print("runs", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def alone(tmp_path: Path) -> VendorHome:
    made = VendorHome(tmp_path)
    made.state.mkdir()
    return made


def run_beside(home: VendorHome) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", RUNS, str(home.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "runs\n"
    return process


def test_runs_share_a_trainer_and_an_installation_waits_for_all_of_them(alone: VendorHome) -> None:
    with trainer_in_use(alone, "bob"), trainer_in_use(alone, "carol"):
        pass
    with trainer_free(alone), pytest.raises(EnvironmentFault) as refused, trainer_in_use(alone, "bob"):
        pass
    assert refused.value.problems[0].code == "installation-running"
    with trainer_in_use(alone, "bob"):
        pass


def test_an_installation_under_a_run_is_refused_and_changes_nothing(installed: VendorHome) -> None:
    before = read_state(installed)
    run = run_beside(installed)
    try:
        with pytest.raises(EnvironmentFault) as refused:
            install("sd-scripts", python=sys.executable)
        (told,) = refused.value.problems
        assert told.code == "trainer-in-use"
        assert f"(alice, process {run.pid}, since " in told.what.en
        assert str(run.pid) in told.what.zh
        assert read_state(installed) == before
    finally:
        run.kill()
        run.communicate()
    with trainer_free(installed):
        assert not list(installed.users.iterdir())


def test_a_folder_that_cannot_be_written_holds_up_no_run(tmp_path: Path) -> None:
    with trainer_in_use(VendorHome(tmp_path / "absent"), "alice"):
        pass
