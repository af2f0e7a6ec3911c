"""The optimizer and its arguments."""

from __future__ import annotations

import ast
import difflib
import re
from typing import TYPE_CHECKING

from orchestrator.backends.optimizer_values import WRONG_VALUE, WRONG_VALUE_FIX, WRONG_VALUE_WHAT, wrong_argument
from orchestrator.backends.sd_scripts.refusals.model import TRUST_OWN, Refusal, drop
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.backends.sd_scripts.settings import Settings

KNOWN = (
    "AdamW", "AdamW8bit", "PagedAdamW", "PagedAdamW8bit", "PagedAdamW32bit", "Lion", "Lion8bit", "PagedLion8bit",
    "SGDNesterov", "SGDNesterov8bit", "DAdaptation", "DAdaptAdamPreprint", "DAdaptAdaGrad", "DAdaptAdam", "DAdaptAdan",
    "DAdaptAdanIP", "DAdaptLion", "DAdaptSGD", "Prodigy", "AdaFactor", "RAdamScheduleFree", "AdamWScheduleFree",
    "SGDScheduleFree",
)  # fmt: skip
"""Names the trainer knows itself, in any case of letters."""
TORCH_OPTIMIZERS = (
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop",
    "SGD", "SparseAdam",
)  # fmt: skip
"""Classes of torch.optim; these names are case-sensitive."""
CLASSES = re.compile(
    r"torch\.optim\.(?:"
    + "|".join(TORCH_OPTIMIZERS)
    + r")|bitsandbytes\.optim\.(?:\w+\.)?[A-Z]\w*|pytorch_optimizer\.[A-Z]\w*|schedulefree\.[A-Z]\w*|dadaptation\.[A-Z]\w*"
    r"|prodigyplus\.ProdigyPlusScheduleFree|prodigyopt\.Prodigy|lion_pytorch\.Lion|came_pytorch\.CAME"
    r"|transformers\.(?:optimization\.)?Adafactor",
    re.ASCII,
)
"""Dotted names that may be written: classes of the optimizer packages that the trainer's own documents name.

Anything else would be imported and called: `torch.hub.load` is in a harmless package too.
"""

PACKAGES = (
    "torch.optim", "bitsandbytes.optim", "pytorch_optimizer", "schedulefree", "dadaptation", "prodigyopt.Prodigy",
    "prodigyplus.ProdigyPlusScheduleFree", "came_pytorch.CAME", "lion_pytorch.Lion", "transformers.Adafactor",
)  # fmt: skip
"""What `CLASSES` lets pass, for people."""
BY_PACKAGE = {
    "came": "pytorch_optimizer.CAME",
    "prodigyplusschedulefree": "prodigyplus.ProdigyPlusScheduleFree",
    "stableadamw": "pytorch_optimizer.StableAdamW",
    "ademamix": "pytorch_optimizer.AdEMAMix",
    "lamb": "pytorch_optimizer.Lamb",
    "soap": "pytorch_optimizer.SOAP",
    "adan": "pytorch_optimizer.Adan",
    "sophia": "pytorch_optimizer.SophiaH",
    "tiger": "pytorch_optimizer.Tiger",
    "ranger": "pytorch_optimizer.Ranger",
    "adopt": "pytorch_optimizer.ADOPT",
}
"""Optimizers that are known by their bare name, in lower case -> what has to be written."""
_ADAM = "betas eps weight_decay amsgrad"
_BNB = f"{_ADAM} optim_bits args min_8bit_size percentile_clipping block_wise is_paged"
_ARGUMENTS = {
    "adamw": f"{_ADAM} maximize foreach capturable differentiable fused",
    "adamw8bit": _BNB,
    "pagedadamw": _BNB,
    "pagedadamw8bit": _BNB,
    "pagedadamw32bit": _BNB,
    "adafactor": "eps clip_threshold decay_rate beta1 weight_decay scale_parameter relative_step warmup_init",
    "prodigy": "betas beta3 eps weight_decay decouple use_bias_correction safeguard_warmup d0 d_coef growth_rate "
    "fsdp_in_use slice_p",
    "lion": "betas weight_decay use_triton decoupled_weight_decay",
    "adamwschedulefree": "betas eps weight_decay warmup_steps r weight_lr_power foreach",
}
"""Keyword arguments of the usual optimizers."""


def is_relative_adafactor(settings: Settings) -> bool:
    """Whether Adafactor decides the learning rate itself: its default in this trainer."""
    arguments = settings.pairs("optimizer_args")
    fixed = arguments.get("relative_step") == "False" and arguments.get("warmup_init") != "True"
    return settings.optimizer == "adafactor" and not fixed


def literal_trouble(item: str) -> str | None:
    """Return why `key=value` is not what the trainer splits and evaluates, or None."""
    if item.count("=") != 1:
        return "needs exactly one `=`"
    key, value = item.split("=")
    if key != key.strip() or value != value.strip():
        return "has spaces at the `=`"
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "is no Python literal after the `=`"
    return None


def malformed(settings: Settings, name: str) -> str | None:
    """Return the first item of a list of arguments that the trainer could not read, with the reason."""
    for item in settings.list_of(name):
        trouble = literal_trouble(item)
        if trouble is not None:
            return f"{item!r} {trouble}"
    return None


def _unknown_argument(settings: Settings) -> str | None:
    known = _ARGUMENTS.get(settings.optimizer)
    if known is None:
        return None
    for key in settings.pairs("optimizer_args"):
        if key not in known.split():
            near = difflib.get_close_matches(key, known.split(), n=1)
            return key + (f" ({near[0]}?)" if near else "")
    return None


def _unknown_name(settings: Settings) -> str | None:
    name = settings.text("optimizer_type")
    if not name or name.lower() in {k.lower() for k in KNOWN} or name in TORCH_OPTIMIZERS:
        return None
    if "." in name:
        return None  # told by a refusal of its own
    packaged = BY_PACKAGE.get(name.lower())
    near = [packaged] if packaged else difflib.get_close_matches(name, (*KNOWN, *TORCH_OPTIMIZERS), n=1)
    return name + (f" ({near[0]}?)" if near else "")


def _foreign_class(settings: Settings) -> str | None:
    name = settings.text("optimizer_type")
    is_known = "." not in name or CLASSES.fullmatch(name) is not None
    return None if is_known or settings.trust.is_recipe else name


def _fused(settings: Settings) -> bool:
    is_fit = settings.optimizer == "adafactor" and settings.number("gradient_accumulation_steps") == 1
    return bool(settings.get("fused_backward_pass")) and not is_fit


REFUSALS = (
    Refusal(
        "two-optimizers",
        ("use_8bit_adam", "use_lion_optimizer", "optimizer_type"),
        lambda s: sum(bool(s.get(n)) for n in ("use_8bit_adam", "use_lion_optimizer", "optimizer_type")) > 1,
        Text("more than one optimizer is named", "指定了多个优化器"),
        "both option use_8bit_adam and optimizer_type are specified",
        drop("use_8bit_adam", "use_lion_optimizer"),
    ),
    Refusal(
        "unknown-optimizer",
        ("optimizer_type",),
        _unknown_name,
        Text("the optimizer is not known: {0}", "未知的优化器：{0}"),
        "module 'torch.optim' has no attribute ...",
        Text(f"one of: {', '.join(KNOWN)}", f"可用：{'、'.join(KNOWN)}"),
    ),
    Refusal(
        "foreign-optimizer-class",
        ("optimizer_type",),
        _foreign_class,
        Text(
            "the optimizer class {0} would be imported from an unknown module and run",
            "优化器类 {0} 会从未知模块导入并执行",
        ),
        "",
        Text(
            f"name one that the trainer knows, such as AdamW8bit, or a class of {', '.join(PACKAGES)}; {TRUST_OWN.en}",
            f"请写训练器已知的名称（如 AdamW8bit），或 {'、'.join(PACKAGES)} 中的类；{TRUST_OWN.zh}",
        ),
    ),
    Refusal(
        "optimizer-args-unreadable",
        ("optimizer_args",),
        lambda s: malformed(s, "optimizer_args"),
        Text("an optimizer argument cannot be read: {0}", "无法读取优化器参数：{0}"),
        "malformed node or string / too many values to unpack",
        Text("write Python literals: `True`, `0.1`, `0.9,0.99`", "请写 Python 字面量：`True`、`0.1`、`0.9,0.99`"),
    ),
    Refusal(
        "unknown-optimizer-argument",
        ("optimizer_args",),
        _unknown_argument,
        Text("the optimizer has no argument {0}", "该优化器没有参数 {0}"),
        "TypeError: __init__() got an unexpected keyword argument",
        Text("correct its name or leave it out", "请更正名称或去掉它"),
    ),
    Refusal(
        WRONG_VALUE,
        ("optimizer_args",),
        lambda s: wrong_argument(s.list_of("optimizer_args"), s.optimizer),
        WRONG_VALUE_WHAT,
        "TypeError, in the optimizer or at the first step",
        WRONG_VALUE_FIX,
    ),
    Refusal(
        "fused-backward-needs-adafactor",
        ("fused_backward_pass",),
        _fused,
        Text(
            "`fused_backward_pass` works with AdaFactor and `gradient_accumulation_steps: 1` only",
            "`fused_backward_pass` 只能与 AdaFactor 和 `gradient_accumulation_steps: 1` 一起使用",
        ),
        "fused_backward_pass currently only works with optimizer_type Adafactor",
        drop("fused_backward_pass"),
    ),
)
