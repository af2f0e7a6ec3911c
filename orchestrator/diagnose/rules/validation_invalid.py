"""The validation loss is measured in a way that means nothing.

## What it looks for

Settings of sd-scripts' own validation under which its number is wrong: pictures that are trained on as well, another order of
pictures each time, values mixed with their own past.

## Why it matters

People stop, continue and choose checkpoints by this number.

## How we tell

- `validation_split` without `validation_seed`: training and validation pictures are drawn independently and overlap. To fix.
- A split that rounds up on both sides, so that one picture is in both. To fix.
- One and the same file in both sets, by its path: two concepts may name one folder. To fix. By name and caption, in two folders: look at it.
- Data loader workers above 0: each pass sees the pictures in another order, some twice and some not. Look at it. An argument file that
  does not name them means the trainer's own number, 8; without an argument file nothing is said: a saved network does not remember it.
- Several step validations within the first epoch: `step_average` keeps the first ones in its average for ever. Good to know; the
  value per epoch is right, and the true value of the last pass is told.
- One held-out picture: a sample of one says nothing about others. Look at it.

## What to change

`validate.validation_seed: 0`, no workers, hold-out by number (`validate.hold_out`): this tool then makes a data set of its own for the
held-out pictures, which cannot leak.

## When it is wrong

With no more validation batches than workers the order does no harm. Pictures of two folders that share name and caption may still be two.

## Sources

sd-scripts 48d368fa, `train_util.py` (`split_train_val`, `collator_class`, `LossRecorder`), each run: 3.3 of 4 validation pictures are
training pictures on average over 200 seeds; one picture overlaps by rounding in 44 % of (count, split) pairs; with one worker the
loss of frozen weights moved by 2.4 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import events, fact, names, number, series, setting, significant, telemetry, where
from orchestrator.diagnose.measured import EPOCH_AVERAGE, STEP_AVERAGE, step_validation
from orchestrator.diagnose.rule import Case, Rule, Says
from orchestrator.diagnose.signals.validation import possible_leak, shared_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.plan.model import Subset

LEAST_HELD_OUT = 2
DEFAULT_WORKERS = 8
"""Of the pinned trainer's parser, where `max_data_loader_n_workers` is left out."""
EMPTY_CAPTION = "e3b0c442"
"""First digits of the sha256 of no caption at all, which proves nothing."""

SAYS = Says("R027", "validation-invalid")


def check(case: Case) -> Iterator[Finding]:
    """Look at the settings of the trainer's validation."""
    split = number(case, "validation_split") or 0.0
    has_own_set = case.plan is not None and case.plan.validation is not None
    if not has_own_set and not split and series(case, EPOCH_AVERAGE) is None:
        yield SAYS.not_applicable(Text("There is no validation.", "没有验证。"))
        return
    found = [
        finding
        for finding in (
            None if has_own_set else _leak(case, split),
            None if has_own_set else _rounding(case, split),
            _same_file(case),
            _workers(case),
            _mixed(case),
            _single(case),
        )
        if finding is not None
    ]
    if not found and _worker_count(case) is None:
        yield SAYS.inconclusive(
            Text(
                f"Whether the validation pictures keep their order is not known: the trainer's own number of workers is {DEFAULT_WORKERS}.",
                f"不知道验证图片的顺序是否固定：训练器默认的加载进程数为 {DEFAULT_WORKERS}。",
            ),
            Text(
                "The argument file of the run: a saved network does not remember `max_data_loader_n_workers`.",
                "该次训练的参数文件：网络文件不会记录 `max_data_loader_n_workers`。",
            ),
        )
        return
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


def _worker_count(case: Case) -> float | None:
    """Return the number of data loader workers; the trainer's own where its arguments are known and say nothing, None where they are not."""
    said = number(case, "max_data_loader_n_workers")
    if said is not None:
        return said
    is_read = case.observations is not None and "settings_file" in case.observations.facts
    return DEFAULT_WORKERS if case.plan is not None or is_read else None


def _workers(case: Case) -> Finding | None:
    workers, is_said = _worker_count(case), number(case, "max_data_loader_n_workers") is not None
    if not workers:
        return None
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH if is_said else Confidence.MEDIUM,
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


def _same_file(case: Case) -> Finding | None:
    seen = telemetry(case)
    train = [picture for picture in seen.pictures if picture.is_subject] if seen is not None else []
    held_out = [picture for picture in seen.pictures if picture.is_held_out] if seen is not None else []
    shared = shared_pictures((p.name for p in train), (p.name for p in held_out))
    if case.plan is not None and case.plan.validation is not None:
        trained = [path for one in case.plan.subsets if not one.is_reg for path in _files(one)]
        shared += shared_pictures(trained, _files(case.plan.validation))
    is_sure = bool(shared)
    if not shared:
        marks = {(p.name.rpartition("/")[2], p.caption) for p in train if p.caption not in ("", EMPTY_CAPTION)}
        shared = sorted(p.name for p in held_out if (p.name.rpartition("/")[2], p.caption) in marks)
    if not shared:
        return None
    which = names([path.rpartition("/")[2] for path in shared])
    return SAYS.fired(
        Severity.FIX if is_sure else Severity.WATCH,
        Confidence.HIGH if is_sure else Confidence.MEDIUM,
        Text(f"Trained on and held out at once: {which.en}.", f"既用于训练又被留出：{which.zh}。")
        if is_sure
        else Text(
            f"Held-out pictures have a training picture's name and caption: {which.en}.",
            f"留出图片与训练图片的文件名和标注相同：{which.zh}。",
        ),
        why=Text("A picture that was trained on shows no memorising.", "训练过的图片显不出死记。"),
        evidence=[Evidence(Text("shared pictures", "共有的图片"), len(shared), 0, "telemetry: pictures")],
        fix=Fix(
            Text(
                "Name each folder once under `concepts`, and take copies out.",
                "`concepts` 中每个文件夹只写一次，并去掉重复的文件。",
            )
        ),
    )


def _files(subset: Subset) -> list[str]:
    return [str(link.target) for link in subset.links[: len(subset.sizes)]]


def _mixed(case: Case) -> Finding | None:
    mixed, repaired = series(case, STEP_AVERAGE), step_validation(case)
    if mixed is None or repaired is None:
        return None
    said, true = mixed.values[-1], repaired.values[-1]
    return SAYS.fired(
        Severity.INFO,
        Confidence.HIGH,
        Text(
            "The validation loss per step is mixed with its own past; use the one per epoch.",
            "按步记录的验证损失混有自身的旧值；请看按轮记录的。",
        ),
        evidence=[
            Evidence(Text("last value logged", "记录的末值"), significant(said, 4), None, STEP_AVERAGE),
            Evidence(Text("the pass it stands for", "该次验证的真实值"), significant(true, 4), None, STEP_AVERAGE),
        ],
        fix=Fix(Text("Set `validate.validate_every_n_epochs`.", "设 `validate.validate_every_n_epochs`。")),
    )


def _single(case: Case) -> Finding | None:
    planned = case.plan.validation if case.plan is not None else None
    count = len(planned.sizes) if planned is not None else fact(case, "validation_images")
    if count is None or not 0 < count < LEAST_HELD_OUT:
        return None
    return SAYS.fired(
        Severity.WATCH,
        Confidence.HIGH,
        Text("One held-out picture is no sample.", "只有一张留出图片，不成样本。"),
        why=Text("Whether others got better cannot be told from a single one.", "仅凭一张无法判断其他图片是否变好。"),
        evidence=[
            Evidence(Text("held-out pictures", "留出图片"), int(count), LEAST_HELD_OUT, "plan or console", "images")
        ],
        fix=Fix(
            Text("Hold out two or more: `validate.hold_out: 2`.", "至少留出两张：`validate.hold_out: 2`。"),
            (Change("validate.hold_out", LEAST_HELD_OUT, 1, is_safe=True),) if planned is not None else (),
        ),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, maturity="stable", needs_plan=True)
