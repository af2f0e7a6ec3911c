"""The recipe's concepts, each with the pictures of its folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.record import holds_secret
from orchestrator.core.text import Text
from orchestrator.dataset.header import MOST_PIXELS
from orchestrator.dataset.layout import parse_folder_name

if TYPE_CHECKING:
    from orchestrator.dataset.model import Dataset, Folder, Picture
    from orchestrator.plan.given import Draft
    from orchestrator.plan.steps import Size
    from orchestrator.recipe.model import Concept

_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class ConceptPictures:
    """One concept with the pictures that are trained on."""

    index: int
    """Place in the recipe's list."""
    folder: Folder
    pictures: tuple[Picture, ...]
    class_tokens: str
    is_reg: bool
    num_repeats: int | None = None
    share: float | None = None


def size_of(picture: Picture, family: str) -> Size:
    """Return the (width, height) in pixels that the family's trainer puts into its buckets."""
    return (picture.width, picture.height) if family == "pocket" else picture.size_seen_by_sd_scripts


def list_concepts(draft: Draft, dataset: Dataset) -> list[ConceptPictures]:
    """Pair the recipe's concepts with their folders, in the recipe's order. Notes a problem for what cannot be trained on."""
    draft.problems += dataset.problems
    found = []
    for index, (concept, folder) in enumerate(zip(draft.recipe.concepts, dataset.folders, strict=True)):
        is_reg = bool(concept.is_reg)
        tokens = _class_tokens(draft, concept, folder, is_reg=is_reg)
        repeats = concept.num_repeats
        found.append(ConceptPictures(index, folder, folder.pictures, tokens, is_reg, repeats, concept.share))
        if not folder.pictures and not folder.is_unread:
            _refuse_empty(draft, index, folder)
        _refuse_broken(draft, index, folder)
        _check_share(draft, index, concept, is_reg=is_reg)
    return found


def _class_tokens(draft: Draft, concept: Concept, folder: Folder, *, is_reg: bool) -> str:
    if concept.class_tokens is not None:
        return concept.class_tokens
    subject = draft.recipe.subject
    words = [subject.class_tokens] if is_reg else [subject.trigger, subject.class_tokens]
    tokens = " ".join(word.strip() for word in words if word and word.strip())
    named = parse_folder_name(folder.image_dir.name)
    return tokens or (named[1] if named else "") or str(subject.kind)


def _check_share(draft: Draft, index: int, concept: Concept, *, is_reg: bool) -> None:
    if concept.share is None:
        return
    key = f"concepts[{index}].share"
    if is_reg:
        draft.refuse(
            "share-of-regularisation",
            Text("`share` means nothing for regularisation pictures", "`share` 对正则化图片没有意义"),
            Text(
                "the trainer takes as many of their samples as there are training samples",
                "训练器会取与训练样本同样多的正则化样本",
            ),
            Text("leave `share` out here", "请去掉这里的 `share`"),
            key,
        )


def _refuse_empty(draft: Draft, index: int, folder: Folder) -> None:
    if folder.nested:
        inside = ", ".join(f"{path} ({count})" for path, count in folder.nested[:5])
        why = Text("the trainer does not look into sub-folders", "训练器不会进入子文件夹")
        fix = Text(f"name the folder with the pictures: {inside}", f"请写放图片的文件夹：{inside}")
    elif folder.ignored:
        names = ", ".join(path.name for path in folder.ignored[:5])
        why = Text(f"the trainer takes none of {names}", f"训练器不读取 {names}")
        fix = Text(
            "save them as .png, .jpg, .jpeg, .webp or .bmp, the extension all lower or all upper case",
            "请另存为 .png、.jpg、.jpeg、.webp 或 .bmp，扩展名全小写或全大写",
        )
    else:
        why = None
        fix = Text("put pictures there or name another folder", "请放入图片，或写另一个文件夹")
    draft.refuse(
        "no-pictures",
        Text(f"no pictures in {folder.image_dir}", f"{folder.image_dir} 中没有图片"),
        why, fix, f"concepts[{index}].image_dir",
    )  # fmt: skip


LINK_OUTSIDE = "caption-link-outside"
_STOPS = Text("the trainer stops at such a file", "训练器会因此停止")
_BROKEN = {
    "empty-file": Text("is an empty file", "是空文件"),
    "not-a-picture": Text("is not a picture", "不是图片"),
    "truncated-header": Text("is cut off in its header", "文件头不完整"),
    "truncated-file": Text("is cut off: its end is missing", "不完整：缺少结尾"),
    "git-lfs-pointer": Text(
        "is a Git LFS pointer, the picture itself was not fetched", "是 Git LFS 指针，图片本身没有下载"
    ),
    "broken-link": Text("is a link to nothing", "是失效的链接"),
    "not-a-file": Text("is a folder or a device with the name of a picture", "是名字像图片的文件夹或设备"),
    "unreadable": Text("cannot be read", "无法读取"),
    "too-many-pixels": Text(
        f"has more than {MOST_PIXELS:,} pixels, by its header", f"的文件头声明超过 {MOST_PIXELS:,} 像素"
    ),
    "empty-caption": Text("is empty", "是空文件"),
    "caption-not-utf8": Text("is not UTF-8 text", "不是 UTF-8 文本"),
    "caption-unreadable": Text("cannot be read", "无法读取"),
    LINK_OUTSIDE: Text("is a link that leads out of the folder", "是指向文件夹之外的链接"),
}
_FIX_CAPTION = {
    "empty-caption": Text("write a caption into it or delete the file", "请写入标注，或删除该文件"),
    "caption-not-utf8": Text("save it as UTF-8", "请另存为 UTF-8"),
    "caption-unreadable": Text("give yourself the right to read it", "请给自己读取权限"),
    LINK_OUTSIDE: Text(
        "put a copy of the text in its place: a caption may be a link into its own folder, to beside its picture's file, or to a file "
        "named by the hash of its content; if recipe and data set are your own: `lora-run trust RECIPE`",
        "请用该文本的副本代替它：标注可以是指向本文件夹内、图片文件旁、或以内容哈希命名的文件的链接；"
        "若配方和数据集都是你自己的：`lora-run trust 配方`",
    ),
}
_WHY_CAPTION = {
    LINK_OUTSIDE: Text(
        "that text would be trained, and stand in the metadata of the LoRA for everybody to read",
        "该文本会被训练，并写入 LoRA 的元数据，任何人都能读到",
    ),
}


def _refuse_broken(draft: Draft, index: int, folder: Folder) -> None:
    """Refuse what the trainer would die of after minutes of loading, mostly without naming the file."""
    key = f"concepts[{index}].image_dir"
    broken = [p for p in folder.pictures if p.problem]
    for picture in broken[:_MOST_TOLD]:
        what = _BROKEN[picture.problem]
        draft.refuse(
            "broken-picture",
            Text(f"{picture.path} {what.en}", f"{picture.path} {what.zh}"),
            _STOPS,
            Text("restore the file or take it out of the folder", "请恢复该文件，或将其移出文件夹"),
            key,
        )
    captions = [p for p in folder.pictures if p.caption_problem in _FIX_CAPTION]
    for picture in captions[:_MOST_TOLD]:
        what, path = _BROKEN[picture.caption_problem], str(picture.caption_path)
        if picture.caption_problem == LINK_OUTSIDE:
            path += f" -> {os.path.realpath(path)}"
        draft.refuse(
            "broken-caption",
            Text(f"caption {path} {what.en}", f"标注 {path} {what.zh}"),
            _WHY_CAPTION.get(picture.caption_problem, _STOPS),
            _FIX_CAPTION[picture.caption_problem],
            key,
        )
    _refuse_secrets(draft, key, folder)
    more = max(0, len(broken) - _MOST_TOLD) + max(0, len(captions) - _MOST_TOLD)
    if more:
        draft.refuse(
            "more-broken-files",
            Text(f"{more} more such files in {folder.image_dir}", f"{folder.image_dir} 中还有 {more} 个这样的文件"),
            None, None, key,
        )  # fmt: skip


def _refuse_secrets(draft: Draft, key: str, folder: Folder) -> None:
    """Refuse captions with an access token or password in them: they are trained, and stand in the metadata. No text is repeated."""
    found = [p.caption_path for p in folder.pictures if p.caption and holds_secret(p.caption)]
    for path in found[:_MOST_TOLD]:
        draft.refuse(
            "secret-in-caption",
            Text(f"caption {path} holds an access token or password", f"标注 {path} 中有访问令牌或密码"),
            _WHY_CAPTION[LINK_OUTSIDE],
            Text(
                "delete it there, and revoke it if the folder was shared", "请删去它；若该文件夹已分享过，请吊销该令牌"
            ),
            key,
        )
