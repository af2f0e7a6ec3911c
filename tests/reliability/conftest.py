"""Runs on a trainer of a few lines, whole and in process."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import pytest
from PIL import Image

from orchestrator import pipeline
from orchestrator.backends.attempt import Start
from orchestrator.core.rundir import RunDir
from orchestrator.prepared import prepare
from orchestrator.report.judged import Finished
from orchestrator.run.installed import trainers
from orchestrator.run.process import reaper
from orchestrator.run.records.history import History, read_history
from orchestrator.run.records.journal import read_journal
from orchestrator.training import attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.core.observation import LogEvent
    from orchestrator.core.text import Text
    from orchestrator.run.records.journal import Entry

T = TypeVar("T")
FAKE = Path(__file__).with_name("fake_trainer.py")
RECIPE = """
recipe_version: 1
name: tiny
subject: {kind: object, trigger: zxq, class_tokens: man}
base_model: {family: pocket}
concepts: [{image_dir: images, num_repeats: 1}]
validate: {hold_out: 0}
network: {network_dim: 4, network_alpha: 4}
train: {max_train_epochs: 4, train_batch_size: 2, unet_lr: 1e-3, text_encoder_lr: 0, optimizer_type: AdamW}
save: {save_state: true, save_every_n_epochs: 1}
sample: {prompts: []}
telemetry: "off"
"""
PER_EPOCH, EPOCHS = 4, 4
"""Of eight pictures of one shape in batches of two."""


@dataclass
class Heard:
    """Hears a run and keeps what it heard."""

    words: list[Text] = field(default_factory=list)
    events: list[LogEvent] = field(default_factory=list)

    def begins(self, rundir: RunDir, total_steps: int) -> None:
        del rundir, total_steps

    def told(self, text: Text) -> None:
        self.words.append(text)

    def found(self, text: Text) -> None:
        self.words.append(text)

    def event(self, event: LogEvent) -> None:
        self.events.append(event)

    def silence(self, seconds: float) -> None:
        del seconds

    def has(self, words: str) -> bool:
        """Whether something was told with these English words in it."""
        return any(words in text.en for text in self.words)


@dataclass
class Runs:
    """Trains on the fake trainer, with faults by attempt."""

    folder: Path
    faults_file: Path
    waits: list[float]
    heard: Heard = field(default_factory=Heard)

    @property
    def rundir(self) -> RunDir:
        return RunDir(self.folder / "runs" / "tiny-001")

    @property
    def history(self) -> History:
        return read_history(self.rundir)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return read_journal(self.rundir.journal).entries

    def plan_faults(self, faults: Mapping[str, Any]) -> None:
        """Write down what goes wrong: attempt number -> {"at": step, "do": what}."""
        self.faults_file.write_text(json.dumps(faults))

    def start(self, faults: Mapping[str, Any], *settings: str) -> attempts.Done:
        """Train a new run; returns how its last attempt went, unjudged."""
        self.plan_faults(faults)
        prepared = prepare(self.folder / "tiny.yaml", settings)
        assert prepared.plan is not None, prepared.problems
        assert prepared.build is not None
        with ExitStack() as held:
            job = pipeline._create(prepared, prepared.plan, prepared.build, self.folder / "runs", self.heard, held)
            return attempts.train(job, self.heard, Start(1), why="start", may_stop=True)

    def whole(self, faults: Mapping[str, Any], *settings: str) -> Finished:
        """Train, judge and report a new run."""
        self.plan_faults(faults)
        done = pipeline.run_recipe(
            self.folder / "tiny.yaml", settings, self.heard, "en", runs_dir=self.folder / "runs"
        )  # fmt: skip
        assert isinstance(done, Finished)
        return done


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """A recipe over drawn pictures, and the fake trainer in the place of the embedded one. Nothing waits between attempts."""
    made = make_runs(tmp_path, monkeypatch.setenv)
    fake = made.folder / "fake-python"
    real = trainers.find_trainer("pocket")
    monkeypatch.setattr(trainers, "find_trainer", lambda _family: replace(real, python=fake))
    waits = made.waits

    def waited(seconds: float, _rundir: object) -> bool:
        waits.append(seconds)
        return True

    monkeypatch.setattr(attempts, "waited", waited)
    yield made
    assert not left_of(made.rundir)


def make_runs(folder: Path, set_variable: Callable[[str, str], None]) -> Runs:
    """Lay down recipe, pictures and the fake trainer in `folder`."""
    fake = folder / "fake-python"
    fake.write_text(f"#!{sys.executable} -SE\n{FAKE.read_text(encoding='utf-8')}", encoding="utf-8")
    fake.chmod(0o755)
    set_variable("FAKE_FAULTS", str(folder / "faults.json"))
    set_variable("XDG_CACHE_HOME", str(folder / "cache"))
    images = folder / "images"
    images.mkdir()
    for index in range(8):
        Image.new("RGB", (64, 64), (index * 30, 90, 200)).save(images / f"{index}.png")
        (images / f"{index}.txt").write_text("zxq, man")
        os.utime(images / f"{index}.png", (1e9, 1e9))
    (folder / "tiny.yaml").write_text(RECIPE)
    return Runs(folder, folder / "faults.json", [])


def left_of(rundir: RunDir) -> list[int]:
    """Return the living processes that work in the run folder."""
    return [p.pid for p in psutil.process_iter() if _told(p.cwd, "") == str(rundir.root)]


def helper_of(pid: int) -> list[int]:
    """Return the living helpers of process `pid`."""
    name = os.path.basename(reaper.__file__)  # noqa: PTH119
    none: list[str] = []
    children = psutil.Process(pid).children()
    return [c.pid for c in children if any(word.endswith(name) for word in _told(c.cmdline, none))]


def _told(ask: Callable[[], T], otherwise: T) -> T:
    """Return what the system tells about a process, `otherwise` where it is gone, a zombie, or somebody else's."""
    try:
        return ask()
    except psutil.Error:
        return otherwise
