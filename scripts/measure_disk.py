"""Compare the predicted sizes of network files and states with those of real runs.

    python scripts/measure_disk.py RECIPE [--optimizers AdamW,SGD] [--precisions float,fp16,bf16] [--set key=value]

Each run trains the recipe for real with `save.save_state` on, in a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from orchestrator.backends.network_size import network_size
from orchestrator.plan.saved import read_plan
from orchestrator.plan.saves import network_file_bytes, state_bytes

OPTIMIZERS = "AdamW,Adam,SGD,SGDNesterov,RMSprop,RAdam,NAdam,Adagrad"


def run(recipe: Path, folder: Path, overrides: list[str]) -> Path:
    """Train and return the run folder."""
    given = [part for override in overrides for part in ("--set", override)]
    command = [sys.executable, "-m", "orchestrator.cli", str(recipe), *given, "--runs-dir", str(folder), "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    (made,) = folder.iterdir()
    return made


def main() -> None:
    """Print a line for each optimizer and precision, and the largest error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--optimizers", default=OPTIMIZERS)
    parser.add_argument("--precisions", default="float,fp16,bf16")
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    worst = 0.0
    print(
        f"{'optimizer':24}{'precision':>10}{'network':>12}{'predicted':>12}{'error':>8}{'state':>12}{'predicted':>12}{'error':>8}"
    )
    for optimizer in args.optimizers.split(","):
        for precision in args.precisions.split(","):
            overrides = [
                f"train.optimizer_type={optimizer}",
                f"save.save_precision={precision}",
                "save.save_state=true",
            ]
            with tempfile.TemporaryDirectory() as made:
                root = run(args.recipe, Path(made), [*overrides, *args.set])
                plan = read_plan(root / "plan.json")
                size = network_size(plan)
                output = root / "attempts" / "001" / "output"
                network = (output / f"{plan.output_name}.safetensors").stat().st_size
                state = sum(p.stat().st_size for p in (output / f"{plan.output_name}-state").iterdir())
            told = network_file_bytes(plan, size), state_bytes(plan, size)
            errors = told[0] / network - 1, told[1] / state - 1
            worst = max(worst, *map(abs, errors))
            print(
                f"{optimizer:24}{precision:>10}{network:>12}{told[0]:>12}{errors[0]:>8.2%}{state:>12}{told[1]:>12}{errors[1]:>8.2%}",
                flush=True,
            )
    print(f"largest error {worst:.2%}")


if __name__ == "__main__":
    main()
