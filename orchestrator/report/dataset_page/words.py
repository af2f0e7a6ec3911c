"""The words of the page of a data set that the other pages do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.core.text import Language

WORDS: Final[dict[str, Text]] = {
    "page": Text("Data set report", "数据集报告"),
    "refused": Text("What refuses it", "被拒绝的原因"),
    "facts_pictures": Text("Pictures", "图片"),
    "facts_captions": Text("Captions", "标注"),
    "facts_exact": Text("Exact copies", "完全相同"),
    "facts_near": Text("Nearly the same", "几乎相同"),
    "facts_pairs": Text("Pairs", "图对"),
    "facts_kind": Text("Subject", "主体"),
    "facts_trigger": Text("Trigger", "触发词"),
    "facts_held_out": Text("Held out", "留出图片"),
    "facts_regularisation": Text("Regularisation", "正则化图片"),
    "as_trained": Text(
        "Small pictures show what the trainer reads: not turned by EXIF, transparency dropped. Each stands in this page once, encoded anew, "
        "without what its file says about camera or place.",
        "缩略图显示训练器实际读到的内容：不按 EXIF 旋转，丢弃透明度。每张只嵌入一次并重新编码，不含文件里的相机或地点信息。",
    ),
    "shown_of": Text(
        "{shown} of {total} pictures are shown; every finding names all of its pictures in `lora-run dataset check --format json`.",
        "共 {total} 张图片，显示其中 {shown} 张；每条发现涉及的全部图片见 `lora-run dataset check --format json`。",
    ),
    "copies": Text("Copies", "重复"),
    "no_copies": Text("No two pictures are the same or nearly so.", "没有相同或几乎相同的图片。"),
    "copies_below": Text("The groups stand under Copies.", "各组见“重复”一节。"),
    "buckets": Text("Buckets", "分桶"),
    "framing": Text("Framing", "取景"),
    "tags": Text("Tags", "标签"),
    "pairs": Text("Pairs", "图对"),
    "more_pictures": Text("{count} more", "还有 {count} 张"),
    "more_not_shown": Text("and {count} more that are not shown", "另有 {count} 张未显示"),
    "more_groups": Text("{count} more groups are not shown.", "另有 {count} 组未显示。"),
    "all_names": Text("Their names ({count})", "文件名（{count}）"),
    "names_left_out": Text("and {count} more", "另有 {count} 个"),
    "keep": Text("keep", "保留"),
    "before": Text("before", "编辑前"),
    "after": Text("after", "编辑后"),
    "half_missing": Text("missing", "缺失"),
    "no_caption": Text("no caption", "没有标注"),
    "cannot_show": Text("cannot be shown", "无法显示"),
    "col_tag": Text("Tag", "标签"),
    "col_category": Text("Category", "类别"),
    "col_count": Text("Captions", "标注数"),
    "col_share": Text("Share", "占比"),
    "col_with": Text("Mostly comes with", "常一同出现"),
    "col_first": Text("Tag", "标签"),
    "col_second": Text("With", "另一标签"),
    "col_together": Text("Both", "同时出现"),
    "col_of_first": Text("of the first", "占前者"),
    "col_of_second": Text("of the second", "占后者"),
    "col_lift": Text("Against chance", "相对偶然"),
    "prune": Text("belongs to the subject: to be taken out", "属于主体：应删去"),
    "tags_note": Text(
        "{captions} captions were counted. A click on a heading sorts the table. `lora-run dataset tags` edits them, with undo.",
        "共统计 {captions} 个标注。点击表头可排序。用 `lora-run dataset tags` 编辑，可撤销。",
    ),
    "tags_sentences": Text(
        "{count} captions are written in sentences and not counted.", "另有 {count} 个句子式标注，未计入。"
    ),
    "no_tags": Text("No caption is a list of tags.", "没有标签式标注。"),
    "more_tags": Text(
        "{count} rarer tags are not shown; `lora-run dataset tags` lists all.",
        "另有 {count} 个较少见的标签未显示；`lora-run dataset tags` 可列出全部。",
    ),
    "together": Text("Tags that come together", "一同出现的标签"),
    "together_note": Text(
        "Of two tags that are hardly ever apart the model cannot tell which means what: add pictures that show one without the other, "
        "or take one of them out.",
        "两个标签几乎总是一起出现时，模型分不清各自的含义：请增加只含其中一个的图片，或删去其中一个。",
    ),
    "no_together": Text("No two tags come together more often than by chance.", "没有两个标签的同现超过偶然。"),
    "more_together": Text("{count} looser pairs are not shown.", "另有 {count} 对联系较松的未显示。"),
    "times": Text("{count} x", "{count} 倍"),
    "pairs_note": Text(
        "Before and after side by side; pairs with something wrong come first.", "编辑前后并排显示；有问题的排在最前。"
    ),
    "more_pairs": Text("{count} more pairs are not shown.", "另有 {count} 对未显示。"),
    "sort": Text("sort by {column}", "按{column}排序"),
}


def word(key: str, language: Language, **values: Any) -> str:
    """Return a word of the page, filled in. KeyError for one that does not exist."""
    text = WORDS[key].to(language)
    return text.format(**values) if values else text
