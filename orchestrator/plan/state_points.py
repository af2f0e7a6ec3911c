"""Saved states: what they cost on the disk, and how much of the training a crash can lose.

The trainer saves a state with every network file and at no other time, so the number of files decides both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.plan.checkpoints import epochs_between_files, files_of, others_of
from orchestrator.plan.concepts import size_of
from orchestrator.plan.network_size import Tensor
from orchestrator.plan.optimizer_state import kept_by, optimizer_bytes
from orchestrator.plan.prepare import bucket_rules
from orchestrator.plan.steps import CountedSubset, Pace, predict_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import StepPlan

MOST_LOST: Final = 0.05
"""Share of the steps that a crash may lose."""
FEW_STEPS: Final = 100
"""These it may lose of the shortest run too: only from 6 s a step on are they ten minutes."""

_SAMPLE: Final = Tensor("lora_up", (1024, 1024), is_trained=True)
_WEIGHT_BYTES: Final[Mapping[str, int]] = {"float": 4, "fp16": 2, "bf16": 2}


def allowed_loss(total_steps: float) -> float:
    """Return how many optimizer steps a crash may lose: the planner's own epochs and saves keep within this, more is told."""
    return max(MOST_LOST * total_steps, FEW_STEPS)


def longest_between_states(steps_per_epoch: int, total_steps: int) -> int:
    """Return the most epochs from one saved state to the next with which a crash loses no more than that; at least 1."""
    return max(1, int(allowed_loss(total_steps) // steps_per_epoch))


@dataclass(frozen=True, slots=True)
class _Loss:
    """What a crash can lose at most."""

    steps: int
    total: int

    @property
    def share(self) -> float:
        return self.steps / self.total

    @property
    def is_told(self) -> bool:
        return self.steps > allowed_loss(self.total)

    def __str__(self) -> str:
        return f"{self.steps} ({self.share:.0%})"


def decide_states(draft: Draft, steps: StepPlan) -> None:
    """Write whether states are saved: yes, unless the recipe says no. After the options that decide when files are saved."""
    size, loss = _size(draft), _loss(steps, _files_every(draft, steps))
    draft.train["save_state"] = draft.choose(
        draft.recipe.save.save_state, "save.save_state", default=True,
        because=Text(
            f"a run that crashed or was stopped goes on from its last state: at most {loss.steps} of {loss.total} steps are lost; {size.en}",
            f"崩溃或停止的训练可从最近的状态继续：最多损失 {loss.total} 步中的 {loss.steps} 步；{size.zh}",
        ),
    )  # fmt: skip


def state_every(draft: Draft, steps: StepPlan) -> int | None:
    """Return the epochs from one saved state to the next; None where none is saved before the end."""
    every = _files_every(draft, steps)
    return every if draft.value("save_state") and every < steps.epochs else None


def _files_every(draft: Draft, steps: StepPlan) -> int:
    """Return the epochs from one network file to the next, the final one included."""
    every = epochs_between_files(draft.number, steps.epochs)
    return min(every or steps.epochs, steps.epochs)


def _loss(steps: StepPlan, every_epochs: int) -> _Loss:
    return _Loss(every_epochs * steps.steps_per_epoch, steps.total_steps)


def _size(draft: Draft) -> Text:
    """Return how large a state is beside a network file: the weights as they are trained and what the optimizer keeps."""
    optimizer = str(draft.value("optimizer_type") or "AdamW")
    args = draft.value("optimizer_args") or ()
    if kept_by(optimizer, args).known == "assumed":
        return Text(
            "each is several times as large as the network file, and old ones are removed",
            "每个状态是网络文件的数倍大小，旧状态会被删除",
        )
    trained = 2 if draft.value("full_fp16") or draft.value("full_bf16") else 4
    kept = optimizer_bytes([_SAMPLE], optimizer, args, value_bytes=trained) / _SAMPLE.values
    times = (trained + kept) / _WEIGHT_BYTES.get(str(draft.value("save_precision") or "float"), 4)
    return Text(
        f"each is about {short_number(round(times, 1))} x the network file with {optimizer}, and old ones are removed",
        f"使用 {optimizer} 时每个约为网络文件的 {short_number(round(times, 1))} 倍，旧状态会被删除",
    )


def tell_possible_loss(
    draft: Draft, steps: StepPlan, concepts: Sequence[ConceptPictures], repeats: Sequence[int]
) -> None:
    """Note what a crash loses where there are no states, or where it is more than it may be, with the recipe lines that make it less."""
    every = _files_every(draft, steps)
    loss = _loss(steps, every)
    if not draft.value("save_state"):
        by_steps = draft.number("save_every_n_steps") or loss.steps
        loss = _Loss(int(min(loss.steps, by_steps)), loss.total)
        draft.notes.append(Text(
            f"no states are saved (`save_state: false`): a crash loses everything since the last network file, up to {loss} of "
            f"{loss.total} steps, and the run cannot be resumed",
            f"不保存状态（`save_state: false`）：崩溃会损失上一个网络文件之后的全部训练，最多 {loss.total} 步中的 {loss} 步，且无法续训",
        ))  # fmt: skip
        return
    if not loss.is_told:
        return
    advice = _advice(draft, steps, every, concepts, repeats)
    when = _when(every, steps.epochs, is_with_files=not others_of(draft))
    draft.notes.append(Text(
        f"a crash can lose up to {loss} of {loss.total} steps: {when.en}{advice.en}",
        f"崩溃最多会损失 {loss.total} 步中的 {loss} 步：{when.zh}{advice.zh}",
    ))  # fmt: skip


def _when(every: int, epochs: int, *, is_with_files: bool) -> Text:
    if every >= epochs:
        return Text(
            "states come with the network files, and there is none before the end",
            "状态随网络文件保存，而结束之前没有网络文件",
        )
    often = "every epoch" if every == 1 else f"every {every} epochs"
    if not is_with_files:
        return Text(f"a state to go on from comes {often}", f"可续训的状态每 {every} 轮保存一次")
    return Text(f"a state comes with each network file, {often}", f"状态随网络文件保存，每 {every} 轮一次")


def _advice(
    draft: Draft, steps: StepPlan, every: int, concepts: Sequence[ConceptPictures], repeats: Sequence[int]
) -> Text:
    """Return the recipe lines with which it is less and not a step is added, as the end of a sentence; empty where there are none."""
    times, fewer = 1, list(repeats)
    if steps.steps_per_epoch > allowed_loss(steps.total_steps):
        times, fewer = same_steps_in_more_epochs(draft, steps, concepts, repeats) or (1, fewer)
    epochs = steps.epochs * times
    wanted = longest_between_states(steps.steps_per_epoch // times, steps.total_steps)
    decided_otherwise = others_of(draft) or any(c.share for c in concepts)
    if decided_otherwise or wanted >= every * times:
        return Text("", "")
    trained = [(c, r) for c, r in zip(concepts, fewer, strict=True) if not c.is_reg]
    lines = [f"`concepts[{c.index}].num_repeats: {r}`" for c, r in trained if c.num_repeats != r]
    if draft.recipe.train.max_train_epochs != epochs:
        lines.append(f"`train.max_train_epochs: {epochs}`")
    told = ", ".join([*lines, f"`save.save_every_n_epochs: {wanted}`"])
    instead = Text("", "")
    if draft.recipe.save.checkpoints is not None:
        instead = Text(" instead of `save.checkpoints`", "（代替 `save.checkpoints`）")
    loss, files = _Loss(wanted * steps.steps_per_epoch // times, steps.total_steps), files_of(epochs, wanted)
    return Text(
        f"; {told}{instead.en} make it {loss} of the same {loss.total}, with {files} files",
        f"；{told}{instead.zh} 可降为同样 {loss.total} 步中的 {loss} 步，留下 {files} 个文件",
    )


def same_steps_in_more_epochs(
    draft: Draft, steps: StepPlan, concepts: Sequence[ConceptPictures], repeats: Sequence[int]
) -> tuple[int, list[int]] | None:
    """Return how many times as many epochs, of so many fewer repeats, are the same steps and short enough; None: no way."""
    batch, accumulated = (int(draft.number(n) or 1) for n in ("train_batch_size", "gradient_accumulation_steps"))
    pace = Pace(batch, accumulated, draft.recipe.train.num_processes or 1)
    family, rules = draft.recipe.base_model.family, bucket_rules(draft)
    sizes = [tuple(size_of(p, family) for p in c.pictures) for c in concepts]
    shared = math.gcd(*(r for c, r in zip(concepts, repeats, strict=True) if not c.is_reg))
    for times in range(math.ceil(steps.steps_per_epoch / allowed_loss(steps.total_steps)), shared + 1):
        if shared % times:
            continue
        fewer = [r if c.is_reg else r // times for c, r in zip(concepts, repeats, strict=True)]
        subsets = [CountedSubset(s, r, c.is_reg) for s, r, c in zip(sizes, fewer, concepts, strict=True)]
        if predict_steps(subsets, rules, pace, steps.epochs * times).total_steps == steps.total_steps:
            return times, fewer
    return None
