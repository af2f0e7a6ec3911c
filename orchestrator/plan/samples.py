"""Sample pictures and saved files: when, and what is drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.text import Text, plural
from orchestrator.plan.checkpoints import are_open, by_options, every_for, files_of, others_of
from orchestrator.plan.model import Prompt
from orchestrator.plan.state_points import longest_between_states

if TYPE_CHECKING:
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import Resolved, StepPlan
    from orchestrator.recipe.model import SamplePrompt

DEFAULT_CHECKPOINTS = 10
DEFAULT_SEED = 42
MOST_VALIDATIONS = 30


def decide_saving(draft: Draft, steps: StepPlan, *, is_validated: bool) -> None:
    """Write how often files are kept, samples drawn and held-out pictures measured."""
    recipe = draft.recipe
    draft.train["save_every_n_epochs"] = _save_every(draft, steps)
    draft.train["save_model_as"] = draft.derive(
        "safetensors", Text("holds numbers only, no code", "只含数据，不含代码")
    )
    draft.train["log_with"] = draft.derive("tensorboard", Text("the diagnosis reads these logs", "诊断读取该日志"))
    if is_validated:
        every = max(1, math.ceil(steps.epochs / MOST_VALIDATIONS))
        draft.train["validate_every_n_epochs"] = draft.choose(
            recipe.validate_.validate_every_n_epochs, "validate.validate_every_n_epochs", every,
            Text(f"{plural(steps.epochs, 'epoch', 'epochs')}: a point every {every} shows where the held-out loss turns; step validation mixes in its own past",
                 f"共 {steps.epochs} 轮：每 {every} 轮一个点可看出验证损失的拐点；按步验证会混入旧值"),
        )  # fmt: skip
    else:
        draft.leave_out(
            recipe.validate_.validate_every_n_epochs, "validate.validate_every_n_epochs",
            Text("no pictures are held out", "没有留出图片"),
        )  # fmt: skip


def decide_samples(draft: Draft, epochs: int) -> tuple[Prompt, ...]:
    """Return the prompts with nothing left open, and write when they are drawn. None are drawn for an empty list."""
    sample, facts = draft.recipe.sample, draft.facts
    given = _default_prompts(draft) if sample.prompts is None else list(sample.prompts)
    places = [None if sample.prompts is None else draft.where(f"sample.prompts[{i}]") for i in range(len(given))]
    prompts = tuple(replace(_prompt(draft, p), where=place) for p, place in zip(given, places, strict=True))
    if not prompts:
        for name in ("sample_every_n_epochs", "sample_at_first", "sample_sampler"):
            draft.leave_out(getattr(sample, name), f"sample.{name}", Text("there are no prompts", "没有提示词"))
        return ()
    save_every = min(draft.train["save_every_n_epochs"].value, epochs)
    every, others = _draw_every(draft, save_every, epochs), others_of(draft)
    because = _beside(every, epochs, others) if others else _drawn_with(every // save_every, every, epochs)
    draft.train["sample_every_n_epochs"] = draft.choose(
        sample.sample_every_n_epochs,
        "sample.sample_every_n_epochs",
        every,
        because,
    )
    draft.train["sample_at_first"] = draft.choose(
        sample.sample_at_first, "sample.sample_at_first", default=True,
        because=Text("shows what the base model does by itself", "显示基础模型本身的效果"),
    )  # fmt: skip
    if facts.sample_sampler is not None:
        draft.train["sample_sampler"] = draft.choose(
            sample.sample_sampler, "sample.sample_sampler", facts.sample_sampler,
            Text("adds no noise of its own: pictures of different steps can be compared", "自身不加噪声：不同步数的样图可比"),
        )  # fmt: skip
    else:
        draft.pass_on("sample_sampler", sample.sample_sampler, "sample.sample_sampler")
    return prompts


def _save_every(draft: Draft, steps: StepPlan) -> Resolved:
    """Return how often files are kept. Where the recipe leaves it open, often enough for a crash to lose little."""
    save, epochs = draft.recipe.save, steps.epochs
    if save.checkpoints is not None and save.save_every_n_epochs is None:
        every = every_for(epochs, save.checkpoints)
        return draft.given(every, "save.checkpoints", _divided(epochs, every, _wanted(save.checkpoints)))
    every = _usual_every(epochs, epochs)
    others = others_of(draft)
    because = _beside(every, epochs, others) if others else _divided(epochs, every, _wanted(DEFAULT_CHECKPOINTS))
    longest = longest_between_states(steps.steps_per_epoch, steps.total_steps)
    if every > longest and are_open(draft) and save.save_state is not False:
        every = _usual_every(epochs, longest)  # at most 40 files: two of them lie further apart than the allowed loss
        lost, total = every * steps.steps_per_epoch, steps.total_steps
        because = _divided(epochs, every, Text(
            f"a state comes with each: a crash loses at most {lost} of {total} steps",
            f"每个都附带训练状态：崩溃最多损失 {total} 步中的 {lost} 步",
        ))  # fmt: skip
    return draft.choose(save.save_every_n_epochs, "save.save_every_n_epochs", every, because)


def _beside(every: int, epochs: int, others: list[str]) -> Text:
    too = by_options(others)
    return Text(f"every {every} of {epochs} epochs; {too.en}", f"共 {epochs} 轮，每 {every} 轮一次；{too.zh}")


def _wanted(files: int) -> Text:
    return Text(f"wanted {files}", f"期望 {files} 个")


def _divided(epochs: int, every: int, because: Text) -> Text:
    files = files_of(epochs, every)
    return Text(
        f"{plural(epochs, 'epoch', 'epochs')} / {every} = {plural(files, 'file', 'files')}, {because.en}",
        f"{epochs} 轮 / {every} = {files} 个文件，{because.zh}",
    )


def _usual_every(epochs: int, most: int) -> int:
    """Return the interval up to `most` for about ten files. A last file with pictures of its own is worth two files more or less."""

    def cost(every: int) -> tuple[int, int]:
        return abs(files_of(epochs, every) - DEFAULT_CHECKPOINTS) + (2 if epochs % every else 0), every

    return min(range(1, most + 1), key=cost)


def _draw_every(draft: Draft, save_every: int, epochs: int) -> int:
    """Return how often samples are drawn: with each file, but about ten times where files are there for their states' sake.

    Drawing takes minutes. The final file's pictures are worth eight drawings more or less.
    """
    if not are_open(draft):
        return save_every

    def cost(every: int) -> tuple[int, int]:
        return abs(epochs // every - DEFAULT_CHECKPOINTS) + (8 if epochs % every else 0), every

    return min(range(save_every, epochs + 1, save_every), key=cost)


def _drawn_with(saves: int, every: int, epochs: int) -> Text:
    """Samples follow the saves: where the interval does not divide the epochs, the trainer draws none for the final file."""
    when = (
        Text("at every save", "每次保存时")
        if saves == 1
        else Text(f"once in {saves} saves", f"每保存 {saves} 次生成一次样图")
    )
    if epochs % every == 0:
        whose = (
            Text("each file has its pictures", "每个文件都有对应样图")
            if saves == 1
            else Text("the final file has pictures of its own", "最终文件有对应样图")
        )
        return Text(f"{when.en}: {whose.en}", f"{when.zh}：{whose.zh}")
    last = epochs - epochs % every
    return Text(
        f"{when.en}; the final file, after epoch {epochs}, has none: the last are of epoch {last}",
        f"{when.zh}；最终文件（第 {epochs} 轮后）没有样图：最后一批属于第 {last} 轮",
    )


def _default_prompts(draft: Draft) -> list[str]:
    """Return prompts with the trigger, with it in another setting, and without it: what leaks into the class shows there."""
    subject = draft.recipe.subject
    trigger, tokens = subject.trigger, subject.class_tokens
    called = ", ".join(word for word in (trigger, tokens) if word)
    plain = tokens or ("a landscape" if subject.kind == "style" else "a photo")
    if not called:
        return [plain, f"{plain}, in a forest, daylight", f"{plain}, at night"]
    return [called, f"{called}, in a forest, daylight", plain]


def _prompt(draft: Draft, given: SamplePrompt | str) -> Prompt:
    facts = draft.facts
    width, height = draft.dataset_general["resolution"].value
    wanted = None if isinstance(given, str) else given
    scale = None if wanted is None else wanted.scale
    return Prompt(
        prompt=given if isinstance(given, str) else given.prompt,
        width=_cut((wanted and wanted.width) or width, facts.size_divisor),
        height=_cut((wanted and wanted.height) or height, facts.size_divisor),
        sample_steps=(wanted and wanted.sample_steps) or facts.sample_steps,
        scale=float(facts.sample_scale if scale is None else scale),
        seed=DEFAULT_SEED if wanted is None or wanted.seed is None else wanted.seed,
        negative_prompt=None if wanted is None else wanted.negative_prompt,
        guidance_scale=facts.sample_guidance,
    )


def _cut(side: int, divisor: int) -> int:
    """The trainer cuts sides down and takes nothing below 64 pixels."""
    return max(64, side - side % divisor)
