"""Heal planted runs by our own advice: `python -m benchmark.heal --work DIR [--rig RIG] [--trainer pocket] [--config ...] [--fault ...]`.

A chain begins with a recipe that has a planted fault. Its run is judged, the next recipe is made from the report and that recipe alone, and
run in turn: up to three times, by nobody's hand. It ends early where the diagnosis names nothing worse than `learning` and asks for nothing,
or where it asks for nothing at all. A chain is healed when pictures that no run saw are, with its last file, no worse than with the files
of the healthy runs of the same trainer and configuration, two standard deviations between their seeds allowed for.

The first run of a chain is taken from the kept runs where it is there. A chain that is kept is skipped: the command can be repeated.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.faults import CONFIGS, FAULTS, HEALTHY, TRAINERS, faults_of
from benchmark.kept import ABOUT, observations, opened, read_about
from benchmark.produce import Job, Place, RefusedRecipeError, Worker
from benchmark.score_runs import RUNS, SAME, truth_of
from orchestrator.core.finding import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.core.rundir import RunDir
    from orchestrator.diagnose.rule import Case

HEALS = Path(__file__).parent / "heals"
MOST_ATTEMPTS = 3
"""Recipes that may follow the planted one."""
DEVIATIONS = 2.0
LEAST_ALLOWED = SAME
"""Percentage points allowed at least: what the labels of the kept runs call no change. Two or three seeds give a deviation by luck."""
SOUND_STATES = {State.CONVERGED.value, State.LEARNING.value}


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a chain, judged."""

    report: Mapping[str, Any]
    """Content of report.json."""
    following: str
    """The next recipe, made from that and the recipe alone."""
    train: float
    """Loss on training pictures against the base model, percent, measured apart from the run's logs; NaN where it cannot be measured."""
    fresh: float
    """As `train`, on pictures that no run saw."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is kept of one run of a chain."""

    state: str
    confidence: str
    fired: tuple[str, ...]
    """Names of rules, those of severity `info` left out."""
    changes: tuple[Mapping[str, Any], ...]
    """Applied to its recipe for the next run: key, before, value, is_safe."""
    train: float | None
    fresh: float | None

    @property
    def is_content(self) -> bool:
        """Nothing is wrong and nothing is asked for."""
        return self.state in SOUND_STATES and not self.changes


@dataclass(frozen=True, slots=True)
class Chain:
    """A planted run and what followed from it."""

    trainer: str
    config: str
    fault: str
    seed: int
    attempts: tuple[Attempt, ...]
    error: str = ""
    """Why it broke off; empty where it did not."""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"{self.config}-{self.fault}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Twins:
    """The healthy runs of one trainer and configuration."""

    mean: float
    """Fresh pictures' loss against the base, percent."""
    allowed: float
    """Percentage points that a healed run may lie above it."""


def follow(text: str, run: Callable[[str, int], Ran]) -> tuple[tuple[Attempt, ...], str]:
    """Return the attempts of a chain and why it broke off (empty: it did not). `run` trains recipe number 0, 1, ...; `text` is number 0."""
    attempts: list[Attempt] = []
    for number in range(MOST_ATTEMPTS + 1):
        try:
            ran = run(text, number)
        except (
            RefusedRecipeError
        ) as error:  # a next recipe that is refused heals nothing; whatever else fails says nothing about it
            if number == 0:
                raise
            return tuple(attempts), str(error)
        attempts.append(attempt_of(ran))
        if not attempts[-1].changes:
            break
        text = ran.following
    return tuple(attempts), ""


def attempt_of(ran: Ran) -> Attempt:
    """Return what is kept of a run."""
    fired = [f["name"] for f in ran.report["findings"] if f["status"] == "fired" and f["severity"] != "info"]
    return Attempt(
        ran.report["primary_state"], ran.report["confidence"], tuple(fired), tuple(ran.report["next_changes"]),
        _number(ran.train), _number(ran.fresh),
    )  # fmt: skip


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


def twins_of(runs: Path, trainer: str) -> dict[str, Twins]:
    """Return the healthy runs per configuration; the deviation is pooled over the trainer's configurations."""
    found: dict[str, list[float]] = {}
    for folder in sorted((runs / trainer).glob(f"*-{HEALTHY}-*")):
        if (folder / ABOUT).is_file():
            about = read_about(folder)
            found.setdefault(about["config"], []).append(truth_of(about).fresh)
    variances = [statistics.variance(values) for values in found.values() if len(values) > 1]
    deviation = math.sqrt(statistics.fmean(variances)) if variances else 0.0
    allowed = max(DEVIATIONS * deviation, LEAST_ALLOWED)
    return {config: Twins(statistics.fmean(values), allowed) for config, values in found.items()}


def is_healed(chain: Chain, twins: Twins) -> bool:
    """Whether the last run is as good as the healthy ones. Better is healed as well."""
    last = chain.attempts[-1].fresh
    return not chain.error and last is not None and last <= twins.mean + twins.allowed


def is_ill(chain: Chain, twins: Twins) -> bool:
    """Whether the planted run did worse than the healthy ones: what did no harm cannot be healed, and does not count."""
    planted = chain.attempts[0].fresh
    return planted is None or planted > twins.mean + twins.allowed


class Healer:
    """Runs the recipes of chains, one after the other."""

    def __init__(self, place: Place, worker: Worker) -> None:
        self._place, self._worker = place, worker

    def heal(self, job: Job) -> Chain:
        """Follow one chain to its end."""
        here = self._place.lay_pictures(job)

        def run(text: str, number: int) -> Ran:
            kept = self._place.kept(job)
            if number == 0 and (kept / ABOUT).is_file():
                return run_kept(kept, text, here)
            return self._train(job, text, here)

        attempts, error = follow(self._place.recipe_of(job), run)
        return Chain(job.trainer, job.config, job.fault, job.seed, attempts, error)

    def _train(self, job: Job, text: str, here: Path) -> Ran:
        from orchestrator.report.judged import read_own

        made = self._worker.run_recipe(job.trainer, here, text)
        return judged(made.rundir, read_own(made.rundir).case, text, here, {"truth": made.truth})


def run_kept(folder: Path, text: str, here: Path) -> Ran:
    """Judge a kept run. `text`: its recipe with the paths of this machine, as it would read in `here`."""
    from dataclasses import replace

    from orchestrator.report.judged import read_own

    with opened(folder) as rundir:
        case = replace(read_own(rundir).case, observations=observations(rundir), cache={})
        return judged(rundir, case, text, here, read_about(folder))


def judged(rundir: RunDir, case: Case, text: str, here: Path, about: Mapping[str, Any]) -> Ran:
    """Judge a run as `lora-run` does, and make the next recipe from the report's content as a program reads it."""
    from orchestrator.diagnose.engine import judge
    from orchestrator.report.make import make_report
    from orchestrator.report.proposal import AskedRecipe, following_recipe, proposal_in
    from orchestrator.report.record import report_record

    data = make_report(rundir.root.name, case, judge(case, "after", reraise=True), rundir.root)
    report = json.loads(json.dumps(report_record(data)))
    truth = truth_of(about)
    return Ran(report, following_recipe(proposal_in(report), AskedRecipe(text, here), here), truth.train, truth.fresh)


def write_chain(folder: Path, chain: Chain) -> None:
    """Keep a chain as `<folder>/<trainer>/<name>.json`."""
    path = folder / chain.trainer / f"{chain.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(chain), indent=1) + "\n", encoding="utf-8")


def read_chains(folder: Path) -> list[Chain]:
    """Return the kept chains."""
    return [_chain(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*/*.json"))]


def _chain(body: dict[str, Any]) -> Chain:
    attempts = tuple(
        Attempt(**{**one, "fired": tuple(one["fired"]), "changes": tuple(one["changes"])}) for one in body["attempts"]
    )
    return Chain(**{**body, "attempts": attempts})


def recipe_faults(trainer: str, config: str) -> list[str]:
    """Return the planted faults that lie in the recipe alone and that have to be diagnosed as a state."""
    return [
        name for name in faults_of(trainer, config)
        if name != HEALTHY and FAULTS[name].pictures == "own" and FAULTS[name].state is not None
    ]  # fmt: skip


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="scratch folder; some GiB")
    parser.add_argument("--out", type=Path, default=HEALS, help="where kept chains go")
    parser.add_argument("--runs", type=Path, default=RUNS, help="kept runs")
    parser.add_argument("--rig", type=Path, default=os.environ.get("LORA_RIG"), help="folder of real sd-scripts")
    parser.add_argument("--trainer", choices=TRAINERS)
    parser.add_argument("--config", nargs="*", choices=list(CONFIGS))
    parser.add_argument("--fault", nargs="*", choices=list(FAULTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--again", action="store_true", help="follow kept chains anew: the advice has changed")
    return parser.parse_args()


def main() -> None:
    """Follow the chains that are not kept yet."""
    from benchmark.heal_page import chain_row

    args = arguments()
    rig = Path(args.rig).resolve() if args.rig else None
    place = Place(args.work.resolve(), rig, args.runs.resolve())
    trainers = [one for one in TRAINERS if (one == "pocket" or rig) and args.trainer in (None, one)]
    jobs = [
        Job(trainer, config, fault, seed)
        for trainer in trainers
        for seed in args.seeds
        for config in args.config or CONFIGS
        for fault in recipe_faults(trainer, config)
        if not args.fault or fault in args.fault
    ]
    worker = Worker(place)
    for job in jobs:
        if (args.out / job.trainer / f"{job.name}.json").is_file() and not args.again:
            continue
        try:
            chain = Healer(place, worker).heal(job)
        except Exception:  # noqa: BLE001  one chain that fails must not end the others
            print(f"{job.trainer} {job.name}\n{traceback.format_exc()}", flush=True)
            worker = Worker(place)  # its interpreters may be what failed
            continue
        write_chain(args.out, chain)
        twins = twins_of(args.runs, job.trainer).get(job.config)
        print(chain_row(chain, twins) if twins else f"{job.trainer} {job.name}: no healthy run is kept", flush=True)
    worker.close()


if __name__ == "__main__":
    main()
