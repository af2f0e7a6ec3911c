"""The validation loss is measured in a way that means nothing.

## What it looks for

Settings of sd-scripts' own validation under which its number is wrong: pictures that are trained on as well, another order of
pictures each time, values mixed with their own past.

## Why it matters

People stop, continue and choose checkpoints by this number.

## How we tell

- `validation_split` without `validation_seed`: training and validation pictures are drawn independently and overlap. To fix.
- A split that rounds up on both sides, so that one picture is in both. To fix.
- Data loader workers above 0: each pass sees the pictures in another order, some twice and some not. Look at it.
- Several step validations within the first epoch: `step_average` keeps the first ones in its average for ever. Good to know; the
  value per epoch is right.

## What to change

`validate.validation_seed: 0`, no workers, hold-out by number (`validate.hold_out`): this tool then makes a data set of its own for the
held-out pictures, which cannot leak.

## When it is wrong

With no more validation batches than workers the order does no harm.

## Sources

sd-scripts 48d368fa, `train_util.py` (`split_train_val`, `collator_class`, `LossRecorder`), each run: 3.3 of 4 validation pictures are
training pictures on average over 200 seeds; one picture overlaps by rounding in 44 % of (count, split) pairs; with one worker the
loss of frozen weights moved by 2.4 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import events, fact, number, series, setting, where
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.validation import possible_leak

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_AVERAGE = "loss/validation/step_average"

SAYS = Says("R027", "validation-invalid")


def check(case: Case) -> Iterator[Finding]:
    """Look at the settings of the trainer's validation."""
    split = number(case, "validation_split") or 0.0
    has_own_set = case.plan is not None and case.plan.validation is not None
    if not has_own_set and not split and series(case, "loss/validation/epoch_average") is None:
        yield SAYS.not_applicable(Text("There is no validation.", "没有验证。"))
        return
    found = [
        finding
        for finding in (
            None if has_own_set else _leak(case, split),
            None if has_own_set else _rounding(case, split),
            _workers(case),
            _mixed(case),
        )
        if finding is not None
    ]
    yield from found or [
        SAYS.clear(Text("The validation settings are sound.", "验证设置没有问题。"), confidence=Confidence.MEDIUM)
    ]


def _leak(case: Case, split: float) -> Finding | None:
    if not 0 < split < 1 or setting(case, "validation_seed") is not None:
        return None
    return SAYS.fired(
        Severity.FIX,
        Confidence.HIGH,
        Text(
            "Without `validation_seed` most validation pictures are trained on as well.",
            "没有 `validation_seed` 时，多数验证图片也会参与训练。",
        ),
        why=Text("The trainer draws the two sets independently of each other.", "训练器分别独立地抽取两个集合。"),
        evidence=[Evidence(Text("validation_split", "验证比例"), split, None, "validation_split")],
        fix=Fix(
            Text("Set `validate.validation_seed: 0`.", "设 `validate.validation_seed: 0`。"),
            (Change("validate.validation_seed", 0, None, is_safe=True),),
        ),
        where=where(case, "validation_split"),
    )


def _rounding(case: Case, split: float) -> Finding | None:
    counts: dict[str, list[int]] = {}
    for event in events(case, "folder-found"):
        counts.setdefault(str(event.values.get("path")), []).append(int(event.values.get("images", 0)))
    for pair in counts.values():
        if len(pair) == 2 and 0 < split < 1 and possible_leak(pair[0], pair[1], split):
            return SAYS.fired(
                Severity.FIX,
                Confidence.HIGH,
                Text(
                    f"One picture is in both sets: {pair[0]} to train and {pair[1]} to validate, of {sum(pair) - 1}.",
                    f"有一张图片同时在两个集合里：共 {sum(pair) - 1} 张，训练 {pair[0]} 张、验证 {pair[1]} 张。",
                ),
                why=Text("Both numbers are rounded up.", "两边都向上取整。"),
                evidence=[Evidence(Text("validation_split", "验证比例"), split, None, "console: found directory")],
                fix=Fix(
                    Text(
                        "Hold out a number of pictures instead: `validate.hold_out`.",
                        "改为按数量留出：`validate.hold_out`。",
                    )
                ),
            )
    return None


def _workers(case: Case) -> Finding | None:
    workers = number(case, "max_data_loader_n_workers")
    if not workers:
        return None
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text(
            f"With {workers:.0f} data loader workers each validation pass may see other pictures.",
            f"数据加载进程为 {workers:.0f} 时，每次验证看到的图片可能不同。",
        ),
        why=Text(
            "Workers shuffle the validation set too; its loss then swings by more than a good run changes it.",
            "加载进程也会打乱验证集；其波动会超过正常训练带来的变化。",
        ),
        evidence=[Evidence(Text("workers", "进程数"), int(workers), 0, "max_data_loader_n_workers")],
        fix=Fix(
            Text(
                "Set `max_data_loader_n_workers: 0` under `trainer_args`.",
                "在 `trainer_args` 下设 `max_data_loader_n_workers: 0`。",
            ),
            (Change("trainer_args.max_data_loader_n_workers", 0, int(workers), is_safe=True),),
        ),
        where=where(case, "max_data_loader_n_workers"),
    )


def _mixed(case: Case) -> Finding | None:
    steps, per_epoch = series(case, STEP_AVERAGE), fact(case, "batches_per_epoch")
    if steps is None or per_epoch is None or sum(1 for step in steps.steps if step <= per_epoch) < 2:
        return None
    return SAYS.fired(
        Severity.INFO,
        Confidence.HIGH,
        Text(
            "The validation loss per step is mixed with its own past; use the one per epoch.",
            "按步记录的验证损失混有自身的旧值；请看按轮记录的。",
        ),
        evidence=[
            Evidence(
                Text("step validations in the first epoch", "首轮内的步验证次数"),
                sum(1 for s in steps.steps if s <= per_epoch),
                1,
                STEP_AVERAGE,
            )
        ],
        fix=Fix(Text("Set `validate.validate_every_n_epochs`.", "设 `validate.validate_every_n_epochs`。")),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", needs_plan=True)
