"""Runs that nobody means: a zero too many, or a recipe from elsewhere that is to cost its reader a disk or a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.plan.checkpoints import count_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import Prompt, StepPlan

MOST_STEPS = 1_000_000
"""Optimizer steps; LoRAs take hundreds to tens of thousands. At ten steps a second these are 28 hours, at one eleven days."""
MOST_EPOCHS = 20_000
MOST_FILES = 1_000
"""Network files a run leaves; of 100 MB each they fill 100 GB."""
MOST_SAMPLES = 20_000
"""Sample pictures; at five seconds each they take 28 hours."""


def is_too_long(draft: Draft, steps: StepPlan) -> bool:
    """Whether a run is longer than any is meant; notes the problem with its sum."""
    if steps.total_steps <= MOST_STEPS and steps.epochs <= MOST_EPOCHS:
        return False
    key = "train.max_train_epochs" if draft.recipe.train.max_train_epochs is not None else "train.target_steps"
    draft.refuse(
        "enormous-run",
        Text(
            f"the run would be {steps.total_steps:,} steps in {steps.epochs:,} epochs; at most {MOST_STEPS:,} in {MOST_EPOCHS:,} are planned",
            f"训练将有 {steps.epochs:,} 轮共 {steps.total_steps:,} 步；最多规划 {MOST_EPOCHS:,} 轮、{MOST_STEPS:,} 步",
        ),
        Text(
            f"{'; '.join(line.en for line in steps.lines)}. A LoRA is done after hundreds to tens of thousands of steps",
            f"{'；'.join(line.zh for line in steps.lines)}。LoRA 只需几百到几万步",
        ),
        Text(
            "lower `train.target_steps`, `train.max_train_epochs` or `num_repeats`",
            "请降低 `train.target_steps`、`train.max_train_epochs` 或 `num_repeats`",
        ),
        key,
    )
    return True


def refuse_many_files(draft: Draft, steps: StepPlan, prompts: Sequence[Prompt]) -> None:
    """Note a problem where a run would leave more files than anybody looks at."""
    files = count_files(draft.number, steps)
    if files > MOST_FILES:
        _refuse(draft, files, MOST_FILES, _FILES, ("save.save_every_n_epochs", "trainer_args.save_every_n_steps"))
    drawn = len(prompts) * _times_drawn(draft, steps)
    if drawn > MOST_SAMPLES:
        _refuse(draft, drawn, MOST_SAMPLES, _SAMPLES, ("sample.prompts", "trainer_args.sample_every_n_steps"))


_FILES = Text("network files", "个网络文件")
_SAMPLES = Text("sample pictures", "张样图")
_FIXES: Mapping[Text, Text] = {
    _FILES: Text("save less often: `save.checkpoints: 10`", "请减少保存次数：`save.checkpoints: 10`"),
    _SAMPLES: Text(
        "draw less often: `sample.sample_every_n_epochs`, or fewer prompts",
        "请减少绘制次数：`sample.sample_every_n_epochs`，或减少提示词",
    ),
}


def _refuse(draft: Draft, count: int, most: int, kind: Text, keys: Sequence[str]) -> None:
    draft.refuse(
        "enormous-run",
        Text(
            f"the run would write {count:,} {kind.en}; at most {most:,} are",
            f"训练将写出 {count:,} {kind.zh}；最多 {most:,}",
        ),
        Text("they fill the disk, or take longer than the training", "它们会占满磁盘，或比训练本身更费时"),
        _FIXES[kind],
        next((key for key in keys if draft.loaded.origins.get(key) is not None), keys[0]),
    )


def _times_drawn(draft: Draft, steps: StepPlan) -> int:
    """Return how often samples are drawn: the trainer looks at steps where both are given."""
    every_steps, every_epochs = draft.number("sample_every_n_steps"), draft.number("sample_every_n_epochs")
    if every_steps and every_steps >= 1:
        return steps.total_steps // int(every_steps)
    return steps.epochs // int(every_epochs) if every_epochs and every_epochs >= 1 else 0
