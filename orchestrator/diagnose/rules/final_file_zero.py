"""The final network file is all zero.

## What it looks for

A final file in which no module moved at all.

## Why it matters

It loads, has its full size, and does nothing.

## How we tell

Every `lora_up` begins at zero; here each one still is.

## What to change

`train.unet_lr` and `train.text_encoder_lr`: zero or not set. `train.max_train_epochs` of 0 writes an untrained file too. "NO LR
skipping!" in the console says that a part was left out.

## When it is wrong

Network modules that begin with other than zero (some LyCORIS kinds) are not caught.

## Sources

sd-scripts 48d368fa, `networks/lora.py` (`lora_up` begins at zero); run with zero epochs it writes such a file and exits with 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import events, final_file
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
            why=Text("The learning rate was zero, or nothing was trained.", "学习率为零，或根本没有训练。"),
            evidence=evidence,
            fix=Fix(Text("Set `train.unet_lr`.", "设置 `train.unet_lr`。")),
        )


RULE = Rule(SAYS.id, SAYS.name, "after", check, maturity="stable", suppresses=("weights-static",))
