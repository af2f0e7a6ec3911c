"""Kill runs again and again, go on with them, and count what was lost.

    python -m chaos.kill --kills 50 --seed 1 -o docs/chaos.json

Each kill is `kill -9`, at a random moment or when a file of the trainer appears: of the tool, of accelerate, of the trainer
itself, of the helper that ends the run, or of all of them at once. After each the files are judged by other code than the
tool's: every file in `checkpoints/` must open and be what it was, nothing of the run may live ten seconds later, and the
run must go on from the newest state that is whole. At its end each run must have trained the planned steps.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

GONE_S = 10.0
KILLS_PER_RUN = 6
MOST_WAIT_S = 8.0
"""After the first step; about as long as a run takes."""
STATE_FILES = ("model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl", "train_state.json")
VICTIMS = ("tool", "trainer", "accelerate", "helper", "all")
MOMENTS = ("any", "any", "state", "network")
"""Two in four at any moment, one while a state, one while a network file is being written."""


@dataclass
class Tally:
    """What was tried and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    attempts: int = 0
    too_late: int = 0
    """The run had ended before it could be killed: no kill."""
    begun_anew: int = 0
    """Launches with `--from-scratch`: killed before the first state."""
    unpublished: list[str] = field(default_factory=list)
    wrong_picks: list[str] = field(default_factory=list)
    lost_files: list[str] = field(default_factory=list)
    torn_published: list[str] = field(default_factory=list)
    left_alive: list[str] = field(default_factory=list)
    wrong_steps: list[str] = field(default_factory=list)
    torn_by_trainer: int = 0
    """Files under a good name that were not whole when the trainer was killed: what this guards against."""
    slowest_end_s: float = 0.0
    other: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost."""
        return not (
            self.wrong_picks
            or self.lost_files
            or self.torn_published
            or self.left_alive
            or self.wrong_steps
            or self.unpublished
            or self.other
        )


def main() -> int:
    """Run the loop, write the tally. Exit 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        tally = wreck(Path(folder), asked.kills, random.Random(asked.seed))
    text = json.dumps(as_record(tally, asked.seed), indent=2) + "\n"
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if tally.is_clean else 1


def as_record(tally: Tally, seed: int) -> dict[str, Any]:
    """Return the tally as it is kept."""
    return {
        "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "machine": f"{os.cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}",
        "trainer": "pocket",
        "seed": seed,
        "kills": sum(tally.kills.values()),
        "by_victim_and_moment": dict(sorted(tally.kills.items())),
        "runs": tally.runs,
        "attempts": tally.attempts,
        "ended_before_the_kill": tally.too_late,
        "begun_anew": tally.begun_anew,
        "torn_files_of_the_trainer": tally.torn_by_trainer,
        "slowest_end_s": round(tally.slowest_end_s, 1),
        "wrong_picks": tally.wrong_picks,
        "lost_published_files": tally.lost_files,
        "torn_published_files": tally.torn_published,
        "left_alive_after_10_s": tally.left_alive,
        "wrong_steps": tally.wrong_steps,
        "whole_files_never_published": tally.unpublished,
        "other": tally.other,
    }


def wreck(home: Path, kills: int, chance: random.Random) -> Tally:
    """Kill `kills` times over as many runs as it takes; let each run end."""
    write_recipe(home)
    tally = Tally()
    while sum(tally.kills.values()) < kills:
        left = kills - sum(tally.kills.values())
        tally.runs += 1
        Victim(home, tally, chance).wreck(min(KILLS_PER_RUN, left))
    return tally


class Victim:
    """One run: begun, killed, gone on with, judged."""

    def __init__(self, home: Path, tally: Tally, chance: random.Random) -> None:
        self._home, self._tally, self._chance = home, tally, chance
        self._name = f"tiny-{tally.runs:03d}"
        self._run = home / "runs" / self._name
        self._published: dict[str, str] = {}

    def wreck(self, kills: int) -> None:
        """Kill it so often, then let it end and judge the whole."""
        arguments = ["tiny.yaml"]
        for _ in range(kills):
            process = self._start(arguments)
            self._kill(process)
            self._look()
            arguments = ["resume", f"runs/{self._name}"]
            if not (self._run / "inputs.json").exists() or newest_whole(self._run) is None:
                arguments.append("--from-scratch")
                self._tally.begun_anew += 1
        process = self._start(arguments)
        output = process.communicate()[0].decode("utf-8", "replace")
        self._look()
        self._judge_end(output, process.returncode)

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        self._tally.attempts += 1
        self._expected = newest_whole(self._run)
        self._began_with = attempts_of(self._run)
        command = [sys.executable, "-m", "orchestrator.cli", *arguments, "--lang", "en"]
        return subprocess.Popen(command, cwd=self._home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        victim, moment = self._chance.choice(VICTIMS), self._chance.choice(MOMENTS)
        self._wait_for(moment, process)
        if process.poll() is not None:
            self._tally.too_late += 1
            process.communicate()
            return
        self._tally.kills[f"{victim}, {moment}"] += 1
        for pid in self._processes(victim, process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victim == "helper":
            time.sleep(2.0)  # the tool starts another one within a second; both at once is `all`
        elif victim != "tool":
            time.sleep(self._chance.uniform(0.0, 1.0))
        if victim != "tool":  # it would try again
            process.kill()
        process.communicate()
        began = time.monotonic()
        while left := living_in(self._run):
            if time.monotonic() - began > GONE_S:
                self._tally.left_alive.append(f"{self._name}: {victim}, {moment}: {len(left)} processes")
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        self._tally.slowest_end_s = max(self._tally.slowest_end_s, time.monotonic() - began)

    def _wait_for(self, moment: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for a random moment, or until a state or network file begins to appear after a random number of steps."""
        limit = time.monotonic() + 120
        while time.monotonic() < limit and process.poll() is None:
            console = self._attempt_folder() / "console.log"
            if (
                len(attempts_of(self._run)) > len(self._began_with)
                and console.exists()
                and b"steps:" in console.read_bytes()
            ):
                break
            time.sleep(0.05)
        if moment == "any":
            until = time.monotonic() + self._chance.uniform(0.0, MOST_WAIT_S)
            while time.monotonic() < until and process.poll() is None:
                time.sleep(0.02)
            return
        output = self._attempt_folder() / "output"
        pattern = "*-state/model.safetensors" if moment == "state" else "*.safetensors"
        wanted = len(list(output.glob(pattern))) + self._chance.randint(1, 2)
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None and len(list(output.glob(pattern))) < wanted:
            time.sleep(0.0005)

    def _attempt_folder(self) -> Path:
        names = attempts_of(self._run)
        return self._run / "attempts" / (names[-1] if names else "001")

    def _processes(self, victim: str, tool: int) -> list[int]:
        if victim == "tool":
            return [tool]
        found = []
        for pid in living_in(self._run):
            is_launcher = b"accelerate.commands.launch" in command_of(pid)
            if victim == "all" or (victim == "accelerate") == is_launcher:
                found.append(pid)
        if victim in ("helper", "all"):
            helpers = [p for p in children_of(tool) if b"reaper.py" in command_of(p)]
            found = helpers if victim == "helper" else [*helpers, *found, tool]
        return found

    def _look(self) -> None:
        """Judge what lies in the run folder now."""
        folder = self._run / "checkpoints"
        now = {p.name: sha256(p) for p in folder.glob("*.safetensors")} if folder.is_dir() else {}
        for name, digest in self._published.items():
            if now.get(name) != digest:
                self._tally.lost_files.append(f"{self._name}: {name}")
        self._published = now
        for name in now:
            if not opens(folder / name):
                self._tally.torn_published.append(f"{self._name}: {name}")
        for path in self._run.glob("attempts/*/output/*.safetensors"):
            self._tally.torn_by_trainer += not opens(path)
        self._look_at_picks()

    def _look_at_picks(self) -> None:
        started = [e for e in journal(self._run) if e["event"] == "attempt-started"]
        new = [e for e in started if f"{e['attempt']:03d}" not in self._began_with]
        for entry in new[:1]:  # a further one was begun by the tool itself, from what the first of them left
            picked = entry["facts"].get("state")
            expected = None if self._expected is None else self._expected.relative_to(self._run).as_posix()
            if entry["facts"].get("why") == "resume" and picked != expected:
                self._tally.wrong_picks.append(f"{self._name}: {picked} instead of {expected}")

    def _judge_end(self, output: str, code: int) -> None:
        events = journal(self._run)
        planned = next(e["facts"]["total_steps"] for e in events if e["event"] == "planned")
        final = self._run / "checkpoints" / "tiny.safetensors"
        if code not in (0, 1) or not final.exists() or not (self._run / "report.json").exists():
            self._tally.other.append(f"{self._name}: exit {code}: {output[-600:]}")
            return
        with safe_open(final, "numpy") as file:
            steps = int((file.metadata() or {})["ss_steps"])
        first = [e["facts"]["first_step"] for e in events if e["event"] == "attempt-started"][-1]
        if first + steps != planned:
            self._tally.wrong_steps.append(f"{self._name}: {first} + {steps} of {planned}")
        good = {sha256(path) for path in (self._run / "checkpoints").glob("*.safetensors")}
        for path in self._run.glob("attempts/*/output/*.safetensors"):
            if opens(path) and sha256(path) not in good:
                self._tally.unpublished.append(f"{self._name}: {path.relative_to(self._run)}")
        report = json.loads((self._run / "report.json").read_text(encoding="utf-8"))
        if report["facts"]["last_step"] != planned:
            self._tally.wrong_steps.append(f"{self._name}: the report says {report['facts']['last_step']} of {planned}")


def write_recipe(home: Path) -> None:
    """Lay down eight pictures and a recipe of 16 epochs with a state at the end of each."""
    from PIL import Image

    (home / "images").mkdir(parents=True)
    for number in range(8):
        Image.effect_noise((64, 64), 40 + number).convert("RGB").save(home / "images" / f"{number:02}.png")
        (home / "images" / f"{number:02}.txt").write_text(f"zxq man {number}", encoding="utf-8")
    (home / "tiny.yaml").write_text(
        "recipe_version: 1\nname: tiny\n"
        "subject:\n  kind: object\n  trigger: zxq\n  class_tokens: man\n"
        "base_model:\n  family: pocket\n"
        "concepts:\n  - image_dir: images\n    num_repeats: 1\n"
        "network:\n  network_dim: 32\n  network_alpha: 32\n"
        "train:\n  max_train_epochs: 24\n  train_batch_size: 4\n  unet_lr: 0.001\n  text_encoder_lr: 0\n"
        "  optimizer_type: AdamW\n  lr_scheduler: cosine\n  seed: 42\n"
        "sample:\n  prompts: []\nsave:\n  save_state: true\n  save_every_n_epochs: 1\ntelemetry: log\n",
        encoding="utf-8",
    )


def newest_whole(run: Path) -> Path | None:
    """Return the state to go on from, found by other means than the tool's."""
    found = [p for p in run.glob("attempts/*/output/tiny-*-state") if is_whole(p)]
    return max(found, key=lambda p: (int(p.name.split("-")[1]), p.parts[-3]), default=None)


def is_whole(folder: Path) -> bool:
    """Whether all five files are there and can be read to their ends."""
    if any(not (folder / name).is_file() or not (folder / name).stat().st_size for name in STATE_FILES):
        return False
    try:
        json.loads((folder / "train_state.json").read_text(encoding="utf-8"))
        for name in STATE_FILES[1:4]:
            with zipfile.ZipFile(folder / name) as file:
                if file.testzip() is not None:
                    return False
    except (ValueError, OSError, zipfile.BadZipFile):
        return False
    return opens(folder / "model.safetensors")


def opens(path: Path) -> bool:
    """Whether the safetensors library reads every tensor."""
    try:
        with safe_open(path, "numpy") as file:
            names = list(file.keys())
            for name in names:
                file.get_tensor(name)
    except (SafetensorError, OSError, ValueError):
        return False
    return bool(names)


def journal(run: Path) -> list[dict[str, Any]]:
    """Return the journal's whole lines."""
    found = []
    with contextlib.suppress(OSError):
        for line in (run / "journal.jsonl").read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def attempts_of(run: Path) -> list[str]:
    """Return the names of the attempts' folders, in order."""
    folder = run / "attempts"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def living_in(run: Path) -> list[int]:
    """Return the processes that work in the run folder: accelerate, trainer, data workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                is_zombie = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
                if not is_zombie and Path(os.readlink(entry / "cwd")) == run:
                    found.append(int(entry.name))
    return found


def children_of(parent: int) -> list[int]:
    """Return the processes that `parent` started itself."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                if int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


def command_of(pid: int) -> bytes:
    """Return the command line of a process, empty where it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
