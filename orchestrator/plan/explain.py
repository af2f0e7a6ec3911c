"""A plan told: rows for people, a record for programs, and the plain settings that rules ask about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import exact_number
from orchestrator.core.provenance import Source
from orchestrator.core.record import to_plain
from orchestrator.core.text import Text, plural
from orchestrator.plan.naming import why_named

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan, Prompt, Resolved, Subset

PLAN_RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the told plan."""

    section: str
    """`dataset`, `folders`, `length`, `train`, `samples` or `notes`."""
    key: str
    value: str
    source: Source | None
    because: Text
    where: str = ""
    """`file:line:col` of the recipe, empty for what the planner decided."""


def explain(plan: Plan) -> tuple[Row, ...]:
    """Return every number of the plan with who decided it and why, in the order in which people ask."""
    rows = [Row("length", "total_steps", str(plan.steps.total_steps), None, _joined(plan.steps.lines))]
    rows += [
        Row("length", "exposures_per_image", f"{plan.steps.exposures_per_image:.1f}", None, _exposures(plan)),
    ]
    rows += [_subset_row(s, "folders") for s in plan.subsets]
    if plan.validation is not None:
        rows.append(_subset_row(plan.validation, "held out"))
    rows += [_resolved_row("dataset", key, value) for key, value in plan.dataset_general.items()]
    rows += [_resolved_row("train", key, value) for key, value in plan.train.items() if key not in plan.dataset_general]
    named = why_named(plan.name, plan.output_name)
    rows.append(Row("train", "output_name", plan.output_name, Source.DERIVED, named))
    if plan.telemetry is not None:
        rows.append(_resolved_row("train", "telemetry", plan.telemetry.mode))
    rows += [_prompt_row(index, prompt) for index, prompt in enumerate(plan.prompts)]
    rows += [Row("notes", str(index + 1), "", None, note) for index, note in enumerate(plan.notes)]
    return tuple(rows)


def plan_record(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON types, for `write_record(path, "plan", PLAN_RECORD_VERSION, ...)`."""
    record: dict[str, Any] = to_plain(plan)
    return record


def plan_settings(plan: Plan) -> dict[str, Any]:
    """Return the options by the trainer's own names, the train TOML's first, then the data set TOML's.

    `max_train_steps` is the predicted length, as the trainer itself records it in the file's metadata.
    """
    general = {key: value.value for key, value in plan.dataset_general.items()}
    train = {key: value.value for key, value in plan.train.items()}
    settings = {**general, **train, "output_name": plan.output_name, "max_train_steps": plan.steps.total_steps}
    if plan.subsets:
        settings["caption_extension"] = plan.subsets[0].caption_extension
    return settings


def _resolved_row(section: str, key: str, value: Resolved) -> Row:
    where = str(value.where) if value.where is not None else ""
    return Row(section, key, _shown(value.value), value.source, value.because, where)


def _subset_row(subset: Subset, key: str) -> Row:
    pictures = len(subset.sizes)
    captions = len(subset.links) - pictures
    told = Text(
        f"{pictures} pictures, {captions} captions ({subset.caption_extension})",
        f"{pictures} 张图片，{captions} 个标注（{subset.caption_extension}）",
    )
    if subset.because is not None:
        told = Text(f"{told.en}; {subset.because.en}", f"{told.zh}；{subset.because.zh}")
    return Row("folders", key, subset.image_dir, None, told, str(subset.where) if subset.where else "")


def _prompt_row(index: int, prompt: Prompt) -> Row:
    shown = f"{prompt.width}x{prompt.height}, {prompt.sample_steps} steps, seed {prompt.seed}"
    return Row(
        "samples",
        str(index),
        prompt.prompt,
        None,
        Text(shown, f"{prompt.width}x{prompt.height}，{prompt.sample_steps} 步，种子 {prompt.seed}"),
    )


def _exposures(plan: Plan) -> Text:
    pictures = sum(len(s.sizes) for s in plan.subsets if not s.is_reg)
    samples, epochs = plan.steps.train_samples, plan.steps.epochs
    return Text(
        f"{samples} samples x {plural(epochs, 'epoch', 'epochs')} / {plural(pictures, 'picture', 'pictures')}",
        f"{samples} 个样本 x {epochs} 轮 / {pictures} 张图片",
    )


def _joined(lines: tuple[Text, ...]) -> Text:
    return Text("; ".join(line.en for line in lines), "；".join(line.zh for line in lines))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return exact_number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in value.items()) + "}"
    return str(value)
