"""The tables of a report as rows of ready texts: checkpoints, data set, plan. Facts only."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number, size
from orchestrator.plan.holdout import held_out_files
from orchestrator.report.labels import label
from orchestrator.report.numbers import NOTHING, count, plain_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.observation import Checkpoint
    from orchestrator.core.text import Language
    from orchestrator.dataset.model import Folder, Picture
    from orchestrator.plan.model import Plan, Subset
    from orchestrator.report.model import ReportData


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One saved network file."""

    file: str
    step: str
    epoch: str
    size: str
    state: str
    is_bad: bool
    is_final: bool
    norms: str


@dataclass(frozen=True, slots=True)
class FolderRow:
    """One folder of pictures."""

    folder: str
    role: str
    pictures: str
    repeats: str
    captions: str
    sizes: str
    trouble: str


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One decided number."""

    setting: str
    value: str
    source: str
    because: str


def checkpoint_rows(data: ReportData, language: Language) -> list[CheckpointRow]:
    """Return the checkpoints in the order of their steps, the final one last."""
    seen = data.case.observations
    points = sorted(
        seen.checkpoints if seen else (), key=lambda p: (p.is_final, p.step if p.step is not None else math.inf)
    )
    folder = checkpoint_folder(data)
    return [
        CheckpointRow(
            point.path.removeprefix(f"{folder}/"),
            NOTHING if point.step is None else str(point.step),
            NOTHING if point.epoch is None else str(point.epoch),
            size(point.size_bytes),
            _state(point, language),
            is_broken(point),
            point.is_final,
            ", ".join(f"{group} {short_number(norm)}" for group, norm in point.norms.items()) or NOTHING,
        )
        for point in points
    ]


def checkpoint_folder(data: ReportData) -> str:
    """Return the folder that all checkpoints lie in, relative to the run; empty where they lie in several."""
    seen = data.case.observations
    folders = {point.path.rpartition("/")[0] for point in (seen.checkpoints if seen else ())}
    return folders.pop() if len(folders) == 1 else ""


def is_broken(point: Checkpoint) -> bool:
    """Whether a file cannot be used: unreadable, not finite, or it changes nothing."""
    return not point.is_readable or point.nonfinite_count > 0 or 0 < point.up_count == point.zero_up_count


def _state(point: Checkpoint, language: Language) -> str:
    if not point.is_readable:
        return label("state_unreadable", language) + (f": {point.problem}" if point.problem else "")
    if point.nonfinite_count:
        return label("state_nonfinite", language).format(count=point.nonfinite_count)
    if 0 < point.up_count == point.zero_up_count:
        return label("state_zero", language)
    if point.zero_up_count:
        return label("state_some_zero", language).format(count=point.zero_up_count, total=point.up_count)
    return label("state_fine", language)


def folder_rows(data: ReportData, language: Language) -> list[FolderRow]:
    """Return one row per folder: from the scan where there is one, else from the plan."""
    plan, dataset = data.case.plan, data.case.dataset
    subsets = list(plan.subsets) if plan else []
    rows = []
    for index, folder in enumerate(dataset.folders if dataset else ()):
        subset = subsets[index] if index < len(subsets) else None
        rows.append(_scanned(folder, trained_pictures(folder, plan), subset, language))
    if dataset is None:
        rows = [_planned(s, label("role_reg" if s.is_reg else "role_train", language)) for s in subsets]
    if plan is not None and plan.validation is not None:
        rows.append(_planned(plan.validation, label("role_validation", language)))
    return rows


def trained_pictures(folder: Folder, plan: Plan | None) -> tuple[Picture, ...]:
    """Return the pictures of a folder without those that the plan holds out."""
    held = held_out_files(plan)
    return tuple(picture for picture in folder.pictures if picture.path not in held)


def trained_count(data: ReportData) -> tuple[int, int]:
    """Return how many pictures of the subject are trained on and how many are held out."""
    plan, dataset = data.case.plan, data.case.dataset
    folders = [folder for folder in (dataset.folders if dataset else ()) if not folder.is_reg]
    trained = sum(len(trained_pictures(folder, plan)) for folder in folders)
    return trained, sum(len(folder.pictures) for folder in folders) - trained


def _scanned(folder: Folder, pictures: Sequence[Picture], subset: Subset | None, language: Language) -> FolderRow:
    bad = [picture.problem or picture.caption_problem for picture in folder.pictures]
    kinds = Counter(problem for problem in bad if problem)
    trouble = ""
    if kinds:
        total = label("problems_seen", language).format(count=sum(kinds.values()))
        trouble = total + ": " + ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
    return FolderRow(
        _folder_name(folder.image_dir),
        label("role_reg" if folder.is_reg else "role_train", language),
        count(len(pictures)),
        str(subset.num_repeats) if subset else NOTHING,
        f"{sum(p.caption_path is not None for p in pictures)}/{len(pictures)} {folder.caption_extension}",
        _sizes([(picture.width, picture.height) for picture in pictures]),
        trouble,
    )


def _planned(subset: Subset, role: str) -> FolderRow:
    return FolderRow(
        subset.image_dir,
        role,
        count(len(subset.sizes)),
        str(subset.num_repeats),
        subset.caption_extension,
        _sizes(subset.sizes),
        "",
    )


def _folder_name(path: Path) -> str:
    return path.name if path.is_absolute() else path.as_posix()


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    known = [(w, h) for w, h in sizes if w > 0 and h > 0]
    if not known:
        return NOTHING
    low, high = min(known, key=math.prod), max(known, key=math.prod)
    first = f"{low[0]} x {low[1]}"
    return first if low == high else f"{first} – {high[0]} x {high[1]}"


def bucket_lines(data: ReportData, language: Language) -> list[str]:
    """Return one line per aspect bucket of the plan."""
    plan = data.case.plan
    return [
        label("bucket_line", language).format(width=width, height=height, samples=samples)
        for width, height, samples in (plan.steps.buckets if plan else ())
    ]


def setting_rows(data: ReportData, language: Language) -> list[SettingRow]:
    """Return every planned number with its reason; for a foreign run the settings that could be read, without reasons."""
    plan = data.case.plan
    if plan is None:
        return [SettingRow(key, plain_value(value), "", "") for key, value in sorted(data.case.settings.items())]
    return [
        SettingRow(
            key, plain_value(item.value), label(f"source_{item.source.value}", language), item.because.to(language)
        )
        for group in (plan.train, plan.dataset_general)
        for key, item in group.items()
    ]
