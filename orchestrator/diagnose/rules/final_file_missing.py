"""The run ended, and there is no final network file.

## What it looks for

A run that ended with exit code 0 without the file `<output_name>.safetensors`.

## Why it matters

sd-scripts ends with exit code 0 in several cases in which it trained nothing. An exit code is no proof.

## How we tell

The output folder is listed.

## What to change

Look at the console log for what the trainer said last. Checkpoints saved on the way may be usable.

## When it is wrong

For a folder of logs alone the rule does not decide.

## Sources

sd-scripts 48d368fa, run: no data, zero epochs and a missing prompt file all end with exit code 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, final_file
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R042", "final-file-missing")


def check(case: Case) -> Iterator[Finding]:
    """Look for the final file of a run that ended."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    file = final_file(case)
    ending = case.outcome.ending.value if case.outcome is not None else "unknown"
    if file is not None:
        yield SAYS.clear(
            Text("The final file is there.", "最终文件存在。"), [Evidence(Text("final file", "最终文件"), file.path)]
        )
    elif ending in {"interrupted", "stopped"}:
        yield SAYS.not_applicable(Text("The run was ended early.", "训练被提前结束。"))
    elif ending == "unknown":
        yield SAYS.inconclusive(
            Text("No final file was found here.", "此处没有找到最终文件。"),
            Text("The trainer's output folder.", "训练器的输出文件夹。"),
        )
    else:
        kept = len(case.observations.checkpoints)
        yield SAYS.fired(
            Severity.STOP,
            Confidence.HIGH,
            Text("The run ended without a final file.", "训练结束了，却没有最终文件。"),
            why=Text("The trainer's exit code is no proof of a result.", "训练器的退出码不能证明有结果。"),
            evidence=[
                Evidence(Text("final files", "最终文件数"), 0, 1, "output folder"),
                Evidence(Text("checkpoints saved on the way", "途中保存的检查点"), kept, None, "output folder"),
            ],
            fix=Fix(Text("Look at the last lines of the console log.", "查看控制台日志的最后几行。")),
        )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
