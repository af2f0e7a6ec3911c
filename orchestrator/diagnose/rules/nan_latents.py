"""The VAE turned pictures into NaN, and the trainer replaced them with zeros.

## What it looks for

The trainer's line "NaN found in latents, replacing with zeros".

## Why it matters

Training goes on with grey nothing instead of your pictures. The loss stays finite, the LoRA learns to draw grey.

## How we tell

The console. With latents cached beforehand the trainer stops instead ("NaN detected in latents").

## What to change

`train.no_half_vae: true`; then delete cached latents, they hold the zeros.

## When it is wrong

A single damaged picture can do it too, with any number format.

## Sources

sd-scripts 48d368fa, `train_network.py` (`process_batch`); its issues 1908, 2752, 1103 (also cards of the GTX 16 series in fp16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import NO_RUN, events, fact, setting
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

SAYS = Says("R033", "nan-latents")


def check(case: Case) -> Iterator[Finding]:
    """Look for the trainer's line."""
    if case.observations is None:
        yield SAYS.not_applicable(NO_RUN)
        return
    lines = events(case, "nan-latents")
    if not lines:
        yield SAYS.clear(Text("No picture became NaN.", "没有图片变成 NaN。"))
        return
    count = int(fact(case, "nan_latents_lines") or len(lines))
    changes = () if setting(case, "no_half_vae") else (Change("train.no_half_vae", True, None, is_safe=True),)  # noqa: FBT003
    yield SAYS.fired(
        Severity.STOP,
        Confidence.HIGH,
        Text(
            f"Pictures became NaN in the VAE {count} times and were replaced with zeros.",
            f"图片在 VAE 中有 {count} 次变成 NaN，被替换为零。",
        ),
        why=Text("The LoRA then learns grey instead of your pictures.", "LoRA 学到的是灰色，而不是你的图片。"),
        evidence=[
            Evidence(Text("lines on the console", "控制台行数"), count, 0, f"console: line {lines[0].line_number}")
        ],
        fix=Fix(
            Text(
                "Set `train.no_half_vae: true` and delete cached latents.",
                "设 `train.no_half_vae: true` 并删除潜变量缓存。",
            ),
            changes,
        ),
        state=State.BROKEN,
    )


RULE = Rule(SAYS.id, SAYS.name, "after", check)
