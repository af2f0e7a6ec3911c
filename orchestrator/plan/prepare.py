"""How pictures and captions are prepared: size, buckets, tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.text import Text
from orchestrator.plan.families import native_side
from orchestrator.plan.steps import BucketRules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import Plan
    from orchestrator.plan.steps import Size

_TAG_COMMAS = 4
_TAG_WORDS = 4.0
_TAG_SHARE = 0.8


def decide_dataset_options(draft: Draft, concepts: Sequence[ConceptPictures]) -> None:
    """Fill `dataset_general`, and the train options that the trainer's metadata are taken from."""
    _decide_size(draft)
    _decide_buckets(draft)
    _decide_captions(draft, concepts)
    options, general = draft.recipe.dataset, draft.dataset_general
    general["flip_aug"] = draft.choose(
        options.flip_aug, "dataset.flip_aug", default=False,
        because=Text("mirrored pictures teach the wrong side of partings, text and marks", "镜像会教错发分线、文字和标记的左右"),
    )  # fmt: skip
    for name in ("color_aug", "random_crop"):
        if getattr(options, name) is not None:
            general[name] = draft.given(getattr(options, name), f"dataset.{name}")


def bucket_limits(size: Size, step: int) -> tuple[int, int]:
    """Return (shortest, longest) side of a bucket in pixels where nobody says: half of the shorter, twice the longer side of `size`."""
    return max(step, min(size) // 2 // step * step), -(-max(size) * 2 // step) * step


def bucket_rules(decided: Draft | Plan) -> BucketRules:
    """Return the rules by which pictures are grouped, from `dataset_general`."""
    general = decided.dataset_general
    width, height = general["resolution"].value
    if not general["enable_bucket"].value:
        return BucketRules((width, height), enable_bucket=False)
    return BucketRules(
        resolution=(width, height),
        min_bucket_reso=general["min_bucket_reso"].value,
        max_bucket_reso=general["max_bucket_reso"].value,
        bucket_reso_steps=general["bucket_reso_steps"].value,
        bucket_no_upscale=bool(general["bucket_no_upscale"].value),
    )


def _decide_size(draft: Draft) -> None:
    base = draft.recipe.base_model
    side = native_side(base)
    size = draft.choose(
        draft.recipe.dataset.resolution, "dataset.resolution", side,
        Text(f"{base.family} was made for {side}x{side} pixels", f"{base.family} 基于 {side}x{side} 像素"),
    )  # fmt: skip
    width, height = (size.value, size.value) if isinstance(size.value, int) else size.value
    draft.dataset_general["resolution"] = replace(size, value=[width, height])
    # The trainer's file metadata take the size from here, whatever the data set says.
    draft.train["resolution"] = replace(size, value=f"{width},{height}")


def _decide_buckets(draft: Draft) -> None:
    options, general, facts = draft.recipe.dataset, draft.dataset_general, draft.facts
    width, height = general["resolution"].value
    general["enable_bucket"] = draft.choose(
        options.enable_bucket, "dataset.enable_bucket", default=True,
        because=Text("pictures keep their shape instead of being cropped to one", "图片保持各自比例，而不是裁成同一形状"),
    )  # fmt: skip
    if not general["enable_bucket"].value:
        _trainable_size(draft, facts.bucket_divisor)
        for name in ("bucket_reso_steps", "min_bucket_reso", "max_bucket_reso", "bucket_no_upscale"):
            draft.leave_out(
                getattr(options, name), f"dataset.{name}", Text("`enable_bucket` is off", "`enable_bucket` 已关闭")
            )
        return
    step = draft.choose(
        options.bucket_reso_steps, "dataset.bucket_reso_steps", facts.bucket_reso_steps,
        Text(
            f"the family demands a multiple of {facts.bucket_divisor}; fewer shapes mean fuller batches",
            f"该系列要求为 {facts.bucket_divisor} 的倍数；形状越少，批次越满",
        ),
    )  # fmt: skip
    if step.value % facts.bucket_divisor:
        near = max(1, round(step.value / facts.bucket_divisor)) * facts.bucket_divisor
        draft.refuse(
            "bucket-step",
            Text(f"`bucket_reso_steps` is {step.value}", f"`bucket_reso_steps` 为 {step.value}"),
            Text(
                f"{draft.recipe.base_model.family} needs a multiple of {facts.bucket_divisor}; the trainer stops with an assertion",
                f"{draft.recipe.base_model.family} 需要 {facts.bucket_divisor} 的倍数；训练器会因断言停止",
            ),
            Text(f"write {near}", f"请写 {near}"),
            "dataset.bucket_reso_steps",
        )
        step = replace(step, value=near)  # the rest is looked at as if it were right: one mistake is told once
    width, height = _trainable_size(draft, step.value)
    low, high = bucket_limits((width, height), step.value)
    general["bucket_reso_steps"] = step
    general["min_bucket_reso"] = draft.choose(
        options.min_bucket_reso, "dataset.min_bucket_reso", low,
        Text(f"half of {min(width, height)}: no very thin shapes", f"{min(width, height)} 的一半：避免过细的形状"),
    )  # fmt: skip
    general["max_bucket_reso"] = draft.choose(
        options.max_bucket_reso, "dataset.max_bucket_reso", high,
        Text(
            f"twice {max(width, height)}; the trainer's 1024 would take portrait and landscape shapes away",
            f"{max(width, height)} 的两倍；训练器默认的 1024 会去掉竖图和横图的形状",
        ),
    )  # fmt: skip
    general["bucket_no_upscale"] = draft.choose(
        options.bucket_no_upscale, "dataset.bucket_no_upscale", default=False,
        because=Text("small pictures are enlarged, so that no shape of their own is made", "小图会被放大，不单独成形状"),
    )  # fmt: skip


def _trainable_size(draft: Draft, step: int) -> tuple[int, int]:
    """Return the training size; where no bucket of it can be made, refuse it and go on with one that fits."""
    size = draft.dataset_general["resolution"]
    width, height = size.value
    if min(width, height) >= step:
        return width, height
    shown = f"{width}" if width == height else f"[{width}, {height}]"
    side = -(-draft.facts.resolution // step) * step
    draft.refuse(
        "resolution-too-small",
        Text(f"`resolution` {shown} is too small to train", f"`resolution` {shown} 太小，无法训练"),
        Text(f"the shortest side of a picture is {step} pixels", f"图片的最短边为 {step} 像素"),
        Text(
            f"write {side}: {draft.recipe.base_model.family} was made for {draft.facts.resolution}",
            f"请写 {side}：{draft.recipe.base_model.family} 基于 {draft.facts.resolution} 像素",
        ),
        "dataset.resolution" if draft.recipe.dataset.resolution is not None else "dataset.bucket_reso_steps",
    )
    draft.dataset_general["resolution"] = replace(size, value=[side, side])
    return side, side


def _decide_captions(draft: Draft, concepts: Sequence[ConceptPictures]) -> None:
    options, general = draft.recipe.dataset, draft.dataset_general
    if options.caption_separator is not None:
        general["caption_separator"] = draft.given(options.caption_separator, "dataset.caption_separator")
    share = _share_of_tag_lists(concepts, options.caption_separator or ",")
    shuffles, because = _may_shuffle(draft, share)
    shuffle = draft.choose(options.shuffle_caption, "dataset.shuffle_caption", shuffles, because)
    general["shuffle_caption"] = shuffle
    trigger = draft.recipe.subject.trigger
    tags = len([t for t in (trigger or "").split(options.caption_separator or ",") if t.strip()])
    if shuffle.value or options.keep_tokens is not None:
        general["keep_tokens"] = draft.choose(
            options.keep_tokens, "dataset.keep_tokens", tags,
            Text(f"tags of the trigger, which stays in front: {tags}", f"触发词保持在最前，标签数：{tags}"),
        )  # fmt: skip
    for name in ("caption_dropout_rate", "caption_tag_dropout_rate"):
        value = getattr(options, name)
        if value is not None:
            general[name] = draft.given(float(value), f"dataset.{name}")
            # The trainer's file metadata are taken from here.
            draft.train[name] = general[name]


def _may_shuffle(draft: Draft, share: float) -> tuple[bool, Text]:
    percent = round(share * 100)
    if not draft.facts.reads_tags:
        return False, Text("the text encoder reads sentences: order carries meaning", "文本编码器读句子：顺序有意义")
    if draft.recipe.train.cache_text_encoder_outputs:
        return False, Text(
            "text encoder outputs are cached: each caption is encoded once", "文本编码已缓存：每条标注只编码一次"
        )
    if share >= _TAG_SHARE:
        return True, Text(
            f"{percent} % of the captions are tag lists: shuffled, no tag gains by its place",
            f"{percent}% 的标注是标签列表：打乱后标签不因位置占优",
        )
    return False, Text(
        f"only {percent} % of the captions are tag lists: in sentences, order carries meaning",
        f"只有 {percent}% 的标注是标签列表：句子的顺序有意义",
    )


def _share_of_tag_lists(concepts: Sequence[ConceptPictures], separator: str) -> float:
    """Return the share (0-1) of captions with at least five short comma-separated parts."""
    captions = [p.caption for c in concepts if not c.is_reg for p in c.pictures if p.caption]
    if not captions:
        return 0.0
    lists = 0
    for caption in captions:
        commas = caption.count(separator)
        words = caption.count(" ") + 1
        lists += commas >= _TAG_COMMAS and words / (commas + 1) <= _TAG_WORDS
    return lists / len(captions)
