"""The saved LoRA hardly changes anything.

## What it looks for

A network file whose update is zero in nearly all modules, or so small that it has no effect.

## Why it matters

The run ended well, the file has its full size, and pictures made with it look like the base model's.

## How we tell

The file is read: modules whose `lora_up` is all zero never moved (more than 95 % of them: certain). Else the root mean square of the
update, scale x up x down, over all modules of a part: below 1e-5 in every part.

## What to change

Look at `train.unet_lr`: zero, forgotten (the trainer's own default is 2e-6), or 1e-4 with Prodigy, which needs 1. Then at
`network.network_alpha`: 1 at a high rank divides the update by the rank.

## When it is wrong

The limit is for models with weights of ordinary size. Very short runs are near it without being ill.

## Sources

Measured: learning rate 1e-6, 400 steps: root mean square 4e-6 and 5e-6, loss on fixed noise changed by less than 0.01 %. Sound
runs: 2e-3 to 1e-2. No absolute limit is established elsewhere; ours lies in the gap, nearer to the untouched side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, newest_file, significant
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.observation import Checkpoint

MOST_ZERO = 0.95
"""Share of modules that never moved. One part left out on purpose (the text encoder) is about a third."""
LEAST_NORM = 1e-5
"""Root mean square of the update; see Sources."""

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
        yield _judge(file)


def _judge(file: Checkpoint) -> Finding:
    share, norm = file.zero_up_count / file.up_count, max(file.norms.values())
    evidence = [
        Evidence(
            Text("share of modules that never moved", "从未变化的模块占比"), significant(share, 3), MOST_ZERO, file.path
        ),
        Evidence(Text("root mean square of the update", "更新量的均方根"), significant(norm, 3), LEAST_NORM, file.path),
    ]
    if share <= MOST_ZERO and norm >= LEAST_NORM:
        return SAYS.clear(Text("The weights moved.", "权重有变化。"), evidence)
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
        evidence=evidence,
        fix=Fix(
            Text(
                "Check `train.unet_lr` and, at a high rank, `network.network_alpha`. Prodigy needs a learning rate of 1.",
                "检查 `train.unet_lr`；秩较高时再看 `network.network_alpha`。Prodigy 的学习率应为 1。",
            )
        ),
        state=State.BROKEN if share >= 1.0 else State.NOT_LEARNING,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
