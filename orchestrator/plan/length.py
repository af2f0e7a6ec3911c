"""Repeats and epochs: whole epochs as near the target as they come, many short epochs rather than few long ones."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text, plural
from orchestrator.plan.checkpoints import are_open, can_leave
from orchestrator.plan.concepts import size_of
from orchestrator.plan.prepare import bucket_rules
from orchestrator.plan.state_points import FEW_STEPS, allowed_loss
from orchestrator.plan.steps import CountedSubset, EpochCounter, Pace, bucket_chooser, predict_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import StepPlan

LEAST_SAMPLES = 100
MOST_SAMPLES = 400
WANTED_EPOCHS = 10
LEAST_EPOCHS = 5
"""Saves and held-out losses come at epoch ends: with fewer there is nothing to choose from."""
_KEYS = {
    "min-bucket-reso": "dataset.min_bucket_reso",
    "max-bucket-reso": "dataset.max_bucket_reso",
    "picture-below-bucket-step": "dataset.bucket_no_upscale",
}
"""Recipe key behind each problem that counting may find."""
# Shares that are off by less are as good as right: repeats are whole numbers.
_SHARE_TOLERANCE = 0.03


@dataclass(slots=True)
class Length:
    """Repeats of each concept, in order, and the sum they make."""

    repeats: list[int]
    steps: StepPlan
    reasons: dict[int, Text] = field(default_factory=dict)
    """Why these repeats, by place of the concept in the recipe."""


@dataclass(frozen=True, slots=True)
class _Choice:
    repeats: tuple[int, ...]
    epochs: int
    steps: int
    samples: int
    share_error: float


def decide_length(draft: Draft, concepts: Sequence[ConceptPictures], pace: Pace) -> Length:
    """Decide repeats and epochs, write `max_train_epochs`. Raises InputError for bucket limits the trainer refuses."""
    train = draft.recipe.train
    family = draft.recipe.base_model.family
    sizes = [tuple(size_of(p, family) for p in c.pictures) for c in concepts]
    rules = bucket_rules(draft)
    with _placed(draft):
        counter = EpochCounter(sizes, rules, pace)
    target = float(train.target_steps or draft.start.target_steps)
    first = _best(draft, concepts, counter, target)
    choice, why = _keep_in_band(draft, concepts, counter, first, target)
    subsets = [CountedSubset(s, r, c.is_reg) for s, r, c in zip(sizes, choice.repeats, concepts, strict=True)]
    is_moved = why is not None and choice != first
    steps = replace(predict_steps(subsets, rules, pace, choice.epochs), is_band_bound=is_moved)
    _write_epochs(draft, steps, target, why)
    return Length(list(choice.repeats), steps, _reasons(concepts, choice, steps))


def check_buckets(draft: Draft) -> None:
    """Raise InputError for bucket limits the trainer refuses, whatever the pictures are."""
    with _placed(draft):
        bucket_chooser(bucket_rules(draft))


@contextmanager
def _placed(draft: Draft) -> Iterator[None]:
    """Let what is wrong with the buckets point at the recipe's key."""
    try:
        yield
    except InputError as error:
        raise InputError([replace(p, where=draft.where(_KEYS[p.code])) for p in error.problems]) from error


def decide_pace(draft: Draft) -> Pace:
    """Write batch size and accumulation; return what turns pictures into steps."""
    train, start = draft.recipe.train, draft.start
    size = draft.choose(
        train.train_batch_size, "train.train_batch_size", start.train_batch_size,
        Text(f"usual for {draft.recipe.base_model.family} and `kind: {draft.recipe.subject.kind}`",
             f"{draft.recipe.base_model.family} 与该类主体的常用值"),
    )  # fmt: skip
    accumulated = draft.choose(
        train.gradient_accumulation_steps, "train.gradient_accumulation_steps", 1,
        Text("one forward pass per step", "每步一次前向"),
    )  # fmt: skip
    draft.train["train_batch_size"] = size
    draft.train["gradient_accumulation_steps"] = accumulated
    draft.dataset_general["batch_size"] = size
    return Pace(size.value, accumulated.value, train.num_processes or 1)


def _best(draft: Draft, concepts: Sequence[ConceptPictures], counter: EpochCounter, target: float) -> _Choice:
    """Return the repeats and epochs whose steps come nearest to `target`."""
    pace = counter.pace
    samples_per_step = pace.batch_size * pace.gradient_accumulation_steps * pace.num_processes
    is_reg = [c.is_reg for c in concepts]
    fixed = draft.recipe.train.max_train_epochs
    trained_per_step = samples_per_step / (2 if any(is_reg) else 1)
    wanted = target * trained_per_step / fixed if fixed else _samples_per_epoch(draft, target, trained_per_step)
    choices = []
    for repeats in _repeats_to_try(concepts, wanted):
        epoch = counter.count(repeats, is_reg)
        if epoch.steps == 0:
            continue
        epochs = fixed or max(1, round(target / epoch.steps))
        error = _share_error(concepts, repeats)
        choices.append(_Choice(repeats, epochs, epochs * epoch.steps, epoch.train_samples, error))

    files = draft.recipe.save.checkpoints
    is_free = _is_epoch_free(draft)

    def cost(choice: _Choice) -> tuple[bool, float, float, bool, bool, float]:
        # Shares first, then the target within a percent, then the size of an epoch: a nicer epoch beats a tenth of a percent.
        # Epochs that leave as many files as the recipe asks for may be three percent off. A nicer epoch is one that ends, with a
        # state, before a crash could lose too much.
        is_short = files is not None and not can_leave(choice.epochs, files)
        slack = 0.01 if files is None or is_short else 0.03
        off = abs(choice.steps - target) / target
        return (
            choice.share_error > _SHARE_TOLERANCE,
            choice.share_error if choice.share_error > _SHARE_TOLERANCE else 0.0,
            round(max(0.0, off - slack), 2),
            is_short,
            is_free and choice.steps / choice.epochs > allowed_loss(choice.steps),
            abs(choice.samples - wanted),
        )

    return min(choices, key=cost)


def _is_epoch_free(draft: Draft) -> bool:
    """Return whether epochs may be shortened so that states come oftener: nothing in the recipe counts in epochs."""
    recipe = draft.recipe
    intervals = (recipe.sample.sample_every_n_epochs, recipe.validate_.validate_every_n_epochs)
    return recipe.save.save_state is not False and are_open(draft) and not any(intervals)


def _samples_per_epoch(draft: Draft, target: float, per_step: float) -> float:
    """Return the wanted samples of an epoch of a run of `target` steps that train `per_step` samples each.

    100 to 400, more where a step takes many; fewer where saves need more epochs, or where a state could come too late.
    """
    save = draft.recipe.save
    whole = target * per_step
    epochs = max(LEAST_EPOCHS, save.checkpoints or 0, save.save_every_n_epochs or 0)
    usual = min(max(whole / WANTED_EPOCHS, min(LEAST_SAMPLES, whole / epochs)), max(MOST_SAMPLES, FEW_STEPS * per_step))
    return min(usual, allowed_loss(target) * per_step) if _is_epoch_free(draft) else usual


def _repeats_to_try(concepts: Sequence[ConceptPictures], wanted_samples: float) -> Iterator[tuple[int, ...]]:
    """Yield repeats for epochs of half to one and a half times the wanted samples, each once."""
    seen = set()
    low, high = max(1, round(wanted_samples * 0.5)), max(2, round(wanted_samples * 1.5))
    for samples in range(low, high + 1, max(1, (high - low) // 60)):
        repeats = _repeats_for(concepts, samples)
        if repeats not in seen:
            seen.add(repeats)
            yield repeats


def _repeats_for(concepts: Sequence[ConceptPictures], samples: int) -> tuple[int, ...]:
    """Return repeats that make about `samples` training samples: explicit ones stay, shares next, the rest is divided evenly."""
    trained = [c for c in concepts if not c.is_reg]
    taken: float = sum(len(c.pictures) * c.num_repeats for c in trained if c.num_repeats)
    taken += sum(samples * c.share for c in trained if c.share)
    open_pictures = sum(len(c.pictures) for c in trained if not c.num_repeats and not c.share)
    even = max(1, round((samples - taken) / open_pictures)) if open_pictures else 1
    repeats = []
    for c in concepts:
        if c.num_repeats:
            repeats.append(c.num_repeats)
        elif c.is_reg or not c.pictures:
            repeats.append(1)
        elif c.share:
            repeats.append(max(1, round(c.share * samples / len(c.pictures))))
        else:
            repeats.append(even)
    return tuple(repeats)


def _share_error(concepts: Sequence[ConceptPictures], repeats: Sequence[int]) -> float:
    """Return how far the worst concept is from its wanted share (0-1)."""
    samples = [0 if c.is_reg else len(c.pictures) * r for c, r in zip(concepts, repeats, strict=True)]
    total = sum(samples)
    return max((abs(s / total - c.share) for c, s in zip(concepts, samples, strict=True) if c.share), default=0.0)


def _keep_in_band(
    draft: Draft, concepts: Sequence[ConceptPictures], counter: EpochCounter, choice: _Choice, target: float
) -> tuple[_Choice, Text | None]:
    """Move the steps, not the exposures, where one picture would be seen too rarely or too often."""
    train = draft.recipe.train
    if train.exposures_per_image is None:
        return choice, None
    least, most = train.exposures_per_image
    pictures = sum(len(c.pictures) for c in concepts if not c.is_reg)
    seen = choice.epochs * choice.samples / pictures
    if least <= seen <= most:
        return choice, None
    band = f"{short_number(least)}-{short_number(most)}"
    if train.max_train_epochs is not None:
        draft.notes.append(Text(
            f"each picture is seen {seen:.0f} times, outside the band {band}: `max_train_epochs` {train.max_train_epochs} decides",
            f"每张图片会被看到 {seen:.0f} 次，超出范围 {band}：以 `max_train_epochs` {train.max_train_epochs} 为准",
        ))  # fmt: skip
        return choice, None
    bound = least if seen < least else most
    moved = _best(draft, concepts, counter, target * bound / seen)
    per_epoch = moved.samples / pictures
    epochs = max(1, math.ceil(least / per_epoch) if seen < least else math.floor(most / per_epoch))
    moved = _Choice(moved.repeats, epochs, moved.steps // moved.epochs * epochs, moved.samples, moved.share_error)
    told = _told_above(concepts, moved, per_epoch, band) if per_epoch > most else Text(
        f"{choice.steps} steps would show each of {pictures} pictures {seen:.0f} times, outside the band {band}: "
        f"{moved.steps} steps instead, {epochs * per_epoch:.0f} times",
        f"{choice.steps} 步会让 {pictures} 张图片各被看到 {seen:.0f} 次，超出范围 {band}：改为 {moved.steps} 步，{epochs * per_epoch:.0f} 次",
    )  # fmt: skip
    draft.notes.append(told)
    return moved, told


def _told_above(concepts: Sequence[ConceptPictures], choice: _Choice, per_epoch: float, band: str) -> Text:
    """Return that one epoch alone lies above the band: the run cannot be shorter, only its repeats can be fewer."""
    is_fixed = any(c.num_repeats for c in concepts if not c.is_reg)
    advice, advice_zh = (
        ("; lower `num_repeats`, or leave it out", "；请降低 `num_repeats` 或去掉它") if is_fixed else ("", "")
    )
    return Text(
        f"one epoch alone, {choice.steps} steps, shows each picture {per_epoch:.0f} times, above the band {band}{advice}",
        f"仅一轮（{choice.steps} 步）就让每张图片被看到 {per_epoch:.0f} 次，高于范围 {band}{advice_zh}",
    )


def _write_epochs(draft: Draft, steps: StepPlan, target: float, moved: Text | None) -> None:
    train = draft.recipe.train
    epochs, total = steps.epochs, steps.total_steps
    if train.max_train_epochs is not None:
        draft.train["max_train_epochs"] = draft.given(epochs, "train.max_train_epochs")
        if train.target_steps is not None and abs(total - target) > 0.1 * target:
            draft.notes.append(Text(
                f"{plural(epochs, 'epoch makes', 'epochs make')} {total} steps, `target_steps` is {train.target_steps}: `max_train_epochs` decides",
                f"{epochs} 轮共 {total} 步，而 `target_steps` 为 {train.target_steps}：以 `max_train_epochs` 为准",
            ))  # fmt: skip
        return
    because = moved or Text(
        f"{steps.steps_per_epoch} steps per epoch x {epochs} = {total}, the whole epochs nearest to {short_number(target)} steps",
        f"每轮 {steps.steps_per_epoch} 步 x {epochs} = {total}，是最接近 {short_number(target)} 步的整轮数",
    )
    key = "train.target_steps" if train.target_steps is not None else "train.max_train_epochs"
    draft.train["max_train_epochs"] = replace(draft.derive(epochs, because), key=key, where=draft.where(key))


def _reasons(concepts: Sequence[ConceptPictures], choice: _Choice, steps: StepPlan) -> dict[int, Text]:
    reasons = {}
    for c, repeats in zip(concepts, choice.repeats, strict=True):
        if c.num_repeats:
            reasons[c.index] = Text("the recipe says so", "配方如此规定")
        elif c.is_reg:
            reasons[c.index] = Text("the trainer repeats them as often as it needs", "训练器会按需重复")
        else:
            share = len(c.pictures) * repeats / max(1, steps.train_samples)
            wanted = Text(f", wanted {c.share:.0%}", f"，期望 {c.share:.0%}") if c.share else Text("", "")
            reasons[c.index] = Text(
                f"{len(c.pictures)} pictures x {repeats} = {len(c.pictures) * repeats} of {steps.train_samples} samples "
                f"per epoch ({share:.0%}{wanted.en})",
                f"{len(c.pictures)} 张 x {repeats} = 每轮 {steps.train_samples} 个样本中的 {len(c.pictures) * repeats} 个"
                f"（{share:.0%}{wanted.zh}）",
            )
    return reasons
