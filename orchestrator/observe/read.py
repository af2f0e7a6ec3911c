"""Read back what a run left: our own run folder, or any folder of a kohya trainer."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.core.observation import Missing, Observations
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.observe.files import PICKLES
from orchestrator.observe.foreign import find_foreign
from orchestrator.observe.gather import NO_SETTINGS, Sources, observe
from orchestrator.observe.settings import family_of, settings_from_metadata
from orchestrator.observe.stitch import Part, stitch
from orchestrator.observe.telemetry_file import FILE_NAME
from orchestrator.run.records.history import History, read_history
from orchestrator.run.saved.publish import newest_attempt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.observe.foreign import ForeignRun

_OTHER_CONSOLE = Missing(
    "one-run",
    Text(
        "The console log announces another length than the network file remembers: it is from another run and was not used.",
        "控制台日志公布的步数与网络文件记录的不同：它来自另一次训练，未使用。",
    ),
)
NETWORKS = (".safetensors", *PICKLES)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def read_run(rundir_root: Path) -> Observations:
    """Return what the run at `rundir_root` left, all its attempts as one course. Paths are relative to that folder.

    Nothing is raised for what is absent or damaged: it is in `missing` and `damage`.
    """
    history = _history(rundir_root)
    numbers = [a.number for a in history.attempts if RunDir(rundir_root, a.number).attempt_dir.is_dir()]
    if not numbers:  # from a version that kept no journal: only the newest attempt can be told
        newest = max(1, newest_attempt(RunDir(rundir_root)))
        seen = _read_attempt(RunDir(rundir_root, newest), history)
        return seen if newest == 1 else replace(seen, facts={**seen.facts, "attempts": newest})
    firsts = {a.number: a.first_step for a in history.attempts}
    parts = []
    for place, number in enumerate(numbers):
        # a later attempt goes on from the state it was given: of all before it only what lies up to there counts
        until = min((firsts[later] for later in numbers[place + 1 :]), default=None)
        parts.append(Part(_read_attempt(RunDir(rundir_root, number), history), firsts[number], until))
    return stitch(parts, history.steps_per_epoch)


def _history(root: Path) -> History:
    try:
        return read_history(RunDir(root))
    except OSError:
        return History()


def _read_attempt(run: RunDir, history: History) -> Observations:
    """Return what one attempt left. Published files are told by the name under which they were published."""

    def name_of(path: Path) -> str:
        own = run.relative(path)
        published = history.published_as(own)
        return own if published is None else f"{run.relative(run.checkpoints)}/{published}"

    set_apart = _files(run.quarantine / f"{run.attempt:03d}", "*")
    sources = Sources(
        event_files=_files(run.logs, "**/*tfevents*"),
        networks=tuple(p for p in (*_files(run.output, "*"), *set_apart) if p.suffix.lower() in NETWORKS),
        samples=_files(run.output / "sample", "*"),
        console=run.console_log if run.console_log.is_file() else None,
        prompts=read_prompts(run.sample_prompts),
        telemetry=tuple(p for p in _files(run.telemetry, "*") if FILE_NAME.fullmatch(p.name)),
        pictures=tuple(p for p in _files(run.data, "*/*") if p.suffix.lower() in PICTURES),
    )
    return observe(sources, name_of)


def read_foreign(path: Path) -> tuple[Observations, dict[str, Any], str | None]:
    """Return observations, settings by the trainer's own names and the family of the run at `path`.

    `path` is a folder, an event file, a network file or a console log; paths in the observations are relative to the
    folder. Settings come from the argument file where there is one, else from the metadata of the saved network; what is
    unknown is absent. Raises InputError when there is no run.
    """
    run = find_foreign(path)
    sources = Sources(run.event_files, run.networks, run.samples, run.console, telemetry=run.telemetry)
    observations = observe(sources, partial(_relative, run.root))
    metadata = next((c.metadata for c in reversed(observations.checkpoints) if c.metadata), {})
    own_console = _is_own_console(observations, metadata)
    if not own_console:
        observations = observe(replace(sources, console=None), partial(_relative, run.root))
    settings = {**settings_from_metadata(metadata), **run.settings}
    tokenizer = next((e.values["version"] for e in observations.events if e.kind == "tokenizer"), None)
    missing = [
        *observations.missing,
        *_foreign_notes(run),
        *([] if own_console else [_OTHER_CONSOLE]),
        *([] if settings else [NO_SETTINGS]),
    ]
    facts = dict(observations.facts)
    if run.settings_file is not None:
        facts["settings_file"] = run.settings_file.relative_to(run.root).as_posix()
    observations = replace(observations, facts=facts, missing=tuple(missing), damage=(*observations.damage, *run.notes))
    return observations, settings, family_of(settings, metadata, tokenizer)


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _is_own_console(observations: Observations, metadata: Mapping[str, str]) -> bool:
    """Whether the length the console announced is that of the saved network: folders collect logs of many runs."""
    planned = metadata.get("ss_max_train_steps")
    announced = next((e.values["count"] for e in observations.events if e.kind == "total-steps"), None)
    return planned is None or announced is None or str(announced) == planned


def _foreign_notes(run: ForeignRun) -> list[Missing]:
    notes = []
    if run.other_runs:
        names = ", ".join(run.other_runs[:8]) + (" ..." if len(run.other_runs) > 8 else "")
        count = len(run.other_runs)
        text = Text(
            f"Only the newest run was read; {count} others are in this folder: {names}",
            f"只读取了最新的一次训练；此文件夹中另有 {count} 次：{names}",
        )
        notes.append(Missing("other-runs", text))
    if run.is_mixed:
        text = Text(
            "The log and the network file were not begun at the same time: they may be from different runs.",
            "日志与网络文件的开始时间不同：可能来自不同的训练。",
        )
        notes.append(Missing("one-run", text))
    return notes


def _files(folder: Path, pattern: str) -> tuple[Path, ...]:
    return tuple(sorted(p for p in folder.glob(pattern) if p.is_file())) if folder.is_dir() else ()


def read_prompts(path: Path) -> tuple[str, ...]:
    """Return the prompts in a `.txt` prompt file as the trainer counts them: no empty lines, no lines beginning with #."""
    if path.suffix != ".txt" or not path.is_file():
        return ()
    lines = path.read_bytes()[: 1024 * 1024].decode("utf-8-sig", "replace").splitlines()
    kept = (line.strip() for line in lines if line.strip() and not line.startswith("#"))
    return tuple(re.split(r" --", line, maxsplit=1)[0] for line in kept)
