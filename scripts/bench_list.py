"""Measure `lora-run list` over many runs that are copies of one, cold (no index) and warm.

usage: bench_list.py [--runs N] [--turns N] TEMPLATE

TEMPLATE is the folder of a finished run; of it run.json, journal.jsonl, plan.json and report.json are copied. Wall and CPU
seconds, min / median / max, of the whole command, Python's start included.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COPIED = ("run.json", "journal.jsonl", "plan.json", "report.json")
FORMS = {"newest 30": (), "all, as text": ("--all",), "all, as JSON": ("--all", "--format", "json")}


def make_runs(template: Path, runs_dir: Path, count: int) -> None:
    """Lay down `count` copies of what a list reads of a run."""
    for number in range(1, count + 1):
        folder = runs_dir / f"{template.name.rpartition('-')[0]}-{number:05d}"
        folder.mkdir(parents=True)
        for name in COPIED:
            shutil.copyfile(template / name, folder / name)


def timed(arguments: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of one `lora-run list`."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", "list", *arguments],
        cwd=folder, env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(name: str, figures: list[tuple[float, float]]) -> None:
    """Print min / median / max of wall and CPU seconds."""
    for what, values in zip(("wall", "CPU"), zip(*figures, strict=True), strict=True):
        middle = statistics.median(values)
        print(f"{name:22} {what:5} {min(values):6.2f} / {middle:6.2f} / {max(values):6.2f} s")


def main() -> None:
    """Make the runs and time the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_runs(asked.template.resolve(), folder / "runs", asked.runs)
        print(f"{asked.runs} runs, load {os.getloadavg()[0]:.1f}")
        cold = []
        for _ in range(min(3, asked.turns)):
            shutil.rmtree(folder / "cache", ignore_errors=True)
            cold.append(timed((), folder))
        show("cold, newest 30", cold)
        for form, arguments in FORMS.items():
            show(f"warm, {form}", [timed(arguments, folder) for _ in range(asked.turns)])


if __name__ == "__main__":
    main()
