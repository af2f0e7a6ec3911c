"""The memory of the graphics card, or of the machine, ran out.

## What it looks for

The trainer's out-of-memory error.

## Why it matters

The run ended there. Nothing is wrong with your data.

## How we tell

The exception in the console (`OutOfMemoryError`, `CUDA out of memory`, failed allocations of cuBLAS). The machine's
own memory is told apart (`MemoryError`, `DefaultCPUAllocator`, a process ended by the system for it).

## What to change

One after the other: `train.gradient_checkpointing: true`; `train.train_batch_size: 1` with more
`train.gradient_accumulation_steps`; `train.cache_latents`; for flux and sd3 `train.fp8_base` and `train.blocks_to_swap`; for sdxl and
flux `train.cache_text_encoder_outputs`; a lower `dataset.resolution`. For the machine's own memory: fewer data loader
workers, `train.cache_latents_to_disk`, other programs closed. With `train.on_oom: adapt` the run tries these itself, one after the
other; what it ended with is then told here and goes into the next recipe.

## When it is wrong

Another program may hold the memory. `lora-run doctor` shows how much is free.

## Sources

sd-scripts 48d368fa, `docs/flux_train_network.md` (24 GB batch 2, 16 GB with swap, 12 GB swap 16, 8 GB swap 28).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events, family, number, setting
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.run.records.model import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CAUSES = ("out-of-memory", "out-of-host-memory")
_HOST = re.compile(r"MemoryError$|^MemoryError|DefaultCPUAllocator|[Cc]annot allocate memory|can't allocate memory")

SAYS = Says("R037", "out-of-memory")


def check(case: Case) -> Iterator[Finding]:
    """Look for the error in the console and in how the run ended."""
    if case.observations is None and case.outcome is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    lines = events(case, "out-of-memory")
    cause = case.outcome.cause if case.outcome is not None else ""
    if not lines and cause not in CAUSES and case.plan is not None and case.plan.changes and _has_succeeded(case):
        yield _told_adapted(case.plan.changes)
        return
    if not lines and cause not in CAUSES:
        yield SAYS.clear(Text("The memory sufficed.", "显存和内存够用。"))
        return
    said = lines[-1].text if lines else cause
    is_host = cause == "out-of-host-memory" or _HOST.search(said) is not None
    advice, changes = _less_host_memory() if is_host else _next_rung(case)
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text("The machine's memory ran out, and the run ended there.", "机器内存耗尽，训练就此结束。")
        if is_host
        else Text("The graphics card's memory ran out, and the run ended there.", "显存耗尽，训练就此结束。"),
        evidence=[Evidence(Text("the trainer's words", "训练器原话"), said, None, "console")],
        fix=Fix(advice, _with_adapted(case, changes)),
    )


def _with_adapted(case: Case, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return `changes` with those that the run has made itself, which are not in the recipe."""
    own = case.plan.changes if case.plan is not None else {}
    further = {change.key for change in changes}
    return (*(Change(k, v, None, is_safe=True) for k, v in own.items() if k not in further), *changes)


def _has_succeeded(case: Case) -> bool:
    return case.outcome is not None and case.outcome.ending is Ending.SUCCEEDED


def _told_adapted(changes: Mapping[str, Any]) -> Finding:
    """Return what a run tells that ran out of memory first and fitted in the end."""
    said = ", ".join(f"{key}: {str(value).lower()}" for key, value in changes.items())
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"The memory ran out at first; the run then fitted with {said}.",
            f"起初显存或内存不足；随后改用 {said} 完成了训练。",
        ),
        fix=Fix(
            Text("Write it into the recipe, so that the next run begins so.", "把它写入配方，下次训练直接这样开始。"),
            tuple(Change(key, value, None, is_safe=True) for key, value in changes.items()),
        ),
    )


def _less_host_memory() -> tuple[Text, tuple[Change, ...]]:
    return (
        Text(
            "Close other programs; `train.cache_latents_to_disk: true`; fewer data loader workers.",
            "关闭其他程序；设 `train.cache_latents_to_disk: true`；减少数据加载进程。",
        ),
        (Change("train.cache_latents_to_disk", True, None, is_safe=True),),  # noqa: FBT003
    )


def _next_rung(case: Case) -> tuple[Text, tuple[Change, ...]]:
    """Return the next way to save memory that is not in use yet."""
    if not setting(case, "gradient_checkpointing"):
        return (
            Text(
                "Set `train.gradient_checkpointing: true`: slower steps, far less memory.",
                "设 `train.gradient_checkpointing: true`：每步变慢，但大幅节省显存。",
            ),
            (Change("train.gradient_checkpointing", True, None, is_safe=True),),  # noqa: FBT003
        )
    batch = number(case, "train_batch_size") or 1
    if batch > 1:
        accumulation = int(number(case, "gradient_accumulation_steps") or 1)
        return (
            Text(
                "Halve the batch size and double the accumulation: the same steps.",
                "批大小减半，累积步数加倍：步数不变。",
            ),
            (
                Change("train.train_batch_size", int(batch) // 2, int(batch)),
                Change("train.gradient_accumulation_steps", accumulation * 2, accumulation),
            ),
        )
    if family(case) in {"flux", "sd3"} and not setting(case, "fp8_base"):
        return (
            Text(
                "Set `train.fp8_base: true`, then `train.blocks_to_swap`.",
                "设 `train.fp8_base: true`，再设 `train.blocks_to_swap`。",
            ),
            (Change("train.fp8_base", True, None),),  # noqa: FBT003
        )
    return (
        Text(
            "Lower `dataset.resolution`, or free the card of other programs.",
            "降低 `dataset.resolution`，或关闭占用显卡的其他程序。",
        ),
        (),
    )


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    suppresses=("trainer-crashed", "final-file-missing", "steps-short", "still-falling"),
)
