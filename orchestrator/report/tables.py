"""The tables of a report as rows of ready texts: checkpoints, data set, plan. Facts only."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.plan.holdout import held_out_files
from orchestrator.report.curves import VALIDATION, steps_per_epoch
from orchestrator.report.labels import label
from orchestrator.report.numbers import NOTHING, count, plain_value, size

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


def which_checkpoint(data: ReportData) -> Text | None:
    """Return what the measurements say about which file to use, and that they say nothing where they do. None: no file."""
    seen = data.case.observations
    usable = [p for p in (seen.checkpoints if seen else ()) if not is_broken(p)]
    if seen is None or not seen.checkpoints:
        return None
    if not usable:
        return Text("None of these files can be used.", "这些文件都不能使用。")
    if len(usable) == 1:
        name = usable[0].path.rsplit("/", 1)[-1]
        return Text(f"There is one usable file: {name}.", f"只有一个可用的文件：{name}。")
    lowest = _lowest_validation(data)
    placed = [p for p in usable if p.step is not None]
    if lowest is not None and placed:
        step, value = lowest
        nearest = min(placed, key=lambda p: (abs((p.step or 0) - step), p.is_final))
        return Text(
            f"Measured: the held-out loss was lowest ({short_number(value)}) at step {step}; the nearest file is "
            f"{nearest.path.rsplit('/', 1)[-1]} (step {nearest.step}). Low confidence: the lowest loss is not always the "
            "best likeness, so compare it with its neighbours by eye.",
            f"测得：留出损失在第 {step} 步最低（{short_number(value)}）；最近的文件是 {nearest.path.rsplit('/', 1)[-1]}"
            f"（第 {nearest.step} 步）。把握低：损失最低不一定最像，请与相邻的检查点目测比较。",
        )
    middle = sorted(placed, key=lambda p: p.step or 0)
    start = middle[len(middle) // 3].step if middle else None
    end = middle[min(len(middle) - 1, 2 * len(middle) // 3)].step if middle else None
    where = (f" (steps {start} to {end})", f"（第 {start} 至 {end} 步）") if start != end else ("", "")
    return Text(
        f"Nothing that was measured decides. Compare the files by eye; the middle ones{where[0]} are the usual place to "
        "look. Low confidence.",
        f"没有任何测量能决定。请目测比较；通常先看中间的几个{where[1]}。把握低。",
    )


def _lowest_validation(data: ReportData) -> tuple[int, float] | None:
    seen = data.case.observations
    per_epoch = steps_per_epoch(data)
    for tag in VALIDATION if seen else ():
        series = seen.series.get(tag) if seen else None
        if series is None or len(series) < 2:
            continue
        factor = per_epoch if tag.endswith("epoch_average") else 1.0
        finite = [(v, s) for s, v in zip(series.steps, series.values, strict=True) if math.isfinite(v)]
        if factor is not None and finite:
            value, step = min(finite)
            return round(step * factor), value
    return None


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
