"""The saved LoRA hardly changes anything.

## What it looks for

A network file whose update is zero in nearly all modules, or so small that it has no effect.

## Why it matters

The run ended well, the file has its full size, and pictures made with it look like the base model's.

## How we tell

The file is read: modules whose `lora_up` is all zero never moved (more than 95 % of them: certain). Else the root mean square of the
update, scale x up x down, over all modules of a part: below 1e-5 in every part. Else three files or more: where no part's update changed by more than
0.01 % from the first to the last, although the learning rate went on, nothing moved after the first file. Of weights that did not move no ratio,
growth or rank is told.

## What to change

Look at `train.unet_lr`: zero, forgotten (the trainer's own default is 2e-6), or 1e-4 with Prodigy, which needs 1. Then at
`network.network_alpha`: 1 at a high rank divides the update by the rank. Weights that stop moving after the first file: trained in half
precision, whose steps round small updates away.

## When it is wrong

The limit is for models with weights of ordinary size. Very short runs are near it without being ill.

## Sources

Measured: learning rate 1e-6, 400 steps: root mean square 4e-6 and 5e-6, loss on fixed noise changed by less than 0.01 %. Sound
runs: 2e-3 to 1e-2, and 1 to 27 % of growth between their last two files. No absolute limit is established elsewhere; ours lies in the gap, nearer to the untouched side.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.course import course, has_learned
from orchestrator.diagnose.facts import NO_RUN, newest_file, number, significant
from orchestrator.diagnose.measured import weight_growth
from orchestrator.diagnose.rates import summed_lr_at
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.weights import LEAST_UPDATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import Checkpoint

MOST_ZERO = 0.95
"""Share of modules that never moved. One part left out on purpose (the text encoder) is about a third."""
LEAST_FILES, SAME = 3, 1e-4
"""Files that have to be alike, and by how much of their update they may differ."""
STILL_LR = 0.01
"""Share of the summed learning rate that has to lie between first and last file; less, and standing still is no wonder."""

SAYS = Says("R032", "weights-static")


def check(case: Case) -> Iterator[Finding]:
    """Look at the newest network file."""
    file = newest_file(case)
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
    elif file is None or not file.is_readable or not file.is_scanned or not file.up_count or not file.norms:
        yield SAYS.inconclusive(
            Text("No network file whose numbers could be read.", "没有可读取数值的网络文件。"),
            Text("A saved network file in safetensors format.", "一个 safetensors 格式的网络文件。"),
        )
    elif file.nonfinite_count:
        yield SAYS.not_applicable(Text("The file holds NaN; its size means nothing.", "文件含 NaN，其大小没有意义。"))
    else:
        yield _judge(file) or _standstill(case) or _moved(file)


def _facts(file: Checkpoint) -> list[Evidence]:
    share, norm = file.zero_up_count / file.up_count, max(file.norms.values())
    return [
        Evidence(
            Text("share of modules that never moved", "从未变化的模块占比"), significant(share, 3), MOST_ZERO, file.path
        ),
        Evidence(
            Text("root mean square of the update", "更新量的均方根"), significant(norm, 3), LEAST_UPDATE, file.path
        ),
    ]


def _moved(file: Checkpoint) -> Finding:
    return SAYS.clear(Text("The weights moved.", "权重有变化。"), _facts(file))


def _standstill(case: Case) -> Finding | None:
    """Say that the files of a run are all alike; None where they are not, or where the learning rate was over by then."""
    seen = weight_growth(case)
    groups = [group for group in seen.groups.values() if max(group.rms) > 0] if seen is not None else []
    if seen is None or not groups or any(len(group.steps) < LEAST_FILES for group in groups):
        return None
    probed = course(case)
    if number(case, "scale_weight_norms") or (probed is not None and has_learned(probed)):
        return None  # norms held at a limit, or a probe that shows the weights at work: standing norms are no standing weights
    change = max(max(group.rms) / min(group.rms) - 1 if min(group.rms) > 0 else math.inf for group in groups)
    first, last = groups[0].steps[0], groups[0].steps[-1]
    before, whole = summed_lr_at(case, first), summed_lr_at(case, last)
    is_over = before is not None and whole is not None and whole - before < STILL_LR * whole
    if change > SAME or is_over:
        return None
    return SAYS.fired(
        Severity.FIX,
        Confidence.MEDIUM if before is None else Confidence.HIGH,
        Text(
            f"The weights stood still from the first saved file (step {first}) to the last (step {last}).",
            f"从第一个保存的文件（第 {first} 步）到最后一个（第 {last} 步），权重没有变化。",
        ),
        why=Text("Updates were skipped, or rounded away in half precision.", "更新被跳过，或在半精度下被舍入掉。"),
        evidence=[
            Evidence(
                Text("change of the update between files", "各文件间更新量的变化"),
                significant(change),
                SAME,
                seen.newest.path,
            ),
            Evidence(Text("files", "文件数"), len(groups[0].steps), LEAST_FILES, seen.newest.path),
        ],
        fix=Fix(
            Text(
                "Look for `full_bf16` or `full_fp16` in `trainer_args`, and for skipped steps in the console log.",
                "检查 `trainer_args` 中的 `full_bf16`、`full_fp16`，以及控制台日志里被跳过的步。",
            )
        ),
        state=State.NOT_LEARNING,
    )


def _judge(file: Checkpoint) -> Finding | None:
    """Say that the newest file is almost empty; None where it is not."""
    share, norm = file.zero_up_count / file.up_count, max(file.norms.values())
    if share <= MOST_ZERO and norm >= LEAST_UPDATE:
        return None
    is_zero = share > MOST_ZERO
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH if is_zero else Confidence.MEDIUM,
        Text(
            f"{share:.0%} of the modules never moved: the file is almost empty.",
            f"{share:.0%} 的模块从未变化：文件几乎是空的。",
        )
        if is_zero
        else Text(
            f"The weights hardly moved ({short_number(significant(norm, 1))}): the file has next to no effect.",
            f"权重几乎没有变化（{short_number(significant(norm, 1))}）：文件基本不起作用。",
        ),
        why=Text("The learning rate is zero, forgotten or far too low.", "学习率为零、漏写或过低。"),
        evidence=_facts(file),
        fix=Fix(
            Text(
                "Check `train.unet_lr` and, at a high rank, `network.network_alpha`. Prodigy needs a learning rate of 1.",
                "检查 `train.unet_lr`；秩较高时再看 `network.network_alpha`。Prodigy 的学习率应为 1。",
            )
        ),
        state=State.BROKEN if share >= 1.0 else State.NOT_LEARNING,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("text-encoder-dominant", "rank-unused", "weight-blow-up"))
