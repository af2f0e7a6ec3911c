"""What was tried, and what came of it: the tally of a loop, and the judge of one run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safetensors import safe_open

from chaos.run_files import attempts_of, is_whole, journal, networks_of, newest_whole, opens, sha256, states_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Tally:
    """What was tried and what came of it."""

    trainer: str
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
    torn_networks: set[Path] = field(default_factory=set)
    """Files under a good name that were not whole when the trainer was killed: what this guards against."""
    torn_states: set[Path] = field(default_factory=set)
    """The same for saved states: a file of them missing or not whole."""
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


class Judge:
    """Compares what lies in one run folder with what has to lie there, and writes the difference into the tally."""

    def __init__(self, run: Path, tally: Tally) -> None:
        self._run, self._tally = run, tally
        self._published: dict[str, str] = {}

    def note_launch(self) -> None:
        """Look at what the next launch has to go on from."""
        self._expected = newest_whole(self._run)
        self._began_with = attempts_of(self._run)

    @property
    def new_attempt(self) -> Path | None:
        """The folder of the newest attempt of this launch; None while it has made none."""
        names = attempts_of(self._run)
        return self._run / "attempts" / names[-1] if len(names) > len(self._began_with) else None

    def look(self) -> None:
        """Judge what lies in the run folder now that nothing of the run lives."""
        folder = self._run / "checkpoints"
        now = {p.name: sha256(p) for p in folder.glob("*.safetensors")} if folder.is_dir() else {}
        for name, digest in self._published.items():
            if now.get(name) != digest:
                self._tally.lost_files.append(f"{self._run.name}: {name}")
        self._published = now
        for name in now:
            if not opens(folder / name):
                self._tally.torn_published.append(f"{self._run.name}: {name}")
        self._tally.torn_networks.update(p for p in networks_of(self._run) if not opens(p))
        self._tally.torn_states.update(p for p in states_of(self._run) if not is_whole(p))
        self._look_at_picks()

    def _look_at_picks(self) -> None:
        started = [e for e in journal(self._run) if e["event"] == "attempt-started"]
        new = [e for e in started if f"{e['attempt']:03d}" not in self._began_with]
        for entry in new[:1]:  # a further one was begun by the tool itself, from what the first of them left
            picked = entry["facts"].get("state")
            expected = None if self._expected is None else self._expected.relative_to(self._run).as_posix()
            if entry["facts"].get("why") == "resume" and picked != expected:
                self._tally.wrong_picks.append(f"{self._run.name}: {picked} instead of {expected}")

    def judge_end(self, output: str, code: int) -> None:
        """Judge a run that was let end: `output` and exit `code` are those of its last launch."""
        run, name = self._run, self._run.name
        events = journal(run)
        planned = next((e["facts"]["total_steps"] for e in events if e["event"] == "planned"), None)
        final = run / "checkpoints" / "tiny.safetensors"
        if code not in (0, 1) or planned is None or not final.exists() or not (run / "report.json").exists():
            self._tally.other.append(f"{name}: exit {code}: {output[-600:]}")
            return
        with safe_open(final, "numpy") as file:
            steps = int((file.metadata() or {})["ss_steps"])
        first = [e["facts"]["first_step"] for e in events if e["event"] == "attempt-started"][-1]
        if first + steps != planned:
            self._tally.wrong_steps.append(f"{name}: {first} + {steps} of {planned}")
        good = {sha256(path) for path in (run / "checkpoints").glob("*.safetensors")}
        for path in networks_of(run):
            if opens(path) and sha256(path) not in good:
                self._tally.unpublished.append(f"{name}: {path.relative_to(run)}")
        report = json.loads((run / "report.json").read_text(encoding="utf-8"))
        if report["facts"]["last_step"] != planned:
            self._tally.wrong_steps.append(f"{name}: the report says {report['facts']['last_step']} of {planned}")
