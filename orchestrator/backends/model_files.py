"""Are the model files there, whole, and of the family? From their headers; the trainer would say so after minutes, or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.backends.model_family import LABELS, family_of_file, family_of_folder
from orchestrator.backends.pickles import (
    FILE_OPTIONS,
    LIST_OPTIONS,
    PICKLE_CODE,
    PICKLE_FIX_OR_TRUST,
    PICKLE_SUFFIXES,
    PICKLE_WHAT,
    SAFE_SUFFIXES,
    is_opened_as_pickle,
    pickles_in_folder,
    suffix_of,
)
from orchestrator.core.finding import Problem
from orchestrator.core.refusal import reason_of
from orchestrator.core.safetensors_header import TensorFileError, read_header
from orchestrator.core.source_unreadable import why_unreadable
from orchestrator.core.text import Text
from orchestrator.core.trust import NOTHING_TRUSTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

    from orchestrator.core.trust import Trust
    from orchestrator.plan.model import Plan, Resolved

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_BASE = "pretrained_model_name_or_path"


def missing_files(plan: Plan, trust: Trust = NOTHING_TRUSTED) -> tuple[Problem, ...]:
    """Return a problem for each model file of the plan that is not there, cannot be one, would run code, or is of another family.

    Reads the header of each file, never a number. What the user trusts by its content is not asked.
    """
    found: list[Problem] = []
    for option, resolved, value in _named(plan):
        pickle = _pickle(plan.family, option, value, trust)
        text = _trouble(plan.family, value) if pickle is None else None
        if pickle is not None:
            found.append(_would_run_code(option, pickle, resolved))
        elif text is not None:
            found.append(_problem(option, value, resolved, text))
        elif _is_fetched(plan.family, value) and not trust.is_recipe:
            found.append(_from_the_network(option, value, resolved))
        elif option == _BASE and (looks := _other_family(plan.family, value)) is not None:
            found.append(_of_another_family(plan.family, value, resolved, looks))
    return tuple(found)


def not_looked_at(plan: Plan) -> tuple[Text, ...]:
    """Return a line for each model that the trainer is to fetch from Hugging Face: nothing of it could be checked."""
    return tuple(
        Text(
            f"`{option}`: {value} is taken as a model of Hugging Face and was not looked at; the trainer fetches it",
            f"`{option}`：{value} 视为 Hugging Face 上的模型，未作检查；由训练器下载",
        )
        for option, _, value in _named(plan)
        if _is_fetched(plan.family, value)
    )


def _named(plan: Plan) -> Iterator[tuple[str, Resolved, str]]:
    for option in FILE_OPTIONS:
        resolved = plan.train.get(option)
        if resolved is not None:
            is_list = isinstance(resolved.value, (list, tuple))
            values = resolved.value if is_list else (resolved.value,)
            if is_list == (option in LIST_OPTIONS):  # a wrong type and a pickle are told by the compiler
                yield from ((option, resolved, value) for value in values if _may_be_named(value))


def _may_be_named(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and suffix_of(value) not in PICKLE_SUFFIXES


def _is_hub_id(value: str) -> bool:
    return not Path(value).is_absolute() and _HUB_ID.fullmatch(value) is not None


def _is_there(value: str) -> bool:
    """Whether there is such a file or folder; a name that no file can have is none."""
    return os.path.exists(value)  # noqa: PTH110  Path.exists raises where a name is too long


def _is_fetched(family: str, value: str) -> bool:
    """Whether the trainer would fetch this model from Hugging Face."""
    return family != "pocket" and _is_hub_id(value) and not _is_there(value)


def _pickle(family: str, option: str, value: str, trust: Trust) -> Path | None:
    """Return what the trainer would open as a pickle of the file or folder `value`, unless it is trusted. Pocket opens none."""
    path = Path(value)
    if family == "pocket" or not _is_there(value):
        return None
    if path.is_dir():
        found = pickles_in_folder(path) if _is_model_folder(path) else ()  # any other folder is refused as none
        return next((one for one in found if str(one) not in trust.files), None)
    return path if is_opened_as_pickle(family, option, value) and value not in trust.files else None


def _other_family(family: str, value: str) -> str | None:
    """What the base model looks like, where that is clearly not `family`."""
    path = Path(value)
    if family == "pocket" or not _is_there(value):
        return None
    try:
        looks = family_of_folder(path) if path.is_dir() else family_of_file(path)
    except OSError:
        return None
    return None if looks in (None, family) else looks


def _of_another_family(family: str, value: str, resolved: Resolved, looks: str) -> Problem:
    name = Path(value).name
    if looks == "lora":
        fix = Text("name the base model itself", "请指定底模本身")
    else:
        fix = Text(
            f"write `base_model.family: {looks}`, or name a base model of {family}",
            f"请写 `base_model.family: {looks}`，或指定 {family} 的底模",
        )
    return Problem(
        "model-of-another-family",
        Text(
            f"{name} looks like {LABELS[looks]}, not like {LABELS[family]}",
            f"{name} 看起来是 {LABELS[looks]}，不是 {LABELS[family]}",
        ),
        Text("its layers do not fit: the trainer would stop while loading it", "其层结构不符：训练器会在加载时停止"),
        fix,
        resolved.where,
    )


def _trouble(family: str, value: str) -> Text | None:
    """What is wrong with the file or folder `value`; None when it may be right. Hub ids and pocket's own base pass."""
    path = Path(value)
    if family == "pocket" and value == "pocket":
        return None
    if (unreachable := _unreachable(path)) is not None:
        return unreachable
    if path.is_dir():
        if _is_model_folder(path) or family == "pocket":
            return None
        return Text("it is a folder, but not a model in diffusers layout", "它是文件夹，但不是 diffusers 格式的模型")
    if not path.is_file():
        return None if _is_hub_id(value) else Text("there is no such file", "没有这个文件")
    return _bad_safetensors(path) if suffix_of(value) in SAFE_SUFFIXES or family == "pocket" else None


def _is_model_folder(path: Path) -> bool:
    return (path / "model_index.json").is_file() or (path / "config.json").is_file()


def _unreachable(path: Path) -> Text | None:
    """Why nothing can be asked of `path`: a name too long for any file, a folder that may not be looked into."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return why_unreadable(error)[0]
    except ValueError:
        return Text("no file can have this name", "这不是合法的文件名")
    return None


def _bad_safetensors(path: Path) -> Text | None:
    try:
        read_header(path)
    except TensorFileError as error:
        why = error.text
        if error.may_be_sound:
            return Text(f"it cannot be checked: {why.en}", f"无法检查：{why.zh}")
        return Text(f"it is no whole safetensors file: {why.en}", f"它不是完整的 safetensors 文件：{why.zh}")
    except OSError as error:
        why = reason_of(error)
        return Text(f"it cannot be read: {why.en}", f"无法读取：{why.zh}")
    return None


def _would_run_code(option: str, pickle: Path, resolved: Resolved) -> Problem:
    return Problem(
        PICKLE_CODE,
        Text(
            PICKLE_WHAT.en.replace("{0}", f"{option}: {pickle}"), PICKLE_WHAT.zh.replace("{0}", f"{option}：{pickle}")
        ),
        why=Text(
            "the trainer reads safetensors from files of that name only, all others with `torch.load`",
            "训练器只把以此为后缀的文件当作 safetensors 读取，其余都用 `torch.load` 打开",
        ),
        fix=PICKLE_FIX_OR_TRUST,
        where=resolved.where,
    )


def _from_the_network(option: str, value: str, resolved: Resolved) -> Problem:
    return Problem(
        "model-from-the-network",
        Text(
            f"`{option}`: {value} would be fetched from Hugging Face by the trainer",
            f"`{option}`：{value} 会由训练器从 Hugging Face 下载",
        ),
        why=Text(
            "nothing of it can be checked before the run: it may hold pickles, and be another one tomorrow",
            "训练前无法检查其内容：里面可能有 pickle，明天也可能换成别的内容",
        ),
        fix=Text(
            "download it and write the path of its file or folder; or, if the recipe is yours, `lora-run trust RECIPE`",
            "请先下载，再写其文件或文件夹的路径；若配方是你自己的，也可 `lora-run trust 配方`",
        ),
        where=resolved.where,
    )


def _problem(option: str, value: str, resolved: Resolved, text: Text) -> Problem:
    name = Path(value).name
    return Problem(
        "model-file",
        Text(f"`{option}`: {name}: {text.en}", f"`{option}`：{name}：{text.zh}"),
        why=Text("the trainer would find out only after minutes of loading", "训练器要加载几分钟后才会发现"),
        fix=Text(
            "correct the path (relative paths start at the recipe file) or download the file again",
            "改正路径（相对路径从配方文件所在处算起），或重新下载该文件",
        ),
        where=resolved.where,
    )
