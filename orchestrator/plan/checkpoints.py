"""How many network files a run leaves, counted as the trainer saves them, and which interval leaves a wanted number.

The trainer writes no epoch file at the end of the last epoch: the final file stands for it. It does write a step file at the last
step, beside the final one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.text import Text, plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import StepPlan


def files_of(epochs: int, every: int) -> int:
    """Return how many files `save_every_n_epochs` leaves, the final one included."""
    return -(-epochs // every)


def every_for(epochs: int, wanted: int) -> int:
    """Return the interval whose number of files is nearest to `wanted`; of several one that divides the epochs, then more files."""
    return min(
        range(1, epochs + 1), key=lambda every: (abs(files_of(epochs, every) - wanted), epochs % every != 0, every)
    )


def can_leave(epochs: int, wanted: int) -> bool:
    """Return whether some interval leaves exactly `wanted` files: if any does, then the one that leaves as many as possible up to that."""
    return files_of(epochs, -(-epochs // wanted)) == wanted


def count_files(option: Callable[[str], float | None], steps: StepPlan) -> int:
    """Return how many network files are there in the end. `option` returns one of the trainer's options, None where it is unset."""
    every = epochs_between_files(option, steps.epochs)
    return 1 + _epoch_files(every, option("save_last_n_epochs"), steps.epochs) + _step_files(
        option("save_every_n_steps"), option("save_last_n_steps"), steps.total_steps
    )  # fmt: skip


def epochs_between_files(option: Callable[[str], float | None], epochs: int) -> int | None:
    """Return the epochs from one network file to the next; None where no epoch leaves one. `option`: as of `count_files`."""
    ratio = option("save_n_epoch_ratio")
    if ratio and ratio > 0:  # the trainer lets it win
        return math.floor(epochs / ratio) or 1
    every = option("save_every_n_epochs")
    return int(every) if every and every >= 1 else None


def _epoch_files(every: int | None, last: float | None, epochs: int) -> int:
    if every is None:
        return 0
    saved = (epochs - 1) // every
    return saved if last is None else min(saved, int(last))


def _step_files(every: float | None, last: float | None, total: int) -> int:
    """Each save takes away the one file that became older than `last` steps, so what lies before it is gone already."""
    if not every or every < 1:
        return 0
    saved = total // int(every)
    if last is None:
        return saved
    oldest_gone = (saved * int(every) - int(last) - 1) // int(every)
    return saved - max(0, oldest_gone)


def are_open(draft: Draft) -> bool:
    """Return whether the recipe leaves it to the planner how many files are kept."""
    save = draft.recipe.save
    return save.checkpoints is None and save.save_every_n_epochs is None and not others_of(draft)


def others_of(draft: Draft) -> list[str]:
    """Return the trainer's other options that decide which files there are, as far as the recipe gives them."""
    return [name for name in _OTHERS if draft.recipe.trainer_args.get(name) is not None]


def tell_other_count(draft: Draft, steps: StepPlan) -> None:
    """Note where the run will not leave as many files as the recipe asks for: how many, and why. After all options are decided."""
    wanted = draft.recipe.save.checkpoints
    if wanted is None:
        return
    count = count_files(draft.number, steps)
    if count == wanted:
        return
    others = others_of(draft)
    because = by_options(others) if others else _by_epochs(draft, steps, wanted)
    draft.notes.append(
        Text(
            f"`save.checkpoints` asks for {wanted}, the run leaves {plural(count, 'file', 'files')}: {because.en}",
            f"`save.checkpoints` 要求 {wanted} 个，本次训练会留下 {count} 个文件：{because.zh}",
        )
    )


_OTHERS = ("save_every_n_steps", "save_n_epoch_ratio", "save_last_n_epochs", "save_last_n_steps")
"""Options that only `trainer_args` can give."""


def by_options(others: list[str]) -> Text:
    """Say that these options decide too."""
    names = ", ".join(f"`{name}`" for name in others)
    return Text(f"{names} under `trainer_args` decides too", f"`trainer_args` 下的 {names} 也起作用")


def _by_epochs(draft: Draft, steps: StepPlan, wanted: int) -> Text:
    epochs = steps.epochs
    if epochs < wanted:
        most = _most_epochs(draft, steps)
        advice = Text(
            f"`train.max_train_epochs: {wanted}` makes room", f"`train.max_train_epochs: {wanted}` 即可容纳"
        ) if wanted <= most else Text(
            f"a run of this length has room for {most} at most", f"这样长的训练最多容纳 {most} 个"
        )  # fmt: skip
        return Text(
            f"a file comes at the end of an epoch, and {plural(epochs, 'epoch ends', 'epochs end')}; {advice.en}",
            f"文件只在一轮结束时保存，而共 {epochs} 轮；{advice.zh}",
        )
    counts = {files_of(epochs, every): every for every in range(epochs, 0, -1)}
    fewer, more = max(n for n in counts if n < wanted), min(n for n in counts if n > wanted)
    told = [f"{files} (every {counts[files]})" for files in (fewer, more)]
    told_zh = [f"{files} 个（每 {counts[files]} 轮）" for files in (fewer, more)]
    near = math.ceil(epochs / wanted) * wanted
    return Text(
        f"{epochs} epochs leave {' or '.join(told)}; `train.max_train_epochs: {near}` would leave {wanted}",
        f"{epochs} 轮可留下 {'或 '.join(told_zh)}；`train.max_train_epochs: {near}` 则留下 {wanted} 个",
    )


def _most_epochs(draft: Draft, steps: StepPlan) -> int:
    """Return how many epochs fit into the same length: each picture is shown once in the shortest; repeats of the recipe stay."""
    is_fixed = any(c.num_repeats for c in draft.recipe.concepts if not c.is_reg)
    return steps.epochs if is_fixed else max(steps.epochs, int(steps.exposures_per_image))
