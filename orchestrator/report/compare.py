"""What differs between runs - recipe, data, versions - and what that did to the probe. Differences only; no run is called the better one
for a number that was not measured on the same pictures.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError, OrchestratorError
from orchestrator.core.finding import Problem
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text, same
from orchestrator.report.numbers import NOTHING
from orchestrator.report.run_facts import Kind, RunFacts, facts_of, judged_facts, measure, reported_facts, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Verdict
    from orchestrator.diagnose.rule import Case
    from orchestrator.run.records.run_record import RunRecord

KINDS: tuple[Kind, ...] = ("recipe", "decided", "data", "versions")
RESULTS: Mapping[str, Text] = {
    "train": Text("training pictures against the base, %", "训练图片相对底模，%"),
    "held_out": Text("held-out pictures against the base, %", "留出图片相对底模，%"),
    "best_held_out": Text("best held-out, %", "留出图片最佳值，%"),
    "best_step": Text("at step", "所在步"),
    "jitter": Text("jitter, %", "抖动，%"),
    "steps": Text("steps done", "完成的步数"),
    "rms": Text("size of the update", "更新量大小"),
}
NEVER_TRAINED = "never-trained"
"""Stands for the state of a run that ended before its first step."""
_NUMBERED = re.compile(r"(?P<name>.+)-(?P<number>[0-9]{3,9})")
_NOT_COMPARED = ("output_name", "name")
"""Names differ from run to run by themselves."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same in all runs."""

    kind: Kind
    key: str
    values: tuple[str, ...]
    """One per run."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side."""

    names: tuple[str, ...]
    differences: tuple[Difference, ...]
    states: tuple[str, ...]
    confidences: tuple[str, ...]
    results: tuple[tuple[Text, tuple[float | None, ...]], ...]
    """What was measured, one value per run."""
    notes: tuple[Text, ...] = field(default=())
    untrained: tuple[str, ...] = ()
    """Names of runs that ended before their first step."""


@dataclass(frozen=True, slots=True)
class Against:
    """A run against the one before: the comparison, or why there is none."""

    compared: Comparison | None = None
    notes: tuple[Text, ...] = ()


def compare_folders(roots: Sequence[Path]) -> Comparison:
    """Read, judge and compare run folders. Raises InputError with what is wrong with any of them."""
    if len(roots) < 2:
        raise InputError([_too_few()])
    names = [root.absolute().name for root in roots]
    shown = [name if names.count(name) == 1 else root.as_posix() for root, name in zip(roots, names, strict=True)]
    problems = _twice(roots)
    read = [_read(root, name) for root, name in zip(roots, shown, strict=True)]
    problems += [problem for one in read if isinstance(one, list) for problem in one]
    if problems:
        raise InputError(problems)
    return compare([one for one in read if isinstance(one, RunFacts)])


def _read(root: Path, name: str) -> RunFacts | list[Problem]:
    try:
        return judged_facts(root, name)
    except OrchestratorError as error:
        return [_in_folder(root, problem) for problem in error.problems]


def compare(runs: Sequence[RunFacts]) -> Comparison:
    """Return what differs between runs and what they measured."""
    differences = [d for kind in KINDS for d in _differences(kind, runs)]
    # What the recipe says already is not told again in the trainer's words.
    told = {d.key.rsplit(".", 1)[-1] for d in differences if d.kind == "recipe"}
    kept = [d for d in differences if d.kind != "decided" or (d.key not in told and d.key not in _NOT_COMPARED)]
    rows = [(RESULTS[key], tuple(run.measured.results.get(key) for run in runs)) for key in RESULTS]
    return Comparison(
        tuple(run.name for run in runs),
        tuple(kept),
        tuple(run.measured.state if run.is_trained else NEVER_TRAINED for run in runs),
        tuple(run.measured.confidence if run.is_trained else "" for run in runs),
        tuple(row for row in rows if any(value is not None for value in row[1])),
        _notes(runs),
        tuple(run.name for run in runs if not run.is_trained),
    )


def against_previous(rundir: RunDir, record: RunRecord, case: Case, verdict: Verdict) -> Against:
    """Compare a judged run with the one before of the same name, whose last report is read, not made again.

    A run before that cannot be read is told in a note: another run's folder never costs this one's report.
    """
    before = previous_run(rundir.root)
    if before is None:
        return Against()
    try:
        here = facts_of(rundir.root.name, settings_of(rundir, record), measure(case, verdict), case.outcome)
        return Against(compare([reported_facts(RunDir(before)), here]))
    except OrchestratorError as error:
        reason = error.problems[0].what
    except Exception as error:  # noqa: BLE001  whatever lies in that folder, this run's report is due
        reason = same(type(error).__name__)
    note = Text(
        f"not compared with {before.name}, the run before: {reason.en}; `lora-run diagnose` on that folder tells more",
        f"未与上一次训练 {before.name} 比较：{reason.zh}；对该文件夹运行 `lora-run diagnose` 可了解更多",
    )
    return Against(None, (note,))


def previous_run(root: Path) -> Path | None:
    """Return the newest earlier run folder of the same name beside this one; None where there is none."""
    match = _NUMBERED.fullmatch(root.name)
    if match is None:
        return None
    found: list[tuple[int, Path]] = []
    for other in root.parent.glob(f"{glob.escape(match['name'])}-*"):
        number = _NUMBERED.fullmatch(other.name)
        if number is None or number["name"] != match["name"] or not RunDir(other).run_json.is_file():
            continue
        if int(number["number"]) < int(match["number"]):
            found.append((int(number["number"]), other))
    return max(found)[1] if found else None


def _differences(kind: Kind, runs: Sequence[RunFacts]) -> list[Difference]:
    told = [{**run.settings.get(kind, {}), **(_prints(run) if kind == "data" else {})} for run in runs]
    rows = [
        Difference(kind, key, tuple(one.get(key) or NOTHING for one in told))
        for key in dict.fromkeys(k for one in told for k in one)
    ]
    return [row for row in rows if len(set(row.values)) > 1 and not _is_unknown(row)]


def _prints(run: RunFacts) -> dict[str, str]:
    return {"picture_names": run.measured.picture_names, "caption_texts": run.measured.caption_texts}


def _is_unknown(row: Difference) -> bool:
    """Whether a fingerprint only differs from one that nobody took."""
    return row.key in {"picture_names", "caption_texts"} and len({*row.values} - {NOTHING}) < 2


def _notes(runs: Sequence[RunFacts]) -> tuple[Text, ...]:
    notes = [
        Text(
            f"{run.name} ended before its first step and never trained: only its recipe, data and versions are compared.",
            f"{run.name} 在第一步之前就结束了，从未训练：只比较配方、数据和版本。",
        )
        for run in runs
        if not run.is_trained
    ]
    trained = [run for run in runs if run.is_trained]
    probed = [run.measured.probed for run in trained if run.measured.probed]
    if len(probed) < len(trained) and len(trained) > 1:
        notes.append(
            Text(
                "Not every run was probed; what was not measured is left blank.",
                "并非每次训练都做了探针；没有测量的留空。",
            )
        )
    if len(set(probed)) > 1:
        notes.append(
            Text(
                "The probes used different pictures: compare the signs and sizes, not the last digits.",
                "各次探针使用的图片不同：请比较方向与量级，不要比较末位数字。",
            )
        )
    return tuple(notes)


def _too_few() -> Problem:
    return Problem(
        "too-few-runs",
        Text("comparing takes two run folders or more", "比较至少需要两个训练文件夹"),
        fix=Text(
            "`lora-run compare runs/alice-001 runs/alice-002`", "`lora-run compare runs/alice-001 runs/alice-002`"
        ),
    )


def _twice(roots: Sequence[Path]) -> list[Problem]:
    real = [root.resolve() for root in roots]
    named = [root for index, root in enumerate(roots) if real[index] in real[:index]]
    return [
        Problem(
            "named-twice",
            Text(f"{root} is named twice", f"{root} 重复出现"),
            fix=Text("name each run folder once", "每个训练文件夹只写一次"),
        )
        for root in named
    ]


def _in_folder(root: Path, problem: Problem) -> Problem:
    """Say which of the folders a problem is about, where it names a file only."""
    if str(root) in problem.what.en:
        return problem
    return replace(problem, what=Text(f"{root}: {problem.what.en}", f"{root}：{problem.what.zh}"))
