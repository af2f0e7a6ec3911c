"""The train TOML: every value of the plan by the trainer's own name, checked against the trainer's own options.

The trainer flattens this file into a namespace and believes it: unknown keys, wrong types and wrong choices pass without
a word. So they are stopped here.
"""

from __future__ import annotations

import difflib
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from orchestrator.backends.argspec import shipped_option_names
from orchestrator.backends.option_values import order_problems, value_problem
from orchestrator.backends.toml_text import lost_values, render
from orchestrator.core.finding import Problem
from orchestrator.core.provenance import Source
from orchestrator.core.text import Text
from orchestrator.plan.owned import OF_THE_PLAN, OWNED, owned_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.argspec import Option
    from orchestrator.core.finding import Location
    from orchestrator.plan.model import Plan

TRAIN_TOML = "train.toml"
DATASET_TOML = "dataset.toml"
SAMPLE_PROMPTS = "sample_prompts.txt"
OUTPUT_DIR = "attempts/001/output"
LOGGING_DIR = "attempts/001/logs"

_COMMENT = "What the trainer is told. Made from recipe.yaml; changes here are lost."
_OURS = ("output_dir", "output_name", "logging_dir", "dataset_config", "sample_prompts")
"""Written here, whatever the plan says."""
_REFUSED_BY_PLAN = frozenset(name for name, owned in OWNED.items() if owned.code == OF_THE_PLAN)


def train_values(plan: Plan, options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the content of the train TOML, sorted by name: the plan's values and the paths inside the run folder.

    Values take the form their option wants: whole numbers become floats, sizes text, mappings `key=value` lists.
    """
    values = {n: to_option_value(options.get(n), n, r.value) for n, r in plan.train.items() if r.value is not None}
    for name in _OURS:
        values.pop(name, None)
    size = plan.dataset_general.get("resolution")
    if size is not None:  # also written into the file's metadata, where the data set TOML is not looked at
        values.setdefault("resolution", to_option_value(None, "resolution", size.value))
    if plan.validation is not None:
        values.setdefault("validation_seed", plan.validation_seed)
    values.setdefault("log_with", "tensorboard")
    values.update(
        output_dir=OUTPUT_DIR, output_name=plan.output_name, logging_dir=LOGGING_DIR, dataset_config=DATASET_TOML
    )
    if plan.prompts:
        values["sample_prompts"] = SAMPLE_PROMPTS
    return dict(sorted(values.items()))


def to_option_value(option: Option | None, name: str, value: Any) -> Any:
    """Return `value` in the form that the option `name` takes in the train TOML."""
    if isinstance(value, PurePath):
        return str(value)
    if name in ("resolution", "face_crop_aug_range") and not isinstance(value, str):
        return ",".join(str(v) for v in value) if isinstance(value, (list, tuple)) else str(value)
    if name in ("optimizer_args", "lr_scheduler_args", "network_args") and hasattr(value, "items"):
        to_text = str if name == "network_args" else _literal
        return [f"{key}={to_text(inner)}" for key, inner in value.items()]
    if isinstance(value, (list, tuple)):
        items = [to_option_value(option, "", inner) for inner in value]
        has_float = any(isinstance(v, float) for v in items) or (option is not None and option.kind == "float")
        return [float(v) if has_float and type(v) is int else v for v in items]
    if option is not None and option.kind == "float" and type(value) is int:
        return float(value)
    return value


def _literal(value: Any) -> str:
    """A Python literal, as the trainer evaluates optimizer arguments: `0.9,0.99`, `True`, `'text'`."""
    if isinstance(value, (list, tuple)):
        return ",".join(repr(v) for v in value) if len(value) > 1 else repr(tuple(value))
    return repr(value)


def option_problems(
    plan: Plan, values: Mapping[str, Any], options: Mapping[str, Option], trainer: str
) -> tuple[Problem, ...]:
    """Return every key of the train TOML that `trainer` does not know, or whose value its own parser would not take."""
    problems: list[Problem] = []
    for name, value in values.items():
        option = options.get(name)
        if option is None:
            problems.append(_unknown(name, plan, options, trainer))
            continue
        wrong = value_problem(option, value)
        if wrong is not None:
            what = Text(f"`{name}` {wrong.en}", f"`{name}` {wrong.zh}")
            why = _STOPS if trainer == plan.family else _UNCHECKED
            problems.append(
                Problem("wrong-option-value", what, why, _value_fix(name, option, value), location_of(plan, name))
            )
    for name, wrong in order_problems(values):
        what = Text(f"`{name}` {wrong.en}", f"`{name}` {wrong.zh}")
        problems.append(
            Problem("wrong-option-value", what, _UNCHECKED, _value_fix(name, options[name]), location_of(plan, name))
        )
    problems += own_key_problems(plan)
    return tuple(problems)


_STOPS = Text("the trainer would stop when it reads its settings", "训练器读取设置时会停止")
_UNCHECKED = Text(
    "the trainer does not check values from a file: it fails late or trains with something else",
    "训练器不检查文件里的值：要么很晚才出错，要么用别的值训练",
)


def _value_fix(name: str, option: Option, value: Any = None) -> Text:
    """What to write instead of a wrong value."""
    words = [word for word in option.choices or () if isinstance(word, str)]
    near = difflib.get_close_matches(value.lower(), words, n=1) if isinstance(value, str) else []
    if near:
        return Text(f"write `{near[0]}`", f"请写 `{near[0]}`")
    if option.default in (None, "", False):
        return Text(f"correct the value, or leave out `{name}`", f"请更正该值，或去掉 `{name}`")
    return Text(
        f"correct the value, or leave out `{name}`: the trainer's own is {option.default!r}",
        f"请更正该值，或去掉 `{name}`：训练器的默认值为 {option.default!r}",
    )


def _unknown(name: str, plan: Plan, options: Mapping[str, Option], trainer: str) -> Problem:
    of_family = Text("", "") if trainer == plan.family else Text(f" for {plan.family}", f"对 {plan.family} ")
    what = Text(f"{trainer} has no option `{name}`{of_family.en}", f"{trainer} {of_family.zh}没有选项 `{name}`")
    why = Text("the trainer would ignore it without a word", "训练器会一声不响地忽略它")
    near = difflib.get_close_matches(name, list(options), n=1)
    if name in shipped_option_names():
        fix = Text("take it out: it is an option for other families", "请删除它：这是其他系列的选项")
    elif near:
        fix = Text(f"write `{near[0]}`", f"请写 `{near[0]}`")
    else:
        fix = Text("take it out", "请删除它")
    return Problem("unknown-option", what, why, fix, location_of(plan, name))


def own_key_problems(plan: Plan) -> list[Problem]:
    """Return the options of the recipe that belong to this tool and may not be set."""
    said = ((n, r) for n, r in plan.train.items() if r.source is not Source.DERIVED and n not in _REFUSED_BY_PLAN)
    found = (owned_problem(name, decided.value, location_of(plan, name)) for name, decided in said)
    return [problem for problem in found if problem is not None]


def location_of(plan: Plan, name: str) -> Location | None:
    """Where the recipe says `name`, if it does."""
    for place in (plan.train, plan.dataset_general):
        if name in place and place[name].where is not None:
            return place[name].where
    return None


def toml_file(values: Mapping[str, Any], plan: Plan, comment: str = _COMMENT) -> tuple[str, tuple[Problem, ...]]:
    """Return `values` as TOML text, and a problem for each value that the trainer's TOML reader would misread."""
    text = render(values, comment)
    problems = []
    for name in lost_values(text, values):
        key = name.rpartition(".")[2]
        what = Text(f"the value of `{name}` cannot be given to the trainer", f"`{name}` 的值无法传给训练器")
        why = Text(
            "its TOML reader (toml 0.10.2) reads something else than what was written",
            "它的 TOML 读取器（toml 0.10.2）读出的内容与写入的不同",
        )
        fix = Text("leave out quotes, backslashes and brackets there", "请去掉其中的引号、反斜杠和括号")
        problems.append(Problem("value-not-sayable", what, why, fix, location_of(plan, key)))
    return text, tuple(problems)
