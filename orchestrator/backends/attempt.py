"""A later attempt of the same run: the same files, with other folders and a state on the command line.

Both trainers let the command line win over the train TOML, so nothing that was compiled changes between attempts; what
was begun with can be compared byte for byte. Resuming is done by the one rule that trains the planned number of steps:
the state of an epoch's end, and `--initial_step` from our own count. See docs/resume.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.backends.recorder_settings import TELEMETRY_JSON
from orchestrator.backends.train_toml import DATASET_TOML, TRAIN_TOML

if TYPE_CHECKING:
    from orchestrator.backends.protocol import Build, Command

FORBIDDEN = frozenset({"--skip_until_initial_step", "--initial_epoch"})
"""The first trains no step at all with gradient accumulation, the second starts anew with several processes."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where an attempt begins."""

    attempt: int
    """From 1."""
    first_step: int = 0
    """Steps of the whole run that lie before it."""
    state: str | None = None
    """Folder of the state, relative to the run folder."""
    is_replanned: bool = False
    """Its files differ from the run's own, and lie in the attempt's folder."""


def attempt_build(build: Build, start: Start) -> Build:
    """Return what to write and start for one attempt. The first one is what was compiled; a later one has no links to make."""
    (command,) = build.commands
    if start.attempt == 1 and start.state is None:
        return build
    folder = f"attempts/{start.attempt:03d}"
    files = {}
    argv = list(command.argv)
    if start.is_replanned:
        files = {f"{folder}/{name}": build.files[name] for name in (TRAIN_TOML, DATASET_TOML)}
        argv[_value_of("--config_file", argv)] = f"{folder}/{TRAIN_TOML}"
        argv += ["--dataset_config", f"{folder}/{DATASET_TOML}"]
    argv += ["--output_dir", f"{folder}/output", "--logging_dir", f"{folder}/logs"]
    if start.state is not None:
        argv += ["--resume", start.state, "--initial_step", str(start.first_step)]
    if TELEMETRY_JSON in build.files:
        settings = json.loads(build.files[TELEMETRY_JSON])
        settings["folder"] = f"{folder}/telemetry"
        settings["total_steps"] -= start.first_step
        files[f"{folder}/{TELEMETRY_JSON}"] = json.dumps(settings, indent=2) + "\n"
        argv[argv.index(TELEMETRY_JSON)] = f"{folder}/{TELEMETRY_JSON}"
    if FORBIDDEN & set(argv):  # pragma: no cover - no recipe can say them
        raise AssertionError
    return replace(build, files=files, links=(), commands=(_with(command, argv),))


def _value_of(option: str, argv: list[str]) -> int:
    """Return the place of the value of the trainer's own `option`: accelerate has one of the same name before it."""
    return len(argv) - argv[::-1].index(option)


def _with(command: Command, argv: list[str]) -> Command:
    return replace(command, argv=tuple(argv))
