"""The final network file cannot be used.

## What it looks for

A final file that is no whole safetensors file, or one that holds no network.

## Why it matters

No program will load it; or one loads it, and its last tensors are zeros.

## How we tell

The header is read and the size compared with it. Where the numbers are read too, zeros that reach to the end of the file count as
damage if they begin where a page of 4,096 bytes does, in the middle of a row, right after other numbers: a power cut leaves such.
Pickle files (.ckpt, .pt) are never opened.

## What to change

Use the newest readable checkpoint. Look for a full disk or a process that was killed while it was saving.

## When it is wrong

A pickle is told as unreadable because opening one runs its code; it may be fine.

## Sources

The safetensors format: length of header, header, numbers; a cut file is shorter than its header says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import final_file
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R043", "final-file-unreadable")


def check(case: Case) -> Iterator[Finding]:
    """Look whether the final file could be read."""
    file = final_file(case)
    if file is None:
        yield SAYS.not_applicable(Text("There is no final file.", "没有最终文件。"))
    elif file.is_readable and file.key_count:
        yield SAYS.clear(Text(f"It holds {file.key_count} tensors.", f"其中有 {file.key_count} 个张量。"))
    else:
        problem = file.problem or "no tensors"
        yield SAYS.fired(
            Severity.STOP,
            Confidence.HIGH,
            Text(f"The final file cannot be used: {problem}.", f"最终文件无法使用：{problem}。"),
            evidence=[
                Evidence(Text("what is wrong", "问题"), problem, None, file.path),
                Evidence(Text("size", "大小"), file.size_bytes, None, file.path, "bytes"),
            ],
            fix=Fix(
                Text(
                    "Use the newest readable checkpoint; look for a full disk or a killed process.",
                    "使用最新的可读检查点；检查磁盘是否已满、进程是否被强行结束。",
                )
            ),
        )


RULE = Rule(SAYS.id, SAYS.name, "after", check, suppresses=("weights-static",))
