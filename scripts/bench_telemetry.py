"""What the recorder costs on real sd-scripts: the same training without it, with `log` and with `probe`, in turn.

Three measures, because a shared machine changes its speed from minute to minute: CPU seconds of the whole process tree, in which
everything is counted (the first and the last probe too); the time between two steps, by the trainer's own event file, of which the
median leaves out the few steps at which something is probed or saved and the mean holds them; and what the recorder says of its own
time, as a share of the rest of the same run, which no other run's speed can change.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from orchestrator.observe.event_file import read_event_file
from orchestrator.observe.telemetry import read_telemetry

MODES = ("off", "log", "probe")
Figures = dict[str, list[float]]


def compiled(recipe: Path, folder: Path, mode: str, steps: int, environment: dict[str, str]) -> dict[str, object]:
    """Compile the recipe for one mode and length into `folder`, emptied before; returns what `compile --format json` says."""
    shutil.rmtree(folder, ignore_errors=True)
    own = str(Path(sys.executable).parent / "lora-run")
    sets = [f"telemetry={mode}", f"train.target_steps={steps}", "train.train_batch_size=2", "sample.prompts=[]",
            "sample.sample_at_first=false", "save.checkpoints=1"]  # fmt: skip
    argv = [own, "compile", str(recipe), "-o", str(folder), "--format", "json"]
    for one in sets:
        argv += ["--set", one]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    told: dict[str, object] = json.loads(done.stdout)
    return told


def step_times(folder: Path) -> list[float]:
    """Wall times of `loss/current`, as the trainer wrote them."""
    files = [read_event_file(path) for path in folder.rglob("events.out.tfevents.*")]
    found = [file.tags["loss/current"] for file in files if "loss/current" in file.tags]
    return sorted(float(at) for columns in found for at in columns.joined()[2])


def recorded_share(folder: Path, between: list[float]) -> float:
    """Seconds that the recorder says it took, all probes included, in percent of as many median steps as were trained."""
    seen, _ = read_telemetry(sorted(folder.rglob("rank*.jsonl")), lambda path: path.name)
    if seen is None:
        return 0.0
    return 100 * (seen.log_seconds + seen.probe_seconds) / (statistics.median(between) * (len(between) + 1))


def trained(told: dict[str, object], folder: Path, environment: dict[str, str]) -> tuple[float, list[float]]:
    """Run the compiled command; returns CPU seconds of its tree and the seconds between steps."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv, own = told["argv"], told["environment"]
    if not isinstance(argv, list) or not isinstance(own, dict):
        sys.exit("compile told no command")
    subprocess.run(argv, cwd=folder, env={**environment, **own}, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = step_times(folder)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, [late - early for early, late in itertools.pairwise(times)]


def costs(recipe: Path, runs: int, steps: int, folder: Path, environment: dict[str, str]) -> dict[str, Figures]:
    """Run each mode `runs` times in turn, the order turned round each time. Returns figures by measure and mode."""
    names = (
        "CPU s of the whole run",
        "median ms between steps",
        "mean ms between steps",
        "own account, % of the steps",
    )
    figures: dict[str, Figures] = {name: {mode: [] for mode in MODES} for name in names}
    for turn in range(runs):
        for mode in MODES if turn % 2 else reversed(MODES):
            place = folder / f"telemetry-{mode}"
            told = compiled(recipe, place, mode, steps, environment)
            cpu, between = trained(told, place, environment)
            row = (
                *(1000 * of(between) for of in (statistics.median, statistics.fmean)),
                recorded_share(place, between),
            )
            for name, value in zip(names, (cpu, *row), strict=True):
                figures[name][mode].append(value)
            print(
                f"turn {turn + 1} {mode}: {len(between) + 1} steps, load {os.getloadavg()[0]:.1f}",
                *map("{:.2f}".format, (cpu, *row)),
            )
    return figures
