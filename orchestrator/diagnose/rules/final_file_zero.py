"""The final network file is all zero.

## What it looks for

A final file in which no module moved at all.

## Why it matters

It loads, has its full size, and does nothing.

## How we tell

Every `lora_up` begins at zero; here each one still is.

## What to change

`train.unet_lr` and `train.text_encoder_lr`, where they are zero or not set. Where a rate is set, no step reached the weights:
`train.max_train_epochs` of 0 writes an untrained file too, "NO LR skipping!" in the console says that a part was left out, and
with `train.mixed_precision: fp16` steps whose gradients overflow are skipped, in a bad case all of them.

## When it is wrong

Network modules that begin with other than zero (some LyCORIS kinds) are not caught.

## Sources

sd-scripts 48d368fa, `networks/lora.py` (`lora_up` begins at zero); run with zero epochs it writes such a file and exits with 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import events, final_file, setting, unet_lr
from orchestrator.diagnose.remedies import text_rates
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R044", "final-file-zero")


def check(case: Case) -> Iterator[Finding]:
    """Look whether anything in the final file moved."""
    file = final_file(case)
    if file is None or not file.is_readable:
        yield SAYS.not_applicable(Text("There is no readable final file.", "没有可读的最终文件。"))
    elif not file.is_scanned or not file.up_count:
        yield SAYS.inconclusive(
            Text("The numbers of the final file were not read.", "没有读取最终文件的数值。"),
            Text("A LoRA in safetensors format.", "safetensors 格式的 LoRA。"),
        )
    elif file.zero_up_count < file.up_count:
        yield SAYS.clear(Text("The file is not empty.", "文件不是空的。"))
    else:
        evidence = [
            Evidence(Text("modules that never moved", "从未变化的模块"), file.zero_up_count, file.up_count, file.path)
        ]
        if events(case, "group-without-lr"):
            evidence.append(Evidence(Text("the trainer's words", "训练器原话"), "NO LR skipping!", None, "console"))
        yield SAYS.fired(
            Severity.STOP,
            Confidence.HIGH,
            Text(
                f"The final file is all zero: none of {file.up_count} modules moved.",
                f"最终文件全为零：{file.up_count} 个模块无一变化。",
            ),
            why=Text("No step of the training reached the weights.", "没有任何训练步作用到权重上。"),
            evidence=evidence,
            fix=Fix(_advice(case)),
            state=State.BROKEN,
        )


def _advice(case: Case) -> Text:
    """Look at the rates first: one that is set is not the reason."""
    rates = {"train.unet_lr": unet_lr(case), "train.text_encoder_lr": max(text_rates(case), default=None)}
    given = {key: rate for key, rate in rates.items() if rate}
    if not given:
        return Text("Set `train.unet_lr`.", "设置 `train.unet_lr`。")
    shown = ", ".join(f"`{key}` {short_number(rate)}" for key, rate in given.items())
    if setting(case, "mixed_precision") == "fp16":
        return Text(
            f"The rate is set ({shown}). In fp16 steps that overflow are skipped: try `train.mixed_precision: bf16` or `no`.",
            f"学习率已设置（{shown}）。fp16 会跳过溢出的步：可试 `train.mixed_precision: bf16` 或 `no`。",
        )
    return Text(
        f"The rate is set ({shown}). Look in the console whether any step was trained and which part was left out.",
        f"学习率已设置（{shown}）。请在控制台查看是否真的训练了，以及哪一部分被跳过。",
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("weights-static",))
