"""Kill runs again and again, go on with them, and count what was lost.

    python -m chaos.kill --kills 50 --seed 1 -o docs/chaos.json
    LORA_RIG=~/rig python -m chaos.kill --trainer sd-scripts --kills 50 --seed 1 -o docs/chaos-sd-scripts.json

Each kill is `kill -9`, at a random moment or when a file of the trainer appears: of the tool, of accelerate, of the trainer
itself, of the helper that ends the run, or of all of them at once. After each the files are judged by other code than the
tool's: every file in `checkpoints/` must open and be what it was, nothing of the run may live ten seconds later, and the
run must go on from the newest state that is whole. At its end each run must have trained the planned steps.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.judge import Judge, Tally
from chaos.processes import VICTIMS, kill, living_in, processes_of
from chaos.run_files import has_begun_training, newest_whole
from chaos.trainers import POCKET, Trainer, sd_scripts

if TYPE_CHECKING:
    from collections.abc import Callable

GONE_S = 10.0
KILLS_PER_RUN = 6


def main() -> int:
    """Run the loop, write the tally. Exit 1 where anything was lost; the runs are kept then."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trainer", choices=("pocket", "sd-scripts"), default="pocket")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    rig = os.environ.get("LORA_RIG")
    if asked.trainer == "sd-scripts" and not rig:
        parser.error("--trainer sd-scripts needs the folder of a rig in LORA_RIG (docs/rig.md)")
    home = Path(tempfile.mkdtemp(prefix="chaos-")).resolve()
    trainer = sd_scripts(Path(rig).absolute(), home) if rig and asked.trainer == "sd-scripts" else POCKET
    tally = wreck(home, asked.kills, random.Random(asked.seed), trainer)
    text = json.dumps(as_record(tally, asked.seed), indent=2) + "\n"
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    if not tally.is_clean:
        sys.stderr.write(f"the runs are kept in {home}\n")
        return 1
    shutil.rmtree(home)
    return 0


def as_record(tally: Tally, seed: int) -> dict[str, Any]:
    """Return the tally as it is kept."""
    return {
        "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "machine": f"{os.cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}",
        "trainer": tally.trainer,
        "seed": seed,
        "kills": sum(tally.kills.values()),
        "by_victim_and_moment": dict(sorted(tally.kills.items())),
        "runs": tally.runs,
        "attempts": tally.attempts,
        "ended_before_the_kill": tally.too_late,
        "begun_anew": tally.begun_anew,
        "torn_files_of_the_trainer": len(tally.torn_networks),
        "torn_states_of_the_trainer": len(tally.torn_states),
        "slowest_end_s": round(tally.slowest_end_s, 1),
        "wrong_picks": tally.wrong_picks,
        "lost_published_files": tally.lost_files,
        "torn_published_files": tally.torn_published,
        "left_alive_after_10_s": tally.left_alive,
        "wrong_steps": tally.wrong_steps,
        "whole_files_never_published": tally.unpublished,
        "other": tally.other,
    }


def wreck(home: Path, kills: int, chance: random.Random, trainer: Trainer = POCKET) -> Tally:
    """Kill `kills` times over as many runs as it takes; let each run end. A run that fails by itself ends the loop."""
    write_recipe(home, trainer.recipe)
    tally = Tally(trainer.name)
    while sum(tally.kills.values()) < kills and not tally.other:
        left = kills - sum(tally.kills.values())
        tally.runs += 1
        Victim(home, tally, chance, trainer).wreck(min(KILLS_PER_RUN, left))
    return tally


def write_recipe(home: Path, recipe: str) -> None:
    """Lay down eight pictures and the recipe."""
    from PIL import Image

    (home / "images").mkdir(parents=True)
    for number in range(8):
        Image.effect_noise((64, 64), 40 + number).convert("RGB").save(home / "images" / f"{number:02}.png")
        (home / "images" / f"{number:02}.txt").write_text(f"zxq man {number}", encoding="utf-8")
    (home / "tiny.yaml").write_text(recipe, encoding="utf-8")


class Victim:
    """One run: begun, killed, gone on with, judged."""

    def __init__(self, home: Path, tally: Tally, chance: random.Random, trainer: Trainer) -> None:
        self._home, self._tally, self._chance, self._trainer = home, tally, chance, trainer
        self._run = home / "runs" / f"tiny-{tally.runs:03d}"
        self._judge = Judge(self._run, tally)

    def wreck(self, kills: int) -> None:
        """Kill it so often, then let it end and judge the whole."""
        arguments = ["tiny.yaml"]
        for _ in range(kills):
            process = self._start(arguments)
            self._kill(process)
            self._judge.look()
            arguments = ["resume", f"runs/{self._run.name}"]
            if not (self._run / "inputs.json").exists() or newest_whole(self._run) is None:
                arguments.append("--from-scratch")
                self._tally.begun_anew += 1
        process = self._start(arguments)
        output = self._output_of(process)
        self._judge.look()
        self._judge.judge_end(output, process.returncode)

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        self._tally.attempts += 1
        self._judge.note_launch()
        command = [sys.executable, "-m", "orchestrator.cli", *arguments, "--lang", "en"]
        environment = {**os.environ, **self._trainer.environment}
        return subprocess.Popen(
            command, cwd=self._home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def _output_of(self, process: subprocess.Popen[bytes]) -> str:
        try:
            return process.communicate(timeout=self._trainer.patience_s)[0].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            kill(processes_of("all", process.pid, self._run))
            return process.communicate()[0].decode("utf-8", "replace")

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        victim, moment = self._chance.choice(VICTIMS), self._chance.choice(self._trainer.moments)
        pids = self._wait_for(moment, victim, process)
        if process.poll() is not None:
            self._tally.too_late += 1
            process.communicate()
            return
        if not pids:  # the trainer has ended, the tool looks at what it left
            victim, pids = "tool", [process.pid]
        kill(pids)
        self._tally.kills[f"{victim}, {moment}"] += 1
        sys.stderr.write(f"{self._run.name}: {victim}, {moment}\n")
        if victim == "helper":
            time.sleep(2.0)  # the tool starts another one within a second; both at once is `all`
        elif victim != "tool":
            time.sleep(self._chance.uniform(0.0, 1.0))
        if victim != "tool":  # it would try again
            process.kill()
        process.communicate()
        self._wait_for_end(f"{self._run.name}: {victim}, {moment}")

    def _wait_for_end(self, what: str) -> None:
        began = time.monotonic()
        while left := living_in(self._run):
            if time.monotonic() - began > GONE_S:
                self._tally.left_alive.append(f"{what}: {len(left)} processes")
                kill(left)
                break
            time.sleep(0.05)
        self._tally.slowest_end_s = max(self._tally.slowest_end_s, time.monotonic() - began)

    def _wait_for(self, moment: str, victim: str, process: subprocess.Popen[bytes]) -> list[int]:
        """Wait for a random moment, or until a state or network file begins to appear after a random number of them.

        Returns the victim's processes. For a file they are looked up before: it is written in a few milliseconds.
        """
        if moment == "start":
            self._until(lambda: self._is_started(victim, process), "start", process)
            self._rest(self._trainer.load_s, process)
            return processes_of(victim, process.pid, self._run)
        self._until(self._is_training, "first step", process)
        if moment == "any":
            self._rest(self._trainer.train_s, process)
            return processes_of(victim, process.pid, self._run)
        if moment == "end":
            self._until(lambda: bool(self._written("tiny.safetensors")), "final file", process)
            self._rest(self._trainer.report_s, process)
            return processes_of(victim, process.pid, self._run)
        pattern = "*-state/model.safetensors" if moment == "state" else "*.safetensors"
        seen = self._written(pattern)
        wanted = len(seen) + self._chance.randint(1, 2)
        pids = processes_of(victim, process.pid, self._run)

        def is_written() -> bool:
            seen.update(self._written(pattern))  # old states go meanwhile: they count all the same
            return len(seen) >= wanted

        self._until(is_written, f"{moment} file", process, 0.0005)
        return pids

    def _until(
        self, has_come: Callable[[], bool], what: str, process: subprocess.Popen[bytes], pause_s: float = 0.05
    ) -> None:
        """Wait for it, or for the end of the tool, or as long as patience lasts."""
        limit = time.monotonic() + self._trainer.patience_s
        while process.poll() is None and not has_come():
            if time.monotonic() > limit:
                self._tally.other.append(f"{self._run.name}: {what}: not in {self._trainer.patience_s:.0f} s")
                return
            time.sleep(pause_s)

    def _rest(self, most_s: float, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + self._chance.uniform(0.0, most_s)
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)

    def _is_started(self, victim: str, process: subprocess.Popen[bytes]) -> bool:
        return self._judge.new_attempt is not None and bool(processes_of(victim, process.pid, self._run))

    def _is_training(self) -> bool:
        attempt = self._judge.new_attempt
        return attempt is not None and has_begun_training(attempt)

    def _written(self, pattern: str) -> set[Path]:
        attempt = self._judge.new_attempt
        return set() if attempt is None else set((attempt / "output").glob(pattern))


if __name__ == "__main__":
    sys.exit(main())
