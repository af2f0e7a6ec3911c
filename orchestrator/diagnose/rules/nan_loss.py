"""The training loss stopped being a number.

## What it looks for

A training loss that stopped being a number: NaN or infinite.

## Why it matters

One such step destroys the weights, and the trainer does not stop: it goes on to the end, saves files full of NaN and exits with
code 0. Every file saved after that step draws black pictures or noise.

## How we tell

The first step without a finite loss in any source: `loss/current` of the event files, the recorder's losses, the console. The progress
bar's `avr_loss` cannot be used for more than a hint: it is a running average and stays NaN for ever after a single bad step. Where only it
shows a NaN, the step is told as a range. A loss that is a number again in more than half of the last 20 steps, the last one among them,
came back: that is told, and is no broken run; it is sure after 20 finite steps. Where all losses are finite, that is said up to the last step seen.

## What to change

NaN within the first 10 steps with `train.mixed_precision: fp16`: use `bf16`, or for SDXL set `train.no_half_vae: true`. Otherwise
the learning rate: 0.3 times `train.unet_lr` and no more than is usual for the family, with `train.max_grad_norm` at 1. Use the last checkpoint before the step; do not
resume from a state saved after it.

## When it is wrong

With fp16 and loss scaling, the scaler skips steps whose gradients are not finite, so single NaN losses may pass without harm. A run
that ends in a NaN, or in fewer than 12 in a row, is called broken all the same, with medium confidence; so is one of which only the
console is known, whose average shows no recovery. While the run goes on, NaN is told at its step, and stops it after 12 in a row.

## Sources

sd-scripts 48d368fa: `LossRecorder` (`avr_loss`), no check of the loss in `train_network.py`; sd-scripts issues 2137, 2313, 653,
892. Two recorded runs of this project, by learning rates of 1000 and 10000: both go on to their last step and exit with 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity, State
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.breaking import sound_files
from orchestrator.diagnose.facts import fact, setting
from orchestrator.diagnose.finite import known_losses, not_finite
from orchestrator.diagnose.levels import PERSISTENCE, WINDOW
from orchestrator.diagnose.remedies import lower_rate_words, lower_rates
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.diagnose.finite import KnownLosses, NotFinite

EARLY_STEPS = 10
"""A NaN this early under fp16 is an overflow of the number format, not of the learning rate."""
RECOVERED_STEPS = 20
"""Finite steps after the last NaN: NaN weights give NaN at every step, so a loss that is finite again was computed with sound ones."""
LASTING_STEPS = WINDOW * PERSISTENCE
"""NaN in a row up to the end that are no passing ones: the two windows after which a run is stopped."""
LR_FACTOR = 0.3
"""What the learning rate is multiplied with after a later NaN: half a decade, the step people search in."""

SAYS = Says("R030", "nan-loss")


def check(case: Case) -> Iterator[Finding]:
    """Name the first step whose loss is not finite, by the source that shows it first."""
    known, found, last = known_losses(case), not_finite(case), fact(case, "last_step")
    if found is not None:
        yield _passed(case, found) if _came_back(case, found) else _fired(case, found)
    elif known is not None:
        yield _all_finite(known, int(last or 0))
    elif last is not None:
        yield SAYS.clear(
            Text("`avr_loss` on the console never became NaN.", "控制台的 `avr_loss` 从未变成 NaN。"),
            [Evidence(Text("last step on the console", "控制台最后一步"), int(last), None, "console")],
            confidence=Confidence.MEDIUM,
        )
    else:
        yield SAYS.inconclusive(
            Text("There is no loss to look at.", "没有可查看的损失值。"),
            Text("TensorBoard files of the run, or its console log.", "该次训练的 TensorBoard 文件或控制台日志。"),
        )


def _all_finite(known: KnownLosses, shown: int) -> Finding:
    """Vouch for the steps that were seen, and for no more; `shown`: last step of the console, whose average stayed a number."""
    said = Text(
        f"All {known.count} losses up to step {known.last} are finite",
        f"到第 {known.last} 步为止的 {known.count} 个损失值都是有限数",
    )
    more = Text(
        f", and `avr_loss` on the console stayed so up to step {shown}",
        f"，控制台的 `avr_loss` 到第 {shown} 步也一直是有限数",
    )
    is_longer = shown > known.last
    return SAYS.clear(
        Text(f"{said.en}{more.en if is_longer else ''}.", f"{said.zh}{more.zh if is_longer else ''}。"),
        [Evidence(Text("loss values that are not finite", "非有限损失值个数"), 0, 0, ", ".join(known.sources))],
    )


def _came_back(case: Case, found: NotFinite) -> bool:
    """Return whether the last losses are numbers; NaN in every other step up to the end is no recovery."""
    known = known_losses(case)
    if known is None or not found.after:
        return False
    last = known.steps[-RECOVERED_STEPS:].tolist()
    return sum(step in known.bad for step in last) < len(last) / 2


def _passed(case: Case, found: NotFinite) -> Finding:
    """Tell single steps that a loss scaler skipped: after those the weights are sound."""
    known = known_losses(case)
    count = known.count if known is not None else 0
    said = _range(found.begin, found.step)
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH if found.after >= RECOVERED_STEPS else Confidence.MEDIUM,
        Text(
            f"The loss was NaN at {found.bad} of {count} steps, first at step {said}, and came back.",
            f"{count} 步中有 {found.bad} 步的损失为 NaN（首次在第 {said} 步），之后恢复。",
        ),
        why=Text(
            "Under fp16 the trainer skips a step that overflows; a picture may also be at fault.",
            "fp16 下训练器会跳过溢出的步；也可能是某张图片有问题。",
        ),
        evidence=[
            Evidence(Text("steps whose loss is not finite", "非有限损失的步数"), found.bad, 0, found.source, "steps"),
            Evidence(
                Text("finite steps after the last of them", "最后一个之后的有限步数"),
                found.after,
                None,
                found.source,
                "steps",
            ),
        ],
        fix=Fix(
            Text(
                "`train.mixed_precision: bf16` where they are many; a few do no harm.",
                "若很多，改用 `train.mixed_precision: bf16`；少数几步无害。",
            )
        ),
    )


def _range(begin: int, end: int) -> str:
    return str(end) if begin >= end else f"{begin}-{end}"


def _fired(case: Case, found: NotFinite) -> Finding:
    known, said = known_losses(case), _range(found.begin, found.step)
    evidence = [
        Evidence(
            Text("first step whose loss is not finite", "首个非有限损失的步"),
            int(said) if said.isdecimal() else said,
            None,
            found.source,
            "step",
        )
    ]
    spoilt = known.since(found.step) if known is not None else 0
    if spoilt:
        words = Text("steps from there to the end", "从该步到结束的步数")
        evidence.append(Evidence(words, spoilt, 0, found.source, "steps"))
    is_short = 0 < found.tail < LASTING_STEPS
    return SAYS.fired(
        Severity.STOP,
        Confidence.MEDIUM if is_short else Confidence.HIGH,
        _short_words(said, found.tail) if is_short else _words(said),
        why=Text(
            "Too large an update, or an overflow of 16-bit numbers, destroyed the weights. The trainer goes on as if nothing happened.",
            "更新过大或 16 位数溢出毁掉了权重。训练器会若无其事地继续。",
        ),
        evidence=evidence,
        fix=_fix(case, found.step),
        state=State.BROKEN,
    )


def _words(said: str) -> Text:
    return Text(
        f"The loss became NaN at step {said}; every file saved after it is useless.",
        f"损失在第 {said} 步变为 NaN；此后保存的文件全部作废。",
    )


def _short_words(said: str, steps: int) -> Text:
    return Text(
        f"The loss became NaN at step {said}; the last {plural(steps, 'loss is', 'losses are')} NaN: files saved after it are likely useless.",
        f"损失在第 {said} 步变为 NaN；最后 {steps} 个损失是 NaN：此后保存的文件很可能作废。",
    )


def _fix(case: Case, step: int) -> Fix:
    if step <= EARLY_STEPS and setting(case, "mixed_precision") == "fp16":
        change = Change("train.mixed_precision", "bf16", "fp16", is_safe=True)
        return Fix(
            Text(
                "So early under fp16 it is an overflow: use bf16 (cards from 2020 on), or `no_half_vae` for SDXL.",
                "fp16 下这么早出现说明是溢出：改用 bf16（2020 年以后的显卡），SDXL 可设 `no_half_vae`。",
            ),
            (change,),
        )
    files = case.observations.checkpoints if case.observations is not None else ()
    spared = sound_files(case, files)
    use = (
        Text(
            f"Of its files only those saved before that step can be whole, up to step {spared[-1].step}. ",
            f"只有该步之前保存的文件可能完好，到第 {spared[-1].step} 步为止。",
        )
        if spared
        else Text("", "")
    )
    changes, rate, clipped = [*lower_rates(case, LR_FACTOR)], lower_rate_words(case, LR_FACTOR), Text("", "")
    clip = setting(case, "max_grad_norm")
    if isinstance(clip, (int, float)) and (clip == 0 or clip > 1):
        changes.append(Change("train.max_grad_norm", 1.0, float(clip), is_safe=True))
        clipped = Text("; gradients clipped at 1", "；梯度裁剪设为 1")
    advice = Text(f"{use.en}Next time {rate.en}{clipped.en}.", f"{use.zh}下次{rate.zh}{clipped.zh}。")
    return Fix(advice, tuple(changes))


RULE = Rule(
    SAYS.id,
    SAYS.name,
    "after",
    check,
    maturity="stable",
    suppresses=(
        "collapsed-loss",
        "diverging",
        "unstable-training",
        "worse-than-base",
        "nothing-learned",
        "weight-blow-up",
        "always-clipped",
        "too-few-steps",
        "held-out-rising",
        "loss-trend",
        "still-falling",
        "weights-static",
        "final-file-not-finite",
        "final-file-zero",
        "final-file-missing",
        "steps-short",
    ),
)
