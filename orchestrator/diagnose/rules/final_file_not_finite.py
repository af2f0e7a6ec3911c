"""The final network file holds NaN or infinite numbers.

## What it looks for

Numbers in the final file that are not finite.

## Why it matters

One is enough for black pictures.

## How we tell

All numbers of the file are read.

## What to change

As for a NaN loss: 0.3 times `train.unet_lr`, or bf16 instead of fp16. If the loss was finite to the end, the numbers overflowed when
saved: `save.save_precision: float` or `bf16`.

## When it is wrong

Never.

## Sources

Two recorded runs whose loss became NaN: every tensor of their files is NaN, exit code 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import final_file, setting
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R045", "final-file-not-finite")


def check(case: Case) -> Iterator[Finding]:
    """Look for numbers that are not finite."""
    file = final_file(case)
    if file is None or not file.is_readable:
        yield SAYS.not_applicable(Text("There is no readable final file.", "没有可读的最终文件。"))
    elif not file.is_scanned:
        yield SAYS.inconclusive(
            Text("The numbers of the final file were not read.", "没有读取最终文件的数值。"),
            Text("A LoRA in safetensors format.", "safetensors 格式的 LoRA。"),
        )
    elif not file.nonfinite_count:
        yield SAYS.clear(Text("All numbers of the file are finite.", "文件中的数值全部有限。"))
    else:
        is_fp16 = setting(case, "save_precision") == "fp16"
        change = (Change("save.save_precision", "bf16", "fp16", is_safe=True),) if is_fp16 else ()
        yield SAYS.fired(
            Severity.STOP,
            Confidence.HIGH,
            Text(
                f"{file.nonfinite_count} of {file.key_count} tensors in the final file hold NaN or infinity.",
                f"最终文件的 {file.key_count} 个张量中有 {file.nonfinite_count} 个含 NaN 或无穷。",
            ),
            why=Text("Such a file draws black pictures.", "这样的文件只会画出黑图。"),
            evidence=[
                Evidence(Text("tensors that are not finite", "非有限的张量"), file.nonfinite_count, 0, file.path)
            ],
            fix=Fix(
                Text(
                    "Use an earlier checkpoint; lower the learning rate next time.",
                    "使用更早的检查点；下次降低学习率。",
                ),
                change,
            ),
            state=State.BROKEN,
        )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("weights-static",))
