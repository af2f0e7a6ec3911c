"""The launcher starts a script as python would, with or without a recording."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.telemetry.entry import main_block
from tests.telemetry.runs import read

LAUNCHER = Path(__file__).parents[2] / "orchestrator" / "telemetry" / "launcher.py"
TELLING = """
import json, os, sys
import beside
def value(): return beside.VALUE
class NetworkTrainer: pass
class MyTrainer(NetworkTrainer): pass
if __name__ == "__main__":
    print(json.dumps([value(), sys.argv, sys.path, os.getcwd()]))
    sys.exit(int(sys.argv[1]))
"""


def _entry(tmp_path: Path, source: str) -> Path:
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "beside.py").write_text("VALUE = 7\n")
    script = folder / "my_entry.py"
    script.write_text(textwrap.dedent(source))
    return script


def _settings(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "telemetry.json"
    path.write_text(json.dumps({"version": 1, "mode": "probe", "folder": str(tmp_path / "out")} | changes))
    return path


def _started(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)


def test_the_collector_rests_while_the_script_is_imported_and_works_again_when_it_runs(tmp_path: Path) -> None:
    source = """
import gc
while_imported = gc.isenabled()
class NetworkTrainer: pass
if __name__ == "__main__":
    print(while_imported, gc.isenabled(), gc.get_threshold())
"""
    script = _entry(tmp_path, source)
    directly = _started([str(script)], tmp_path).stdout.split(maxsplit=2)
    launched = _started([str(LAUNCHER), str(_settings(tmp_path)), str(script)], tmp_path).stdout.split(maxsplit=2)
    assert (launched[0], directly[0]) == ("False", "True")
    assert launched[1:] == directly[1:]


def test_a_script_sees_what_it_sees_when_started_itself(tmp_path: Path) -> None:
    script = _entry(tmp_path, TELLING)
    directly = _started([str(script), "3", "--option"], tmp_path)
    launched = _started([str(LAUNCHER), str(_settings(tmp_path)), str(script), "3", "--option"], tmp_path)
    assert directly.returncode == launched.returncode == 3
    assert directly.stdout == launched.stdout
    assert json.loads(launched.stdout)[1:3][0] == [str(script), "3", "--option"]
    assert not any("orchestrator" in entry for entry in json.loads(launched.stdout)[2])
    end = read(tmp_path / "out")[-1]
    assert (end["k"], end["reason"], end["n"]) == ("end", "exception", 0)


def test_an_unreadable_setting_turns_the_recording_off_and_nothing_else(tmp_path: Path) -> None:
    script = _entry(tmp_path, TELLING)
    launched = _started([str(LAUNCHER), str(_settings(tmp_path, mode="much")), str(script), "0"], tmp_path)
    assert launched.returncode == 0
    assert json.loads(launched.stdout)[0] == 7
    assert "telemetry is off: ValueError: telemetry.json: mode must be one of log, probe" in launched.stderr
    assert not (tmp_path / "out").exists()


def test_a_script_without_a_trainer_class_is_started_and_noted(tmp_path: Path) -> None:
    script = _entry(tmp_path, 'if "__main__" == __name__:\n    print("ran")\n')
    launched = _started([str(LAUNCHER), str(_settings(tmp_path)), str(script)], tmp_path)
    assert launched.stdout == "ran\n"
    lines = read(tmp_path / "out")
    assert [line["k"] for line in lines] == ["head", "note", "end"]
    assert lines[1]["text"] == "my_entry.py has no NetworkTrainer"
    assert lines[2]["reason"] == "finished"


def test_an_error_of_the_script_is_passed_on(tmp_path: Path) -> None:
    script = _entry(tmp_path, 'if __name__ == "__main__":\n    x = 1\n    raise OSError("mine")\n')
    launched = _started([str(LAUNCHER), str(_settings(tmp_path)), str(script)], tmp_path)
    assert launched.returncode == 1
    assert f'File "{script}", line 3, in <module>' in launched.stderr
    assert launched.stderr.splitlines()[-1] == "OSError: mine"
    assert read(tmp_path / "out")[-1]["reason"] == "exception"


def test_usage_and_a_script_without_a_main_block(tmp_path: Path) -> None:
    assert _started([str(LAUNCHER)], tmp_path).stderr.startswith("usage: launcher.py telemetry.json")
    script = _entry(tmp_path, "x = 1\n")
    launched = _started([str(LAUNCHER), str(_settings(tmp_path)), str(script)], tmp_path)
    assert launched.returncode == 1
    assert launched.stderr == "my_entry.py has no main block to run\n"


def test_only_the_real_main_block_is_taken() -> None:
    block = main_block("if x == '__main__':\n    a\nif __name__ == '__main__':\n    b\nelse:\n    c\n")
    assert block is not None
    assert ast.unparse(block) == "b"
    assert main_block("if __name__ != '__main__':\n    a\n") is None


SLEEPING = """
import sys, time
sys.path.insert(0, {root!r})
from tests.telemetry import toy
class NetworkTrainer(toy.NetworkTrainer):
    def sample_images(self, accelerator, args, epoch, global_step, *rest):
        if global_step == 5:
            print("at five", flush=True)
            time.sleep(60)
if __name__ == "__main__":
    NetworkTrainer().train(toy.arguments())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_recorded_is_written_when_the_run_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    root = str(Path(__file__).parents[2])
    script = _entry(tmp_path, SLEEPING.format(root=root))
    command = [sys.executable, str(LAUNCHER), str(_settings(tmp_path, mode="log")), str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at five\n"
        time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(30) == -number
    lines = read(tmp_path / "out")
    assert [line["n"] for line in lines if line["k"] == "s"] == [1, 2, 3, 4]
    assert lines[-1]["k"] == "end"
    assert lines[-1]["reason"] == "exception"
