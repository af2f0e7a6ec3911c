"""Every label of the report and the terminal, in both languages side by side. Texts of rules live in `text/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.text import Language


def label(key: str, language: Language) -> str:
    """Return a label. KeyError for a key that does not exist."""
    return LABELS[key].to(language)


def unseen(names: Iterable[str], language: Language) -> str:
    """Return what was not looked at in words; an unknown name as it is."""
    return ", ".join(label(f"unseen_{name}", language) if f"unseen_{name}" in LABELS else name for name in names)


LABELS: dict[str, Text] = {
    # verdict
    "report": Text("Training report", "训练报告"),
    "foreign": Text("made by another front end", "由其他前端训练"),
    "level_stop": Text("Stop", "停下"),
    "level_fix": Text("Fix", "需修改"),
    "level_watch": Text("Watch", "留意"),
    "level_info": Text("Note", "提示"),
    "level_clear": Text("Nothing fired", "未发现问题"),
    "level_unjudged": Text("Not judged", "未能判断"),
    "worst": Text("Worst finding", "最严重的发现"),
    "next_steps": Text("What to do next", "下一步"),
    "nothing_to_do": Text("No rule asks for a change.", "没有规则要求修改。"),
    "more_below": Text("{count} more below", "下文还有 {count} 条"),
    "in_next": Text("in next.yaml", "已写入 next.yaml"),
    "remove_key": Text("remove", "删除"),
    "confidence": Text("confidence", "把握"),
    "confidence_high": Text("high", "高"),
    "confidence_medium": Text("medium", "中"),
    "confidence_low": Text("low", "低"),
    # facts
    "fact_family": Text("Base model", "底模"),
    "fact_kind": Text("Subject", "主体"),
    "fact_ending": Text("Ended", "结束方式"),
    "fact_steps": Text("Steps", "步数"),
    "fact_time": Text("Time", "用时"),
    "fact_pictures": Text("Pictures", "图片"),
    "fact_final": Text("Final file", "最终文件"),
    "of_planned": Text("{done} of {planned} planned", "{done} / 计划 {planned}"),
    "kind_character": Text("character", "角色"),
    "kind_person": Text("person", "人物"),
    "kind_style": Text("style", "画风"),
    "kind_object": Text("object", "物品"),
    "kind_concept": Text("concept", "概念"),
    "kind_edit": Text("edit", "编辑"),
    "ending_succeeded": Text("finished", "已完成"),
    "ending_failed": Text("failed", "失败"),
    "ending_interrupted": Text("interrupted", "被中断"),
    "ending_stopped": Text("stopped by a rule", "被规则停止"),
    "ending_unknown": Text("unknown", "未知"),
    # charts
    "curves": Text("Curves", "曲线"),
    "chart_loss": Text("Loss", "损失"),
    "chart_validation": Text("Held-out loss", "留出损失"),
    "chart_lr": Text("Learning rate", "学习率"),
    "chart_norms": Text("Size of the update", "权重更新幅度"),
    "axis_step": Text("step", "步"),
    "axis_epoch": Text("epoch", "轮"),
    "not_finite": Text("not finite (NaN/Inf)", "个非有限值（NaN/Inf）"),
    "mark_save": Text("saved at step", "保存于第几步："),
    "mark_final": Text("final file, step", "最终文件，步："),
    "legend_raw": Text("raw, every step", "原始值，逐步"),
    "legend_trend": Text("trend (block medians)", "趋势（分块中位数）"),
    "legend_validation": Text("held-out pictures", "留出图片"),
    "legend_save": Text("saved", "保存点"),
    "note_loss": Text(
        "The scatter is the random timestep of each step, not the model. Only a change of the trend larger than its own "
        "wobble means something.",
        "点的散布来自每步随机抽取的时间步，并非模型本身。只有趋势的变化超过其自身波动时才有意义。",
    ),
    "note_average": Text(
        "Only the trainer's moving average was logged: it hides noise and stays NaN for ever after one NaN.",
        "只记录了训练器的滑动平均：它掩盖噪声，且出现一次 NaN 后一直为 NaN。",
    ),
    "note_validation": Text(
        "Lowest value measured: {value} at {axis} {step}. The lowest loss is not always the best likeness.",
        "测得的最低值：{value}（第 {step} {axis}）。损失最低不一定最像。",
    ),
    "note_validation_nan": Text("No finite value was logged.", "没有记录到有限的值。"),
    "note_lr": Text(
        "How far each step may move the weights; peak {peak}. A run that ends while this is still high ends unsettled.",
        "每一步允许权重移动多少；峰值 {peak}。若结束时仍很高，训练就没有稳定下来。",
    ),
    "note_lr_effective": Text(
        "How far each step may move the weights: d x lr, peak {peak}. The trainer's plain `lr` is only a factor here.",
        "每一步允许权重移动多少：d x lr，峰值 {peak}。此时训练器自己的 `lr` 只是一个系数。",
    ),
    "chart_step_size": Text("Step size found by the optimizer (d)", "优化器找到的步长（d）"),
    "note_step_size": Text(
        "It should rise and then stay. Still rising at the end: the run was too short for this optimizer.",
        "它应先上升后保持不变。结束时仍在上升：对该优化器来说训练太短。",
    ),
    "note_norms": Text(
        "Root mean square of what the LoRA adds to the weights, per module group, at each saved file. Steady growth is usual; a leap "
        "or a flat line is not.",
        "每个保存的文件中 LoRA 加到权重上的均方根，按模块分组。稳步增长是正常的；突变或水平线则不是。",
    ),
    "legend_window": Text("files to try", "建议尝试的文件"),
    "describe_loss": Text(
        "{points} points from step {first} to {last}; block medians go from {start} to {end}; {bad} values are not finite.",
        "第 {first} 至 {last} 步共 {points} 个点；分块中位数从 {start} 到 {end}；{bad} 个值不是有限数。",
    ),
    "describe_points": Text(
        "{points} points from step {first} to {last}; {bad} values are not finite.",
        "第 {first} 至 {last} 步共 {points} 个点；{bad} 个值不是有限数。",
    ),
    "tool_log": Text("logarithmic axis", "对数坐标"),
    "tool_in": Text("closer", "放大"),
    "tool_out": Text("wider", "缩小"),
    "tool_reset": Text("whole run", "全程"),
    "tool_toggle": Text("show or hide", "显示或隐藏"),
    "chart_hint": Text(
        "Point at a chart, or move in it with the arrow keys, to read its values; drag to look closer, double-click to see the whole "
        "run again; click a name to hide its curve.",
        "将指针移到图上，或用方向键，即可读取数值；拖动可放大，双击恢复全程；点击名称可隐藏曲线。",
    ),
    "chart_numbers": Text("Numbers of this chart", "此图的数值"),
    "chart_keys": Text(
        "Arrow keys read values, plus and minus zoom, Escape resets.", "方向键读取数值，加减号缩放，Esc 复原。"
    ),
    "not_drawn": Text("Not drawn", "未绘制"),
    "axis_timestep": Text("timestep", "时间步"),
    "no_curves": Text("Nothing was logged that could be drawn.", "没有可绘制的记录。"),
    # samples
    "samples": Text("Samples", "样图"),
    "sample_of": Text("Sample of prompt {prompt} at {column}", "提示词 {prompt} 的样图，{column}"),
    "at_step": Text("step {step}", "第 {step} 步"),
    "at_epoch": Text("epoch {epoch}", "第 {epoch} 轮"),
    "at_unknown": Text("step unknown", "步数未知"),
    "before_training": Text("before training", "训练前"),
    "prompt_n": Text("Prompt {number}", "提示词 {number}"),
    "seed": Text("seed", "种子"),
    "no_samples": Text("No sample pictures were drawn.", "没有生成样图。"),
    "samples_thinned": Text("{shown} of {total} pictures are shown.", "共 {total} 张，显示 {shown} 张。"),
    "sample_absent": Text("file missing", "文件缺失"),
    "sample_unreadable": Text("unreadable", "无法读取"),
    "sample_none": Text("not drawn", "未生成"),
    # pictures
    "pictures": Text("Pictures", "图片"),
    "pictures_shown": Text(
        "{shown} of {total} pictures, hardest first.", "共 {total} 张，显示 {shown} 张，最难的在前。"
    ),
    "col_picture": Text("Picture", "图片"),
    "col_why_shown": Text("Shown because", "显示原因"),
    "col_effect": Text("Loss against the usual", "相对通常的损失"),
    "col_exposures": Text("Times shown", "出现次数"),
    "small_picture": Text("training picture {name}", "训练图片 {name}"),
    # checkpoints
    "use_these": Text("Use these checkpoints", "使用这些检查点"),
    "place_left": Text("earliest", "最早"),
    "place_middle": Text("try first", "先试"),
    "place_right": Text("latest", "最晚"),
    "against_base": Text("against the base model", "与底模相比"),
    # against another run
    "never_trained": Text("never trained", "从未训练"),
    "compared": Text("Against the run before", "与上一次训练相比"),
    "col_what": Text("What differs", "不同之处"),
    "state": Text("what became of it", "结果"),
    "kind_of_recipe": Text("recipe", "配方"),
    "kind_of_decided": Text("decided", "推导"),
    "kind_of_data": Text("data", "数据"),
    "kind_of_versions": Text("version", "版本"),
    "data_pictures": Text("pictures trained on", "训练图片数"),
    "data_held_out_pictures": Text("pictures held out", "留出图片数"),
    "data_reg_pictures": Text("regularisation pictures", "正则化图片数"),
    "data_picture_names": Text("which pictures (fingerprint of the names)", "哪些图片（文件名指纹）"),
    "data_caption_texts": Text("what the captions say (fingerprint)", "标注内容（指纹）"),
    "because": Text("Because:", "依据："),
    # rules
    "rule_page": Text("What this rule looks for, and when it is wrong", "此规则检查什么，何时会误判"),
    "checkpoints": Text("Checkpoints", "检查点"),
    "no_checkpoints": Text("No network file was found.", "没有找到网络文件。"),
    "in_folder": Text("In {folder}", "位于 {folder}"),
    "col_file": Text("File", "文件"),
    "col_step": Text("Step", "步"),
    "col_epoch": Text("Epoch", "轮"),
    "col_size": Text("Size", "大小"),
    "col_state": Text("State", "状态"),
    "col_norms": Text("Update (RMS)", "更新幅度（RMS）"),
    "final": Text("final", "最终"),
    "state_fine": Text("all finite", "全部有限"),
    "state_unreadable": Text("unreadable", "无法读取"),
    "state_nonfinite": Text("{count} tensors with NaN/Inf", "{count} 个张量含 NaN/Inf"),
    "state_zero": Text("all zero: nothing was learned", "全为零：什么都没学到"),
    "state_some_zero": Text("{count} of {total} modules never moved", "{total} 个模块中有 {count} 个未变化"),
    # dataset
    "dataset": Text("Data set", "数据集"),
    "no_dataset": Text("The training pictures were not looked at.", "没有查看训练图片。"),
    "col_folder": Text("Folder", "文件夹"),
    "col_pictures": Text("Pictures", "图片"),
    "col_repeats": Text("Repeats", "重复"),
    "col_captions": Text("Captions", "标注"),
    "col_sizes": Text("Sizes", "尺寸"),
    "col_role": Text("Role", "用途"),
    "role_train": Text("training", "训练"),
    "role_reg": Text("regularisation", "正则化"),
    "and_held_out": Text("{trained} + {held} held out", "{trained} + {held} 张留出"),
    "role_validation": Text("held out", "留出"),
    "buckets": Text("Buckets", "分桶"),
    "bucket_line": Text("{width} x {height}: {samples} samples per epoch", "{width} x {height}：每轮 {samples} 个样本"),
    "exposures": Text(
        "One picture is seen {exposures} times in the whole run.", "整个训练中每张图平均被看到 {exposures} 次。"
    ),
    "not_looked_at": Text("Not looked at:", "未查看："),
    "problems_seen": Text("{count} with a problem", "{count} 个有问题"),
    # findings
    "findings": Text("Findings", "发现"),
    "fired_none": Text("No rule fired.", "没有规则触发。"),
    "ignored": Text("Ignored by the recipe", "配方中忽略"),
    "ignored_reason": Text("Your reason:", "你的理由："),
    "clear": Text("Looked at and clear", "已检查，无问题"),
    "why": Text("Why", "原因"),
    "fix": Text("Fix", "修改"),
    "where": Text("Where", "位置"),
    "col_evidence": Text("Measured", "测得"),
    "col_value": Text("Value", "数值"),
    "col_limit": Text("Limit", "界限"),
    "col_source": Text("Source", "来源"),
    "col_key": Text("Key", "键"),
    "col_before": Text("Before", "原值"),
    "col_after": Text("After", "新值"),
    "advised": Text("advised, not applied", "仅建议，未写入"),
    # not judged
    "not_judged": Text("What could not be judged", "未能判断的内容"),
    "everything_judged": Text("Every rule that applies could decide.", "所有适用的规则都得出了结论。"),
    "would_decide": Text("What would decide it:", "怎样才能判断："),
    "missing": Text("Missing sources", "缺失的来源"),
    "damage": Text("Damaged sources, read around; notes of the recorder", "损坏的来源（已绕过读取）；记录器的说明"),
    # plan
    "plan": Text("Plan", "计划"),
    "no_plan": Text("This run was not planned by this tool.", "这次训练不是由本工具规划的。"),
    "steps_sum": Text("How the steps come about", "步数的由来"),
    "all_settings": Text("All settings and their reasons", "全部设置及其理由"),
    "known_settings": Text("Settings read from the run", "从训练中读到的设置"),
    "col_setting": Text("Setting", "设置"),
    "col_source_of": Text("Decided by", "由谁决定"),
    "col_because": Text("Because", "理由"),
    "source_derived": Text("planner", "规划器"),
    "source_preset": Text("preset", "预设"),
    "source_recipe": Text("recipe", "配方"),
    "source_command line": Text("command line", "命令行"),
    # run
    "how_it_ended": Text("How it ended", "如何结束"),
    "last_lines": Text("Last lines of the trainer", "训练器的最后几行"),
    "command": Text("Command", "命令"),
    "no_command": Text("The command is not known.", "命令未知。"),
    "versions": Text("Versions", "版本"),
    "modified": Text("changed locally", "有本地修改"),
    "recipe": Text("Recipe", "配方"),
    "no_recipe": Text("There is no recipe of this tool for this run.", "这次训练没有本工具的配方。"),
    "next_recipe": Text("Next recipe", "下一份配方"),
    "next_later": Text("Not made, for later, one at a time:", "未改，留待以后逐项尝试："),
    "next_diff": Text("What changes from this recipe to the next", "从这份配方到下一份的改动"),
    "no_next": Text(
        "No rule proposes a change that is safe to apply by itself.", "没有规则提出可以自动应用的安全修改。"
    ),
    "notes": Text("Notes", "备注"),
    "made_with": Text(
        "Made by lora-run {version}. This page loads nothing and sends nothing.",
        "由 lora-run {version} 生成。本页不加载也不发送任何内容。",
    ),
    # terminal
    "term_step": Text("step", "步"),
    "term_left": Text("{time} left", "剩余 {time}"),
    "term_loss": Text("loss", "损失"),
    "term_report": Text("report", "报告"),
    "term_next": Text("next recipe", "下一份配方"),
    "term_ok": Text("ok", "正常"),
    "term_fix": Text("fix", "修改"),
    "term_limit": Text("limit", "界限"),
    "term_rules": Text("rules", "规则"),
    "term_errors": Text("{count} mistakes", "{count} 处错误"),
    "term_error": Text("1 mistake", "1 处错误"),
    "term_inconclusive": Text("could not decide: {count}", "无法判断：{count}"),
    "term_clear": Text("clear: {count}", "无问题：{count}"),
    "term_ignored": Text("ignored by the recipe: {count}", "被配方忽略：{count}"),
    "term_needs": Text("Needs", "需要"),
    "plan_folders": Text("Folders", "文件夹"),
    "plan_dataset": Text("Data set options", "数据集选项"),
    "plan_train": Text("Training options", "训练选项"),
    "plan_samples": Text("Sample prompts", "样图提示词"),
    "unseen_pixels": Text("pixels (`lora-run dataset check` does)", "像素（由 `lora-run dataset check` 查看）"),
    "unseen_copies": Text("copies (`lora-run dataset check` does)", "副本（由 `lora-run dataset check` 比较）"),
    "unseen_pictures": Text("the pictures", "图片"),
    "unseen_captions": Text("the captions", "标注"),
}
