"""How much later the first step of a training comes through the tool: its own clock until it starts the trainer, and real runs.

Two runs of the same training on a shared machine differ by seconds, so the whole way is not enough to judge a tenth of one.
The time until the trainer is started is the tool's own and measured alone; what it does afterwards, while the trainer loads,
is told as CPU seconds of its own process until the first step.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Figures = dict[str, list[float]]

STOP_AT_START = """
import os, sys, time
def stop(event, arguments):
    if event == "subprocess.Popen" and "accelerate.commands.launch" in arguments[1]:
        print(time.process_time(), time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
        os._exit(0)
sys.addaudithook(stop)
from orchestrator.cli import main
sys.argv[0] = "lora-run"
main()
"""


def as_installed(folder: Path) -> dict[str, str]:
    """Return an environment in which Python keeps compiled modules, as pip leaves them; here in a folder of their own."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "LORA_ORCHESTRATOR_HOME": str(folder / "home")}


def until_start(recipes: dict[str, Path], runs: int, folder: Path) -> tuple[Figures, Figures]:
    """Return CPU and wall seconds from the start of `lora-run RECIPE` until it starts the trainer, by recipe, interleaved."""
    cpu: Figures = {name: [] for name in recipes}
    wall: Figures = {name: [] for name in recipes}
    for turn in range(runs + 1):
        for name, recipe in recipes.items():
            with tempfile.TemporaryDirectory(dir=folder) as made:
                begin = time.clock_gettime(time.CLOCK_MONOTONIC)
                done = subprocess.run(
                    [sys.executable, "-c", STOP_AT_START, str(recipe), "--runs-dir", made],
                    env=as_installed(folder), capture_output=True, text=True, check=False,
                )  # fmt: skip
            try:
                used, at = map(float, done.stdout.split()[-2:])
            except ValueError:
                sys.exit(f"{recipe} did not come to its start: {done.stdout[-400:]}{done.stderr[-800:]}")
            if turn:
                cpu[name].append(used)
                wall[name].append(at - begin)
    return cpu, wall


def on_rig(folder: Path) -> dict[str, str]:
    """Return the environment in which the rig's small U-Net trains."""
    return {**as_installed(folder), "SD_SMALL_UNET": "1", "HF_HUB_OFFLINE": "1"}


def real_recipe(folder: Path, rig: Path) -> Path:
    """Write the recipe of the runs on real sd-scripts, over small pictures of noise; adopt that trainer."""
    images = folder / "rig-pictures"
    if not images.is_dir():
        from PIL import Image

        images.mkdir()
        for index in range(20):
            noise = random.Random(index).randbytes(64 * 64 * 3)
            Image.frombytes("RGB", (64, 64), noise).save(images / f"{index:02d}.png")
            (images / f"{index:02d}.txt").write_text("zxq, man")
    recipe = folder / "rig.yaml"
    text = (ROOT / "tests" / "rig" / "recipe.yaml").read_text()
    recipe.write_text(text.replace("IMAGES", str(images)).replace("RIG", str(rig)))
    adopt = ["vendor", "install", "--path", str(rig / "sd-scripts"), "--python", str(rig / "venv/bin/python")]
    own = str(Path(sys.executable).parent / "lora-run")
    subprocess.run([own, *adopt, "--allow-changes"], env=as_installed(folder), capture_output=True, check=True)
    return recipe


def real_runs(recipe: Path, runs: int, folder: Path) -> Figures:
    """Train for real, in turn: the trainer alone, the compiled command with its recorder, the tool. Wall seconds, and the tool's own CPU."""
    own = str(Path(sys.executable).parent / "lora-run")
    environment = on_rig(folder)
    whos = ("trainer alone", "compiled command", "lora-run, off", "lora-run, log", "lora-run, probe")
    figures: Figures = {
        name: [] for name in (*(f"first step, {who}" for who in whos), "CPU of lora-run itself until then")
    }
    for turn in range(runs):
        with tempfile.TemporaryDirectory() as made:
            ways = {}
            for who, mode in ((whos[0], "off"), (whos[1], "probe")):
                place = Path(made) / who
                argv = [own, "compile", str(recipe), "-o", str(place), "--set", f"telemetry={mode}", "--format", "json"]
                told = json.loads(subprocess.run(argv, env=environment, capture_output=True, check=True).stdout)
                ways[who] = (told["argv"], place, {**environment, **told["environment"]})
            for who in whos[2:]:
                place = Path(made) / who
                place.mkdir()
                mode = who.rpartition(" ")[2]
                ways[who] = ([own, str(recipe), "--runs-dir", "runs", "--set", f"telemetry={mode}"], place, environment)
            for who in whos if turn % 2 else reversed(whos):
                first, used = first_step(*ways[who])
                figures[f"first step, {who}"].append(first)
                if who == whos[-1]:
                    figures["CPU of lora-run itself until then"].append(used)
        print(f"turn {turn + 1}", {name: round(values[-1], 2) for name, values in figures.items()}, flush=True)
    return figures


def first_step(argv: list[str], cwd: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Start a training and end it after its first step. Returns wall seconds until its event file holds a step, and the process's own CPU then."""
    start = time.perf_counter()
    process = subprocess.Popen(
        argv, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not any(p.stat().st_size > 500 for p in cwd.rglob("events.out.tfevents.*")):
        if process.poll() is not None:
            sys.exit(f"{' '.join(argv)} ended with {process.returncode} and no step was seen")
        time.sleep(0.01)
    first, used = time.perf_counter() - start, own_cpu(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return first, used


def own_cpu(pid: int) -> float:
    """Return the CPU seconds of one process without its children's, NaN where the system does not tell (not Linux)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quickstart(folder: Path) -> Path:
    """Return a copy of the shipped first recipe with its pictures."""
    place = folder / "quickstart-recipe"
    if not place.is_dir():
        place.mkdir()
        shutil.copytree(ROOT / "recipes" / "quickstart", place / "quickstart")
        shutil.copy(ROOT / "recipes" / "quickstart.yaml", place)
    return place / "quickstart.yaml"
