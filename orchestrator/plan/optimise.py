"""Learning rates, optimizer and schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import Resolved, StepPlan

_SELF_TUNING = ("prodigy", "dadapt")
_WARMUP_SHARE = 0.05
_NO_WARMUP = ("constant", "adafactor")
DEFAULT_SEED = 42


def decide_optimizer(draft: Draft) -> None:
    """Write optimizer, learning rates and schedule; the warm-up follows when the length is known."""
    train = draft.recipe.train
    draft.train["optimizer_type"] = draft.choose(
        train.optimizer_type, "train.optimizer_type", "AdamW",
        Text("comes with torch and runs everywhere; the network is small, 8-bit states would save little",
             "torch 自带，处处可用；网络很小，8 位状态省不了多少"),
    )  # fmt: skip
    _decide_optimizer_args(draft)
    _decide_rates(draft)
    draft.train["max_grad_norm"] = draft.choose(
        _float(train.max_grad_norm), "train.max_grad_norm", 1.0,
        Text("longer gradients are cut to 1: one bad batch cannot throw the run off", "梯度裁剪到 1：一个坏批次不会毁掉训练"),
    )  # fmt: skip
    _decide_scheduler(draft)
    draft.train["seed"] = draft.choose(
        train.seed, "train.seed", DEFAULT_SEED,
        Text("written down so that the run can be repeated; any number would do", "写明以便重复训练；任何数都可以"),
    )  # fmt: skip


def decide_warmup(draft: Draft, steps: StepPlan) -> None:
    """Write `lr_warmup_steps` as whole steps: a float in the file would be read as a share of the run."""
    train = draft.recipe.train
    scheduler = str(draft.value("lr_scheduler"))
    wanted = train.lr_warmup_steps
    processes = train.num_processes or 1
    if scheduler in _NO_WARMUP or is_schedule_free(draft):
        if wanted:
            draft.refuse(
                "warmup-without-schedule",
                Text(f"`lr_warmup_steps` {wanted} with the schedule `{scheduler}`", f"`{scheduler}` 调度却写了 `lr_warmup_steps` {wanted}"),
                Text("the trainer stops with an error, or ignores it", "训练器会报错停止，或忽略它"),
                Text("write `lr_scheduler: constant_with_warmup`, or leave the warm-up out", "请写 `lr_scheduler: constant_with_warmup`，或去掉预热"),
                "train.lr_warmup_steps",
            )  # fmt: skip
        draft.train["lr_warmup_steps"] = draft.derive(
            0, Text(f"the schedule `{scheduler}` has no warm-up", f"`{scheduler}` 调度没有预热")
        )
        return
    share: float | None = wanted if isinstance(wanted, float) else None
    if wanted is None:
        share = 0.0 if is_self_tuning(draft) else _WARMUP_SHARE
    count = int(wanted) if share is None and wanted is not None else round((share or 0.0) * steps.total_steps)
    en, zh = f"{share or 0:.0%} of {steps.total_steps} steps", f"{steps.total_steps} 步的 {share or 0:.0%}"
    if share is None:
        en, zh = f"{count} steps as written", f"按所写 {count} 步"
    if wanted is not None and count >= steps.total_steps:
        draft.refuse(
            "warmup-too-long",
            Text(f"the warm-up of {count} steps takes the whole run of {steps.total_steps} steps",
                 f"预热 {count} 步占满了全部 {steps.total_steps} 步"),
            Text("the learning rate would never be reached", "永远达不到所设的学习率"),
            Text("write a share of the run, such as 0.05", "请写占训练的比例，例如 0.05"),
            "train.lr_warmup_steps",
        )  # fmt: skip
    if processes > 1:
        # The trainer's scheduler is advanced once per process and step; only the warm-up is not multiplied.
        count *= processes
        en, zh = f"{en}, times {processes} processes", f"{zh}，乘以 {processes} 个进程"
    because = Text(en, zh)
    key = "train.lr_warmup_steps"
    draft.train["lr_warmup_steps"] = (
        draft.given(count, key, because) if wanted is not None else draft.derive(count, because)
    )


def is_self_tuning(draft: Draft) -> bool:
    """Tell whether the optimizer finds its own rate: Prodigy, D-Adaptation."""
    name = str(draft.value("optimizer_type")).lower()
    return any(word in name for word in _SELF_TUNING)


def is_schedule_free(draft: Draft) -> bool:
    """Tell whether the optimizer ignores schedules."""
    return "schedulefree" in str(draft.value("optimizer_type")).lower()


def _decide_optimizer_args(draft: Draft) -> None:
    args = draft.recipe.train.optimizer_args
    if args is not None:
        draft.train["optimizer_args"] = draft.given(
            [f"{k}={_literal(v)}" for k, v in args.items()], "train.optimizer_args"
        )
    elif str(draft.value("optimizer_type")).lower() == "adafactor":
        draft.train["optimizer_args"] = draft.derive(
            ["relative_step=False", "scale_parameter=False", "warmup_init=False"],
            Text("otherwise Adafactor throws the learning rates away", "否则 Adafactor 会丢弃所设学习率"),
        )


def _decide_rates(draft: Draft) -> None:
    train, start = draft.recipe.train, draft.start
    if is_self_tuning(draft):
        rate = 1.0
        why = Text("the optimizer finds the rate itself: 1 leaves it as found", "优化器自行确定学习率：1 表示原样使用")
    else:
        rate = start.unet_lr
        why = Text(
            f"usual for {draft.recipe.base_model.family} and `kind: {draft.recipe.subject.kind}` at alpha/rank "
            f"{short_number(start.network_alpha)}/{start.network_dim}",
            f"{draft.recipe.base_model.family} 与该类主体在 alpha/rank {short_number(start.network_alpha)}/{start.network_dim} 时的常用值",
        )
    if train.learning_rate is not None and train.unet_lr is None:
        unet = draft.given(
            float(train.learning_rate), "train.learning_rate", Text("learning_rate stands in", "由 learning_rate 代替")
        )
    else:
        unet = draft.choose(_float(train.unet_lr), "train.unet_lr", rate, why)
    draft.train["unet_lr"] = unet
    draft.train["learning_rate"] = draft.choose(
        _float(train.learning_rate), "train.learning_rate", unet.value,
        Text("as unet_lr: the trainer's own 2e-6 learns next to nothing", "同 unet_lr：训练器默认的 2e-6 几乎学不到东西"),
    )  # fmt: skip
    _decide_text_encoder(draft)


def _decide_text_encoder(draft: Draft) -> None:
    recipe, facts = draft.recipe, draft.facts
    rates = _text_encoder_rates(draft)
    only = recipe.network.network_train_unet_only
    is_trained = any(rates.value)
    if only and is_trained:
        draft.leave_out(
            recipe.train.text_encoder_lr, "train.text_encoder_lr",
            Text("`network_train_unet_only` is set, it is written as 0", "已设 `network_train_unet_only`，写为 0"),
        )  # fmt: skip
        rates = draft.derive(
            [0.0] * facts.text_encoders, Text("network_train_unet_only is set", "已设 network_train_unet_only")
        )
        is_trained = False
    draft.train["text_encoder_lr"] = rates
    draft.train["network_train_unet_only"] = draft.choose(
        only, "network.network_train_unet_only", not is_trained,
        Text("text_encoder_lr is above 0", "text_encoder_lr 大于 0") if is_trained
        else Text("the text encoders are not trained: leaving them out saves memory and time", "不训练文本编码器：省显存和时间"),
    )  # fmt: skip


def _text_encoder_rates(draft: Draft) -> Resolved:
    """Return one rate for each text encoder that the family's option takes, always as floats."""
    recipe, facts = draft.recipe, draft.facts
    count, trainable = facts.text_encoders, facts.trainable_text_encoders
    if "train_t5xxl" in (recipe.network.network_args or {}):
        trainable = count
    given = recipe.train.text_encoder_lr
    if isinstance(given, list):
        if len(given) not in {count, 1}:
            draft.refuse(
                "text-encoder-rates",
                Text(f"`text_encoder_lr` has {len(given)} values, {recipe.base_model.family} takes {count}",
                     f"`text_encoder_lr` 有 {len(given)} 个值，{recipe.base_model.family} 需要 {count} 个"),
                Text("the trainer would leave the others out without a word", "训练器会不声不响地忽略其余的值"),
                Text("write one value" if count == 1 else f"write {count} values or one", "请写一个值" if count == 1 else f"请写 {count} 个值或一个"),
                "train.text_encoder_lr",
            )  # fmt: skip
        rates = [float(r) for r in given]
        return draft.given(rates if len(rates) != 1 else _spread(rates[0], count, trainable), "train.text_encoder_lr")
    if given is not None:
        return draft.given(_spread(float(given), count, trainable), "train.text_encoder_lr")
    if not facts.trains_text_encoder:
        why = Text(f"usual for {recipe.base_model.family}: the gain is small, the damage to other words is not",
                   f"{recipe.base_model.family} 的常见做法：收益小，而对其他词语的损害不小")  # fmt: skip
        return draft.derive([0.0] * count, why)
    if is_self_tuning(draft):
        return draft.derive(
            _spread(1.0, count, trainable),
            Text("as unet_lr: the optimizer uses the first rate only", "同 unet_lr：优化器只用第一个学习率"),
        )
    if recipe.train.learning_rate is not None:
        rates = _spread(float(recipe.train.learning_rate), count, trainable)
        return draft.given(rates, "train.learning_rate", Text("learning_rate stands in", "由 learning_rate 代替"))
    rate = draft.start.text_encoder_lr
    return draft.derive(
        _spread(rate, count, trainable),
        Text("a style needs no new words", "风格不需要新词") if rate == 0 else Text(
            f"a fraction of unet_lr, usual for {recipe.base_model.family} and `kind: {recipe.subject.kind}`",
            f"unet_lr 的一小部分，{recipe.base_model.family} 与该类主体的常用值",
        ),
    )  # fmt: skip


def _spread(rate: float, count: int, trainable: int) -> list[float]:
    return [rate if index < trainable else 0.0 for index in range(count)]


def _decide_scheduler(draft: Draft) -> None:
    train = draft.recipe.train
    scheduler = draft.start.lr_scheduler
    if str(draft.value("optimizer_type")).lower() == "adafactor":
        scheduler = "constant"
    if is_schedule_free(draft):
        scheduler = "constant"
    reasons = {
        "cosine": Text("falls smoothly to 0: the last checkpoints are calm", "平滑降到 0：最后的存档更稳"),
        "constant_with_warmup": Text(
            "steady after a warm-up: any checkpoint may be the best", "预热后恒定：任何存档都可能最好"
        ),
        "constant": Text("steady from the first step", "从第一步起恒定"),
    }
    draft.train["lr_scheduler"] = draft.choose(train.lr_scheduler, "train.lr_scheduler", scheduler, reasons[scheduler])
    draft.pass_on("lr_scheduler_num_cycles", train.lr_scheduler_num_cycles, "train.lr_scheduler_num_cycles")
    draft.pass_on(
        "lr_scheduler_min_lr_ratio", _float(train.lr_scheduler_min_lr_ratio), "train.lr_scheduler_min_lr_ratio"
    )
    if train.lr_scheduler == "cosine_with_min_lr" and train.lr_scheduler_min_lr_ratio is None:
        draft.train["lr_scheduler_min_lr_ratio"] = draft.derive(
            0.1,
            Text("cosine_with_min_lr dies without it; a tenth is usual", "cosine_with_min_lr 缺它会报错；常用十分之一"),
        )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _literal(value: Any) -> str:
    """Return `value` as the trainer evaluates it: a Python literal, pairs such as betas as tuples."""
    return repr(tuple(value)) if isinstance(value, list) else repr(value)
