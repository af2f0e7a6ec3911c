"""What several rules ask about single pictures of a run: their names, what groups of them share, how fast each is learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.diagnose.facts import is_logging, names, telemetry
from orchestrator.diagnose.measured import conditioned, explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.diagnose.rule import Case

PICTURES = "telemetry: pictures"
LOST = Text(
    "The model's output was lost; single pictures say nothing then.", "模型输出已崩坏，单张图片的损失没有意义。"
)


@dataclass(frozen=True, slots=True)
class Fall:
    """How the loss of a group of pictures fell over the run, picture effects taken out."""

    pictures: tuple[int, ...]
    change: float
    """From the first step to the last, log units; below 0 it fell."""
    others: float
    """The same of all other pictures."""
    z: float
    """Difference in standard errors; below 0 the group fell faster."""


def unlogged(case: Case) -> tuple[Text, Text]:
    """Return why nothing can be said of single pictures, and what would tell: only what is missing is asked for."""
    if is_logging(case):
        return (
            Text("Too few losses of single pictures were recorded.", "记录到的单张图片损失太少。"),
            Text("A run in which each picture is shown several times.", "每张图片至少出现数次的训练。"),
        )
    return (
        Text("The loss of single pictures was not recorded.", "没有记录单张图片的损失。"),
        Text(
            "`telemetry: probe` in the recipe (or `log`): it records which picture had which loss.",
            "配方中的 `telemetry: probe`（或 `log`）：它会记录每张图片的损失。",
        ),
    )


def is_lost(case: Case) -> bool:
    """Return whether the output collapsed, or too many losses are not finite for anything to be said about pictures."""
    shares, found = explained(case), conditioned(case)
    has_collapsed = shares is not None and shares.collapsed_at is not None
    return has_collapsed or (found is not None and found.left_out > len(found.sample_steps) / 20)


def picture_names(case: Case, indices: Iterable[int], most: int = 5) -> Text:
    """Return names of pictures for a sentence: folder and file, the first ones, then how many more."""
    return names(all_names(case, indices), most)


def all_names(case: Case, indices: Iterable[int]) -> list[str]:
    """Return names of pictures, folder and file each; those the recorder did not name as `#12`."""
    seen = telemetry(case)
    known = {picture.index: picture.name for picture in seen.pictures} if seen is not None else {}
    return [known.get(index) or f"#{index}" for index in indices]


def pictures_at(case: Case, steps: Iterable[int]) -> tuple[int, ...]:
    """Return the known pictures of these optimizer steps, in order and without repeats."""
    found, wanted = conditioned(case), set(steps)
    if found is None:
        return ()
    shown = (int(p) for s, p in zip(found.sample_steps, found.sample_pictures, strict=True) if int(s) in wanted)
    return tuple(dict.fromkeys(picture for picture in shown if picture >= 0))


def bucket_levels(case: Case, effects: Mapping[int, float], least: int = 3) -> dict[tuple[int, int], float]:
    """Return the median effect per bucket that holds at least `least` pictures, log units."""
    seen = telemetry(case)
    groups: dict[tuple[int, int], list[float]] = {}
    for picture in seen.pictures if seen is not None else ():
        if picture.bucket is not None and picture.index in effects:
            groups.setdefault(picture.bucket, []).append(effects[picture.index])
    return {bucket: median(values) for bucket, values in groups.items() if len(values) >= least}


def falls(case: Case, groups: Sequence[Sequence[int]]) -> list[Fall]:
    """Return how each group of pictures fell against all others, by a line over the steps; groups without enough samples left out."""
    import numpy as np

    from orchestrator.diagnose.signals.conditioned import robust_spread, smooth_level

    found = conditioned(case)
    if found is None or found.steps[-1] <= found.steps[0]:
        return []
    at = (found.sample_steps - found.steps[0]) / (found.steps[-1] - found.steps[0])
    noise = robust_spread(found.residuals - smooth_level(found.sample_steps, found.residuals))
    lines: dict[int, tuple[float, float]] = {}
    order = np.argsort(found.sample_pictures, kind="stable")
    shown, starts = np.unique(found.sample_pictures[order], return_index=True)
    for picture, rows in zip(shown, np.split(order, starts[1:]), strict=True):
        if picture >= 0:
            x, y = at[rows] - at[rows].mean(), found.residuals[rows]
            lines[int(picture)] = float((x * x).sum()), float((x * (y - y.mean())).sum())
    result = []
    for group in groups:
        inside = [lines[p] for p in group if p in lines]
        outside = [line for p, line in lines.items() if p not in set(group)]
        weight, rest = math.fsum(w for w, _ in inside), math.fsum(w for w, _ in outside)
        if weight <= 0 or rest <= 0 or not noise > 0:
            continue
        change, others = math.fsum(s for _, s in inside) / weight, math.fsum(s for _, s in outside) / rest
        error = noise * math.sqrt(1 / weight + 1 / rest)
        result.append(Fall(tuple(group), change, others, (change - others) / error))
    return result
