"""Score the diagnosis on recorded runs without telemetry: console log and event files, outcome measured by an independent evaluator.

usage: stock.py RUNS [--json FILE]
RUNS: folders with `truth.json` (as in tests/logs) or `about.json` (the same under `truth`, values as [training, fresh pictures]):
loss of the base and of each checkpoint over fixed noise.
Truth: the label of the last checkpoint. A confident wrong verdict is a primary state of high confidence that the truth contradicts.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, State
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.state import primary_state
from orchestrator.observe.read import read_foreign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRUTH_FILES = ("truth.json", "about.json")
FITS: Mapping[str, frozenset[State]] = {
    "nan": frozenset({State.BROKEN}),
    "collapse": frozenset({State.BROKEN}),
    "untouched": frozenset({State.NOT_LEARNING, State.BROKEN, State.INCONCLUSIVE}),
    "damaged": frozenset({State.BROKEN, State.UNSTABLE, State.OVERFIT, State.INCONCLUSIVE}),
    "memorised": frozenset({State.OVERFIT, State.INCONCLUSIVE}),
    "modest": frozenset(State) - {State.BROKEN},
}
"""What each truth allows to be said. `inconclusive` is no error, it is counted apart."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One run: what it was, what was said, and whether both fit."""

    name: str
    truth: str
    state: str
    confidence: str
    because: str
    fired: tuple[str, ...]
    fits: bool
    is_confidently_wrong: bool
    names: tuple[str, ...] = ()
    """Of the rules that fired."""


def read_truth(folder: Path) -> tuple[list[object], list[object]]:
    """Return [training, fresh] losses of the base model and of the last measured checkpoint."""
    file = next(folder / name for name in TRUTH_FILES if (folder / name).is_file())
    data = json.loads(re.sub(r"\bNaN\b", "null", file.read_text(encoding="utf-8")))
    data = data.get("truth", data)
    rows = [data["base"], list(data["checkpoints"].values())[-1]]
    base, last = (list(row.values()) if isinstance(row, dict) else row for row in rows)
    return base, last


def truth_of(base: Sequence[object], last: Sequence[object]) -> str:
    """Return `nan`, `collapse`, `damaged`, `memorised`, `untouched` or `modest` from what was measured."""
    pairs = [
        (a, b)
        for a, b in zip(base, last, strict=True)
        if isinstance(a, float) and isinstance(b, (int, float)) and math.isfinite(b)
    ]
    if len(pairs) < 2:
        return "nan"
    train, fresh = (b / a - 1 for a, b in pairs)
    if fresh >= 1.0:
        return "collapse"
    if train >= 0.10 and fresh >= 0.10:
        return "damaged"
    if train <= -0.15 and fresh >= 0.05:
        return "memorised"
    return "untouched" if abs(train) < 0.001 and abs(fresh) < 0.001 else "modest"


def score(folder: Path) -> Scored:
    """Judge one recorded run as `lora-run diagnose` does and hold it against its truth."""
    truth = truth_of(*read_truth(folder))
    seen, settings, family = read_foreign(folder)
    verdict = judge(Case(observations=seen, settings=settings, family=family), "after", reraise=True)
    primary = primary_state(verdict)
    fits = primary.state in FITS[truth]
    return Scored(
        folder.name,
        truth,
        primary.state.value,
        primary.confidence.value,
        primary.because.name if primary.because else "",
        tuple(f"{f.name}:{f.severity.value}/{f.confidence.value}" for f in verdict.fired),
        fits,
        not fits and primary.confidence is Confidence.HIGH,
        tuple(f.name for f in verdict.fired),
    )


def score_all(runs: Path) -> list[Scored]:
    """Judge every recorded run in a folder."""
    return [score(path.parent) for name in TRUTH_FILES for path in sorted(runs.glob(f"*/{name}"))]


def show(rows: Sequence[Scored]) -> None:
    """Print a line for each run and what they sum to."""
    for row in sorted(rows, key=lambda r: (r.truth, r.name)):
        mark = "WRONG" if row.is_confidently_wrong else " " if row.fits else "?"
        print(f"{mark:5s} {row.truth:10s} {row.state:13s} {row.confidence:7s} {row.because:24s} {row.name}")
        print(" " * 8 + ", ".join(row.fired))
    print(
        f"\n{len(rows)} runs, {sum(r.fits for r in rows)} fit, {sum(r.is_confidently_wrong for r in rows)} confidently wrong, ",
        end="",
    )
    print(f"{sum(r.state == 'inconclusive' for r in rows)} inconclusive")


def main() -> None:
    """Score a folder of runs."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("runs", type=Path)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    rows = score_all(given.runs)
    show(rows)
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
