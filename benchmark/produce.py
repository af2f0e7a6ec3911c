"""Produce the labelled runs of the benchmark: `python -m benchmark.produce --work DIR [--rig RIG] [names ...]`.

Every run goes the way of a user's: a recipe and a folder of pictures, compiled by `orchestrator`, trained by the real
trainer with the recorder on. Only the start is shared: see `zygote.py`. A run that is kept already is skipped, so the
command can be broken off and repeated. About 25 s a run on one core; two go side by side.

    --rig RIG        folder of real sd-scripts (docs/rig.md); without it only pocket runs
    --only sd15      one trainer        --seeds 1 2 3        --config character        --fault healthy lr-nan
    --list           say which runs are kept and which are to come
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmark.faults import CONFIGS, FAULTS, HEALTHY, TRAINERS, faults_of  # noqa: E402
from benchmark.kept import ABOUT, pack  # noqa: E402
from benchmark.pictures import draw_fresh, draw_training, write_folder  # noqa: E402
from benchmark.recipes import recipe_text  # noqa: E402
from orchestrator.core.record import write_record  # noqa: E402
from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record  # noqa: E402
from orchestrator.prepared import prepare  # noqa: E402
from orchestrator.recipe.dump import dump_resolved  # noqa: E402
from orchestrator.run.process.launched import Launched  # noqa: E402
from orchestrator.run.process.outcome import judge_outcome  # noqa: E402
from orchestrator.run.records.create import create_run  # noqa: E402
from orchestrator.run.records.run_record import end_record, start_record, write_run_record  # noqa: E402

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Command
    from orchestrator.core.rundir import RunDir
    from orchestrator.plan.model import Plan
    from orchestrator.run.records.run_record import RunRecord

KEPT = ROOT / "benchmark" / "runs"
POCKET_BASE = ROOT / "orchestrator" / "backends" / "pocket" / "base"
LIMIT_S = 900
TAIL_LINES = 400
MODULES = {
    "sd15": ("train_network", "diffusers", "transformers", "accelerate.commands.launch"),
    "pocket": ("orchestrator.backends.pocket.trainer.train_network", "orchestrator.backends.pocket.trainer.loop",
               "orchestrator.backends.pocket.trainer.prepare", "accelerate.commands.launch"),
}  # fmt: skip


class RefusedRecipeError(RuntimeError):
    """A recipe that `lora-run` would not train."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run to make."""

    trainer: str
    config: str
    fault: str
    seed: int

    @property
    def name(self) -> str:
        """Folder below `<trainer>/`."""
        return f"{self.config}-{self.fault}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of this machine."""

    work: Path
    rig: Path | None
    out: Path
    """Kept runs, `<trainer>/<name>/`."""

    def kept(self, job: Job) -> Path:
        """Where the kept form of a run lies."""
        return self.out / job.trainer / job.name

    def base(self, trainer: str) -> Path:
        """Diffusers folder of the trainer's base."""
        return self.rig / "base-trained" if trainer == "sd15" and self.rig else POCKET_BASE

    def lay_pictures(self, job: Job) -> Path:
        """Draw the pictures of a run and fresh ones of the same kind; returns the folder they lie in."""
        config, here = CONFIGS[job.config], self.work / job.trainer / job.name
        kind = "own" if job.fault == HEALTHY else FAULTS[job.fault].pictures
        write_folder(here / "pictures", draw_training(config, job.seed, kind))
        write_folder(here / "fresh", draw_fresh(config))
        return here

    def recipe_of(self, job: Job) -> str:
        """Return the recipe of a run."""
        images = self.work / job.trainer / job.name / "pictures"
        base = self.base(job.trainer) if job.trainer == "sd15" else None
        return recipe_text(job.trainer, job.config, job.fault, job.seed, images=images, base=base)

    def neutral(self) -> dict[str, str]:
        """Paths of this machine to what stands for them in what is kept, longest first."""
        pairs = {str(self.work): "/work", str(ROOT): "/lora", sys.prefix: "/lora/.venv"}
        if self.rig is not None:
            pairs[str(self.rig)] = "/rig"
        return dict(sorted(pairs.items(), key=lambda pair: -len(pair[0])))


@dataclass(frozen=True, slots=True)
class Made:
    """A run that has ended."""

    rundir: RunDir
    plan: Plan
    code: int
    """Exit code of the trainer."""
    seconds: float
    truth: dict[str, Any]
    """Losses of the base and of each file, as `truth.py` measures them."""
    weights: object
    """Update norms per file and module."""


class Zygote:
    """One warm interpreter of a trainer; see `zygote.py`."""

    def __init__(self, python: Path, root: Path, modules: tuple[str, ...], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(python), str(ROOT / "benchmark" / "zygote.py"), str(root), *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **environment, "OMP_NUM_THREADS": "1"}, cwd=root,
        )  # fmt: skip
        self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the trainer's process ended with {self._process.wait()} before it answered")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, argv: list[str], cwd: Path, console: Path, environment: dict[str, str]) -> tuple[int, float]:
        """Run a command in a child; returns exit code and seconds."""
        job = {"argv": argv, "cwd": str(cwd), "console": str(console), "limit_s": LIMIT_S, "environment": environment}
        if self._process.stdin is None:
            raise RuntimeError("no pipe to the trainer's process")
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        return int(answer["code"]), float(answer["seconds"])

    def close(self) -> None:
        """Let it end."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


class Worker:
    """Makes one run after the other, with a warm interpreter per trainer."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._zygotes: dict[str, Zygote] = {}

    def make(self, job: Job) -> dict[str, Any]:
        """Train, measure and keep one run; returns what `about.json` holds."""
        here = self._place.lay_pictures(job)
        made = self.run_recipe(job.trainer, here, self._place.recipe_of(job))
        about = about_of(job, made.plan, made.code, made.seconds, made.truth)
        pack(made.rundir, self._place.kept(job), about, made.weights, self._place.neutral())
        return about

    def run_recipe(self, trainer: str, here: Path, text: str) -> Made:
        """Train and measure the recipe `text` with the pictures in `here`. Raises RefusedRecipeError where it is refused."""
        rundir, plan, command, record = self._lay_down(here, text)
        environment = {**command.environment, **({"SD_SMALL_UNET": "1"} if trainer == "sd15" else {})}
        zygote = self._zygote(trainer, Path(command.argv[0]), Path(str(record.trainer.root)), environment)
        rundir.attempt_dir.mkdir(parents=True, exist_ok=True)
        code, seconds = zygote.run(list(command.argv), rundir.root, rundir.console_log, dict(environment))
        self._end(rundir, record, code, seconds)
        truth = self._truth(trainer, zygote, command.argv[0], rundir, plan)
        weights = truth.pop("weights")
        return Made(rundir, plan, code, seconds, truth, weights)

    def close(self) -> None:
        """End the interpreters."""
        for zygote in self._zygotes.values():
            zygote.close()

    def _zygote(self, trainer: str, python: Path, root: Path, environment: dict[str, str]) -> Zygote:
        if trainer not in self._zygotes:
            home = root if trainer == "sd15" else ROOT
            self._zygotes[trainer] = Zygote(python, home, MODULES[trainer], environment)
        return self._zygotes[trainer]

    def _lay_down(self, here: Path, text: str) -> tuple[RunDir, Plan, Command, RunRecord]:
        """Recipe and the compiled run folder."""
        recipe = here / "recipe.yaml"
        recipe.write_text(text, encoding="utf-8")
        prepared = prepare(recipe)
        if prepared.is_refused or prepared.plan is None or prepared.build is None:
            raise RefusedRecipeError(f"{here.name} is refused: " + "; ".join(p.what.en for p in prepared.problems))
        plan, resolved = prepared.plan, dump_resolved(prepared.loaded)
        own: dict[str, str | bytes] = {"recipe.yaml": text, "recipe.resolved.yaml": resolved}
        rundir = create_run(here / "runs", plan.name, prepared.build, extra_files=own)
        write_record(rundir.plan_json, "plan", PLAN_RECORD_VERSION, plan_record(plan))
        record = start_record(plan.name, plan.family, resolved, prepared.trainer, prepared.build.commands)
        write_run_record(rundir, replace(record, recipe_dir=os.path.relpath(here, rundir.root)))
        (command,) = prepared.build.commands
        return rundir, plan, command, record

    def _end(self, rundir: RunDir, record: RunRecord, code: int, seconds: float) -> None:
        lines = rundir.console_log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = tuple(line for line in lines if not line.startswith("steps:"))[-TAIL_LINES:]
        outcome = judge_outcome(Launched(code, seconds, None, tail=tail), rundir)
        write_run_record(rundir, end_record(record, outcome))

    def _truth(self, trainer: str, zygote: Zygote, python: str, rundir: RunDir, plan: Plan) -> dict[str, Any]:
        """Measure base and network files on training and fresh pictures, in the trainer's interpreter."""
        question, answer = rundir.attempt_dir / "truth-job.json", rundir.attempt_dir / "truth.json"
        asked = {
            "base": str(self._place.base(trainer)),
            "train": str(rundir.root / plan.subsets[0].image_dir),
            "fresh": str(rundir.root.parents[1] / "fresh"),
            "files": [str(path) for path in sorted(rundir.output.glob("*.safetensors"))],
            "out": str(answer),
        }
        question.write_text(json.dumps(asked), encoding="utf-8")
        log = rundir.attempt_dir / "truth.log"
        code, _ = zygote.run([python, str(ROOT / "benchmark/truth.py"), str(question)], rundir.root, log, {})
        if code:
            raise RuntimeError(
                f"{rundir.root.name}: measuring ended with {code}: {log.read_text(errors='replace')[-2000:]}"
            )
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found


def about_of(job: Job, plan: Plan, code: int, seconds: float, truth: dict[str, Any]) -> dict[str, Any]:
    """What is known about a run apart from its log."""
    fault = None if job.fault == HEALTHY else FAULTS[job.fault]
    expected = {"d": fault.expected, "rules": fault.rules, "state": fault.state} if fault else None
    return {
        "trainer": job.trainer, "config": job.config, "fault": job.fault, "seed": job.seed, "expected": expected,
        "steps": plan.steps.total_steps, "exit_code": code, "seconds": round(seconds, 1), "truth": truth,
    }  # fmt: skip


def all_jobs(trainers: list[str], seeds: list[int]) -> list[Job]:
    """Every run: the healthy ones first, then seed by seed the faults in the order of the table."""
    order = [HEALTHY, *FAULTS]
    jobs = [Job(t, c, f, s) for t in trainers for c in CONFIGS for f in faults_of(t, c) for s in seeds]
    return sorted(jobs, key=lambda job: (job.fault != HEALTHY, job.seed, order.index(job.fault)))


def say(about: dict[str, Any]) -> str:
    """One line about a run: losses of the base and of the final file, training and fresh pictures."""
    truth = about["truth"]
    final = list(truth["files"].values())[-1] if truth["files"] else {}
    gains = [f"{kind} {100 * (final[kind] / truth['base'][kind] - 1):+.1f} %" for kind in final]
    return f"{about['steps']} steps, {about['seconds']} s, exit {about['exit_code']}: {', '.join(gains) or 'no file'}"


def work_off(jobs: deque[Job], place: Place, total: int) -> None:
    """One worker's life."""
    worker = Worker(place)
    while jobs:
        try:
            job = jobs.popleft()
        except IndexError:
            break
        started = time.perf_counter()
        try:
            line = say(worker.make(job))
        except Exception:  # noqa: BLE001  one run that fails must not end the others
            line = traceback.format_exc()
        took = time.perf_counter() - started
        print(f"[{total - len(jobs)}/{total}] {job.trainer} {job.name} ({took:.0f} s) {line}", flush=True)
    worker.close()


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder; some GiB")
    parser.add_argument("--out", type=Path, default=KEPT, help="where kept runs go")
    parser.add_argument("--rig", type=Path, default=os.environ.get("LORA_RIG"))
    parser.add_argument("--only", choices=TRAINERS)
    parser.add_argument("--config", nargs="*", choices=list(CONFIGS))
    parser.add_argument("--fault", nargs="*", choices=[HEALTHY, *FAULTS])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Make what is not there yet."""
    args = arguments()
    rig = Path(args.rig).resolve() if args.rig else None
    trainers = [t for t in TRAINERS if (t == "pocket" or rig) and args.only in (None, t)]
    jobs = [
        job for job in all_jobs(trainers, args.seeds)
        if (not args.config or job.config in args.config) and (not args.fault or job.fault in args.fault)
    ]  # fmt: skip
    place = Place(args.work.resolve(), rig, args.out.resolve())
    left = deque(job for job in jobs if not (place.kept(job) / ABOUT).is_file())
    print(f"{len(jobs)} runs, {len(jobs) - len(left)} kept, {len(left)} to come", flush=True)
    if args.list:
        return
    threads = [threading.Thread(target=work_off, args=(left, place, len(left))) for _ in range(args.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
