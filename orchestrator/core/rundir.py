"""Every path inside `runs/<name>-NNN/`, as properties. Nobody else joins strings into run paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunDir:
    """One run folder. The trainer's working directory is `root`, so that compiled files hold relative paths only."""

    root: Path
    attempt: int = 1

    @property
    def run_json(self) -> Path:
        """Record of the run: what was asked, with what, how it ended. Written `started` before launch."""
        return self.root / "run.json"

    @property
    def journal(self) -> Path:
        """What happened, one JSON object a line, only ever added to. See `run/records/journal.py`."""
        return self.root / "journal.jsonl"

    @property
    def inputs_json(self) -> Path:
        """What the run was begun with: marks of pictures, captions, models and compiled settings."""
        return self.root / "inputs.json"

    @property
    def lock(self) -> Path:
        """Held by the process that trains here; free at once when that process is gone, however it went."""
        return self.root / "run.lock"

    @property
    def owner_json(self) -> Path:
        """Who holds or last held the lock, for messages only."""
        return self.root / "owner.json"

    @property
    def stop_request(self) -> Path:
        """Written by `lora-run stop`, read by the process that trains here."""
        return self.root / "stop.request"

    @property
    def supervisor_log(self) -> Path:
        """What `lora-run` said of a run that no terminal watched (`--detach`)."""
        return self.root / "supervisor.log"

    @property
    def checkpoints(self) -> Path:
        """Network files that were read whole and found good. A name in it is never written twice."""
        return self.root / "checkpoints"

    @property
    def quarantine(self) -> Path:
        """Torn or broken files of the trainer, kept and never used."""
        return self.root / "quarantine"

    @property
    def recipe(self) -> Path:
        """The user's recipe, byte for byte."""
        return self.root / "recipe.yaml"

    @property
    def resolved_recipe(self) -> Path:
        """The recipe with `extends` and `--set` applied."""
        return self.root / "recipe.resolved.yaml"

    @property
    def plan_json(self) -> Path:
        """Every number with its reason."""
        return self.root / "plan.json"

    @property
    def attempt_plan(self) -> Path:
        """The plan of this attempt, where it is not the run's: something was changed for lack of memory."""
        return self.attempt_dir / "plan.json"

    @property
    def train_toml(self) -> Path:
        """What `--config_file` points at."""
        return self.root / "train.toml"

    @property
    def dataset_toml(self) -> Path:
        """What `dataset_config` points at."""
        return self.root / "dataset.toml"

    @property
    def sample_prompts(self) -> Path:
        """Prompts of the sample pictures."""
        return self.root / "sample_prompts.txt"

    @property
    def telemetry_json(self) -> Path:
        """What the recorder inside the trainer's process is told; absent where nothing is recorded."""
        return self.root / "telemetry.json"

    @property
    def data(self) -> Path:
        """Training folders `<num_repeats>_<class_tokens>`, made of links."""
        return self.root / "data"

    @property
    def attempt_dir(self) -> Path:
        """One launch of the trainer."""
        return self.root / "attempts" / f"{self.attempt:03d}"

    @property
    def output(self) -> Path:
        """`output_dir` of the trainer: network files and `sample/`."""
        return self.attempt_dir / "output"

    @property
    def logs(self) -> Path:
        """`logging_dir` of the trainer: TensorBoard files."""
        return self.attempt_dir / "logs"

    @property
    def console_log(self) -> Path:
        """Everything the trainer printed, byte for byte, secrets removed."""
        return self.attempt_dir / "console.log"

    @property
    def telemetry(self) -> Path:
        """What that recorder wrote: `rank0.jsonl` and one more file for each further process."""
        return self.attempt_dir / "telemetry"

    @property
    def ballast(self) -> Path:
        """A file that is deleted when the disk is full, so that the last words can be written."""
        return self.root / ".ballast"

    @property
    def report_json(self) -> Path:
        """The same facts for programs."""
        return self.root / "report.json"

    @property
    def next_yaml(self) -> Path:
        """The recipe with the safe fixes applied."""
        return self.root / "next.yaml"

    def relative(self, path: Path) -> str:
        """Return `path` relative to the run folder with forward slashes; the bare name where it lies outside."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.name
