"""check, plan, compile, and a run until launch, load nothing heavy: a wrong recipe must cost tenths of a second, not seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("torch", "accelerate", "tensorboard", "numpy", "git", "diffusers", "transformers", "scipy")

PROBE = """
import json, sys
from orchestrator import cli
sys.argv[0] = "lora-run"
try:
    cli.main()
except SystemExit as ended:
    code = ended.code
heavy = [name for name in sys.argv_heavy if name in sys.modules]
open(sys.argv_out, "w").write(json.dumps([code or 0, heavy]))
"""


def loaded_by(arguments: list[str], tmp_path: Path, before: str = "") -> tuple[int, list[str]]:
    """Run `lora-run` in a process of its own; return its exit code and which heavy modules it loaded."""
    out = tmp_path / "loaded.json"
    code = f"import sys; sys.argv = ['lora-run', *{arguments!r}]; sys.argv_heavy = {HEAVY!r}; sys.argv_out = {str(out)!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", code + before + PROBE], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert out.exists(), done.stderr
    exit_code, heavy = json.loads(out.read_text())
    return exit_code, heavy


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["check", "RECIPE"],
        ["plan", "RECIPE"],
        ["compile", "RECIPE", "-o", "out"],
        ["check", "RECIPE", "--format", "json"],
    ],
    ids=" ".join,
)
def test_loads_nothing_heavy(arguments: list[str], sd15_recipe: Path, tmp_path: Path) -> None:
    exit_code, heavy = loaded_by([str(sd15_recipe) if a == "RECIPE" else a for a in arguments], tmp_path)
    assert exit_code == 0
    assert heavy == []


def test_a_run_loads_nothing_heavy_until_launch(pocket_recipe: Path, tmp_path: Path) -> None:
    stop_at_launch = (
        "import orchestrator.run.process.launch as l\ndef stop(*a, **k): raise SystemExit(77)\nl.launch = stop\n"
    )
    exit_code, heavy = loaded_by([str(pocket_recipe)], tmp_path, stop_at_launch)
    assert exit_code == 77
    assert heavy == []


def test_what_only_watches_a_run_is_loaded_after_the_trainer_was_started(pocket_recipe: Path, tmp_path: Path) -> None:
    code = """
import sys
sys.argv = ['lora-run', RECIPE]
def stop(event, arguments):
    if event == 'subprocess.Popen' and 'accelerate.commands.launch' in arguments[1]:
        late = ('report.terminal', 'observe.console', 'diagnose.live', 'diagnose.course', 'diagnose.rates',
                'diagnose.signals.conditioned', 'diagnose.signals.probe', 'diagnose.signals.pictures')
        late = ['orchestrator.' + name for name in late]
        print([name for name in late if name in sys.modules])
        raise SystemExit(77)
sys.addaudithook(stop)
from orchestrator import cli
cli.main()
""".replace("RECIPE", repr(str(pocket_recipe)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (77, ["[]"]), done.stderr


def test_help_loads_neither_pydantic_nor_rich(tmp_path: Path) -> None:
    code = "import sys\nsys.argv = ['lora-run', '--help']\nfrom orchestrator import cli\ntry: cli.main()\nexcept SystemExit: pass\nprint([m for m in ('pydantic', 'rich', 'yaml', 'jinja2', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"
