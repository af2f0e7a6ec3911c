"""Options of the trainer that a recipe may not set, and why: they send things away, run foreign code, or belong to the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.backends.train_toml import location_of
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.plan.model import Plan

_UPLOAD = Text("it sends files of the run to another machine", "它会把运行文件发送到别的机器")
_SECRET = Text("a secret in a recipe ends up in logs and shared files", "写在配方里的密钥会进入日志和共享文件")
_CODE = Text("it imports and runs code that nobody checked", "它会导入并执行未经检查的代码")
_LAYOUT = Text("the run folder has the data set; the trainer would ignore this", "数据集在运行文件夹中；训练器会忽略它")
_ENDS = Text("it ends the trainer without training, or never ends it", "它会让训练器不训练就结束，或永不结束")
_RESUME = Text("the trainer's own way to resume counts steps wrongly", "训练器自带的续训会把步数算错")
_LAUNCH = Text("it needs another launcher than the one this tool writes", "它需要与本工具不同的启动方式")
_CONSOLE = Text("the console log is read by this tool", "控制台日志由本工具读取")

FORBIDDEN: Mapping[str, Text] = {
    "huggingface_repo_id": _UPLOAD,
    "huggingface_repo_type": _UPLOAD,
    "huggingface_path_in_repo": _UPLOAD,
    "huggingface_repo_visibility": _UPLOAD,
    "save_state_to_huggingface": _UPLOAD,
    "async_upload": _UPLOAD,
    "resume_from_huggingface": _RESUME,
    "huggingface_token": _SECRET,
    "wandb_api_key": _SECRET,
    "wandb_run_name": _UPLOAD,
    "log_tracker_config": _UPLOAD,
    "dataset_class": _CODE,
    "in_json": _LAYOUT,
    "train_data_dir": _LAYOUT,
    "reg_data_dir": _LAYOUT,
    "caption_extention": Text(
        "it is the trainer's old misspelling and overrides `caption_extension`",
        "这是训练器的旧拼写错误，会覆盖 `caption_extension`",
    ),
    "debug_dataset": _ENDS,
    "output_config": _ENDS,
    "config_file": _ENDS,
    "resume": _RESUME,
    "initial_epoch": _RESUME,
    "initial_step": _RESUME,
    "skip_until_initial_step": _RESUME,
    "console_log_file": _CONSOLE,
    "console_log_simple": _CONSOLE,
    "console_log_level": _CONSOLE,
    "log_prefix": Text("the report looks for event files at a known place", "报告在固定位置查找事件文件"),
    "deepspeed": _LAUNCH,
}


def forbidden_problems(plan: Plan, values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the options of the plan that may not be set. An option that is off or empty is left alone."""
    found = []
    for name, why in FORBIDDEN.items():
        if values.get(name) not in (None, False, ""):
            what = Text(f"`{name}` may not be set", f"不能设置 `{name}`")
            found.append(
                Problem("forbidden-option", what, why, Text("leave it out", "请去掉它"), location_of(plan, name))
            )
    if values.get("log_with") in ("wandb", "all"):
        what = Text("`log_with` may only be tensorboard", "`log_with` 只能是 tensorboard")
        fix = Text("leave out `log_with`", "请去掉 `log_with`")
        found.append(Problem("forbidden-option", what, _UPLOAD, fix, location_of(plan, "log_with")))
    return tuple(found)
