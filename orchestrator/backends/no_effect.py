"""The warning about a value that somebody wrote and that changes nothing (R002)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity, Status
from orchestrator.core.provenance import Source
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan, Resolved

_IN_METADATA = Text(
    "the trainer takes it, writes it into the file's metadata and does nothing with it",
    "训练器接受它、写入文件元数据，但不做任何事",
)
_LEFT_OUT = Text(
    "the trainer is not told of it: the run is not what the recipe says", "不会告诉训练器：实际训练与配方所写不同"
)


def no_effect(name: str, decided: Resolved, because: Text, why: Text = _IN_METADATA) -> Finding:
    """Return the warning that `name`, as `decided` says it, has no effect; `because` ends the sentence."""
    key = decided.key
    return Finding(
        rule="R002",
        name="no-effect-option",
        status=Status.FIRED,
        severity=Severity.WATCH,
        confidence=Confidence.HIGH,
        message=Text(f"`{name}` has no effect: {because.en}", f"`{name}` 没有作用：{because.zh}"),
        why=why,
        evidence=(Evidence(same(name), _shown(decided.value), source=key or name),),
        fix=Fix(
            _leave_out(name, decided),
            (Change(key, None, decided.value, is_safe=True),) if key else (),
        ),
        where=decided.where,
    )


def _leave_out(name: str, decided: Resolved) -> Text:
    """How to do without the value: what a preset says is taken back in the recipe, the preset is not to be changed."""
    section, _, key = decided.key.rpartition(".")
    if decided.source is not Source.PRESET or not section:
        return Text(f"leave out `{name}`", f"请去掉 `{name}`")
    return Text(
        f"the preset says it; write `{key}: null` under `{section}:` to take it back",
        f"这是预设的值；在 `{section}:` 下写 `{key}: null` 即可取消",
    )


def unused_values(plan: Plan) -> tuple[Finding, ...]:
    """Return a warning for each value of the recipe that the plan leaves out. One that is off misleads nobody."""
    return tuple(no_effect(u.name, u.given, u.because, _LEFT_OUT) for u in plan.unused if not is_off(u.given.value))


RATE_NEEDS = Text(
    "`unet_lr` or `text_encoder_lr` to be left out; both are decided here",
    "省略 `unet_lr` 或 `text_encoder_lr`；这里两者都已确定",
)
"""What `learning_rate` needs to have an effect, in any family."""


def stands_in(plan: Plan) -> bool:
    """Whether one of the two rates was left out, so that `learning_rate` is taken for it."""
    rates = (plan.train.get(name) for name in ("unet_lr", "text_encoder_lr"))
    return any(rate is not None and rate.key == "train.learning_rate" for rate in rates)


def is_off(value: object) -> bool:
    """Whether a value switches its option off: that misleads nobody, where the option has no effect."""
    return not any(value) if isinstance(value, (list, tuple)) else not value


def _shown(value: object) -> float | int | str | bool | None:
    return value if isinstance(value, (float, int, str, bool)) or value is None else str(value)
