"""Options of the trainers that no recipe may set, why, and what to write instead. The one table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.core.finding import Location

OF_THE_PLAN = "not-a-trainer-arg"
OF_THE_RUN = "option-of-the-run"
FORBIDDEN = "forbidden-option"
_SAID: Mapping[str, tuple[str, str]] = {
    OF_THE_PLAN: ("`{0}` is decided by the plan", "`{0}` 由计划决定"),
    OF_THE_RUN: ("`{0}` is decided by the run folder", "`{0}` 由训练文件夹决定"),
    FORBIDDEN: ("`{0}` may not be set", "不能设置 `{0}`"),
}


@dataclass(frozen=True, slots=True)
class Owned:
    """One option that is not the recipe's."""

    code: str
    """Code of the problem."""
    why: Text
    fix: Text


_LEAVE_OUT = Text("leave it out", "请去掉它")
UPLOADS = Text("it sends files of the run to another machine", "它会把运行文件发送到别的机器")
_SECRET = Text("a secret in a recipe ends up in logs and shared files", "写在配方里的密钥会进入日志和共享文件")
_CODE = Text("it imports and runs code that nobody checked", "它会导入并执行未经检查的代码")
_ENDS = Text("it ends the trainer without training, or never ends it", "它会让训练器不训练就结束，或永不结束")
_RESUME = Text(
    "going on is this tool's business: the trainer's own way counts steps wrongly",
    "续训由本工具负责：训练器自带的方式会把步数算错",
)
_CONSOLE = Text("the console log is read by this tool", "控制台日志由本工具读取")
_REPORT = Text("the report looks for everything there", "报告只在那里查找所有内容")
_HOLD_OUT = Text("write `validate.hold_out`", "请写 `validate.hold_out`")


def _all(code: str, why: Text, fix: Text | None, *names: str) -> dict[str, Owned]:
    return dict.fromkeys(names, Owned(code, why, fix or _LEAVE_OUT))


OWNED: Mapping[str, Owned] = {
    **_all(
        OF_THE_PLAN,
        Text(
            "the length is written in whole epochs: with a number of steps a resumed run would overshoot, and the trainer would stop in mid-epoch",
            "长度按整轮写入：写步数会使续训超出，且训练器会在一轮中途停止",
        ),
        Text("write `train.target_steps` or `train.max_train_epochs`", "请写 `train.target_steps` 或 `train.max_train_epochs`"),
        "max_train_steps",
    ),
    **_all(
        OF_THE_PLAN,
        Text("the trainer would measure other pictures each time", "训练器每次会测不同的图片"),
        _HOLD_OUT,
        "max_validation_steps",
    ),
    **_all(
        OF_THE_PLAN,
        Text("the trainer's own split leaks pictures by rounding", "训练器自己的划分会因取整泄漏图片"),
        _HOLD_OUT,
        "validation_split",
    ),
    **_all(
        OF_THE_PLAN,
        Text("the run's data set is made from `concepts`", "运行的数据集由 `concepts` 生成"),
        Text("write the folder under `concepts`", "请在 `concepts` 下写文件夹"),
        "train_data_dir", "reg_data_dir", "in_json", "dataset_config", "dataset_repeats",
    ),
    **_all(
        OF_THE_RUN,
        _REPORT,
        Text(
            "take it out; `name` names the files, `save.runs_dir` the place",
            "请删除它；文件名由 `name`、位置由 `save.runs_dir` 决定",
        ),
        "output_dir", "output_name", "logging_dir", "log_prefix",
    ),
    **_all(
        OF_THE_RUN, _REPORT, Text("write `sample.prompts`", "请写 `sample.prompts`"), "sample_prompts"
    ),
    **_all(
        FORBIDDEN, UPLOADS, None,
        "huggingface_repo_id", "huggingface_repo_type", "huggingface_path_in_repo", "huggingface_repo_visibility",
        "save_state_to_huggingface", "async_upload", "wandb_run_name", "log_tracker_config",
    ),
    **_all(FORBIDDEN, _SECRET, None, "huggingface_token", "wandb_api_key"),
    **_all(FORBIDDEN, _CODE, None, "dataset_class"),
    **_all(
        FORBIDDEN,
        Text(
            "it is the trainer's old misspelling and overrides `caption_extension`",
            "这是训练器的旧拼写错误，会覆盖 `caption_extension`",
        ),
        Text("write `caption_extension` of the concept", "请写概念的 `caption_extension`"),
        "caption_extention",
    ),
    **_all(FORBIDDEN, _ENDS, None, "debug_dataset", "output_config"),
    **_all(
        FORBIDDEN,
        Text("the train TOML is written by this tool; a second one would not be read", "训练 TOML 由本工具写出；第二个不会被读取"),
        Text("write its options under `trainer_args`", "请把其中的选项写在 `trainer_args` 下"),
        "config_file",
    ),
    **_all(
        FORBIDDEN, _RESUME, None,
        "resume", "resume_from_huggingface", "initial_epoch", "initial_step", "skip_until_initial_step",
    ),
    **_all(FORBIDDEN, _CONSOLE, None, "console_log_file", "console_log_simple", "console_log_level"),
    **_all(
        FORBIDDEN,
        Text("it needs another launcher than the one this tool writes", "它需要与本工具不同的启动方式"),
        None,
        "deepspeed",
    ),
}  # fmt: skip


def owned_problem(name: str, value: object, where: Location | None) -> Problem | None:
    """Return the problem of a recipe that sets `name`; None where it may. A forbidden option that is off is let pass."""
    owned = OWNED.get(name)
    if owned is None or (owned.code == FORBIDDEN and value in (None, False, "")):
        return None
    en, zh = _SAID[owned.code]
    what = Text(en.replace("{0}", name), zh.replace("{0}", name))
    return Problem(owned.code, what, owned.why, owned.fix, where)
