"""Pictures kept out of training: the only proof of overfitting."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from orchestrator.dataset.model import Picture
    from orchestrator.dataset.pairs import Pair
    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.given import Draft
    from orchestrator.plan.model import Plan

LEAST_PICTURES = 12
LEAST_HELD_OUT = 2
MOST_HELD_OUT = 8
DEFAULT_VALIDATION_SEED = 42

Held = tuple[int, "Picture"]
"""Place of the concept in the recipe, and the picture."""


def held_out_files(plan: Plan | None) -> frozenset[Path]:
    """Return the user's files, pictures and captions, that the plan keeps out of training."""
    return frozenset(link.target for link in plan.validation.links) if plan and plan.validation else frozenset()


def hold_out(
    draft: Draft,
    concepts: Sequence[ConceptPictures],
    equal_files: Collection[Collection[Path]],
    pairs: Sequence[Pair] = (),
) -> tuple[list[ConceptPictures], list[Held]]:
    """Return the concepts without their held-out pictures, and those pictures in the order of their names.

    The same pictures, recipe and seed give the same choice. No concept loses its last picture. `equal_files`: groups of files that are
    the same; where one of them is trained on, its held-out twin would show learning by heart as learning, so they are taken only where
    nothing else is left, and never alone. Near copies are not asked for: they are known only once somebody looked at the pixels, and
    one recipe would make two plans, before the look and after it; `overlapping-folders` (R137) tells them. `pairs`: their halves stay together, on either side.
    """
    mates = _mates(concepts, pairs)
    count = _decide_count(draft, concepts, mates)
    if count == 0:
        return list(concepts), []
    # A caption tells what is in the picture: prefer pictures that have one.
    candidates = [(c.index, p) for c in concepts if not c.is_reg for p in c.pictures]
    copies = {path for group in equal_files for path in group}
    draw = random.Random(draft.value("validation_seed"))  # noqa: S311 - reproducible on purpose
    draw.shuffle(candidates)
    candidates.sort(key=lambda held: (held[1].path in copies, held[1].caption is None))
    held = _taken(candidates, count, {c.index: len(c.pictures) for c in concepts}, mates)
    held.sort(key=lambda h: (h[0], h[1].path.name))
    gone = {picture.path for _, picture in held}
    twins = sum(len(gone.intersection(group)) for group in equal_files if not gone.issuperset(group))
    if held and twins == len(held):
        _hold_out_none(draft, len(held))
        return list(concepts), []
    if twins:
        draft.notes.append(Text(
            f"{twins} of {len(held)} held-out pictures have a copy elsewhere in the set: they cannot show learning by heart",
            f"{len(held)} 张留出图片中有 {twins} 张在数据集中另有副本：它们无法显示死记",
        ))  # fmt: skip
    kept = [replace(c, pictures=tuple(p for p in c.pictures if p.path not in gone)) for c in concepts]
    return kept, held


def _mates(concepts: Sequence[ConceptPictures], pairs: Sequence[Pair]) -> dict[Path, Held]:
    """Return the other half of each picture that is half of a whole pair of the subject."""
    known = {picture.path: (c.index, picture) for c in concepts if not c.is_reg for picture in c.pictures}
    found: dict[Path, Held] = {}
    for pair in pairs:
        if pair.before in known and pair.after in known:
            found[pair.before], found[pair.after] = known[pair.after], known[pair.before]
    return found


def _taken(candidates: Sequence[Held], count: int, left: dict[int, int], mates: Mapping[Path, Held]) -> list[Held]:
    """Return the first `count` candidates, each with its mate, so that one picture is left in each concept. `left`: pictures of each."""
    held: list[Held] = []
    gone: set[Path] = set()
    for one in candidates:
        both = [one, *([mates[one[1].path]] if one[1].path in mates else [])]
        taken = Counter(index for index, _ in both)
        is_room = len(held) + len(both) <= count and all(left[index] > number for index, number in taken.items())
        if is_room and one[1].path not in gone:
            left.update({index: left[index] - number for index, number in taken.items()})
            gone.update(picture.path for _, picture in both)
            held += both
    return held


def _hold_out_none(draft: Draft, count: int) -> None:
    """Take the hold-out back: every picture of it is trained on under another name, and would be taken for proof of learning."""
    because = Text(
        "each picture that could be held out has a copy that is trained on", "每张可留出的图片都有副本参与训练"
    )
    draft.notes.append(Text(
        f"no pictures are held out: {because.en}, so none of {count} could show learning by heart; keep one of each",
        f"不留出验证图片：{because.zh}，这 {count} 张都无法显示死记；相同的图片请只保留一张",
    ))  # fmt: skip
    draft.train.pop("validation_seed")
    validate = draft.recipe.validate_
    if isinstance(validate.hold_out, int):
        draft.leave_out(validate.hold_out, "validate.hold_out", because)
    draft.leave_out(
        validate.validation_seed, "validate.validation_seed", Text("no pictures are held out", "没有留出图片")
    )


def _decide_count(draft: Draft, concepts: Sequence[ConceptPictures], mates: Collection[Path] = ()) -> int:
    """Decide how many pictures are held out, and write the seed of their choice."""
    validate = draft.recipe.validate_
    pictures = sum(len(c.pictures) for c in concepts if not c.is_reg)
    groups = sum(1 for c in concepts if not c.is_reg and c.pictures)
    wanted = "auto" if validate.hold_out is None else validate.hold_out
    if wanted == "auto":
        count = min(MOST_HELD_OUT, max(LEAST_HELD_OUT, pictures // 10)) if pictures >= LEAST_PICTURES else 0
        if count == 0:
            draft.notes.append(Text(
                f"no pictures are held out: with {pictures} pictures (fewer than {LEAST_PICTURES}) each one is needed for training, "
                "so overfitting cannot be measured, only seen in the samples",
                f"不留出验证图片：只有 {pictures} 张（少于 {LEAST_PICTURES} 张），每张都要用于训练，因此无法测量过拟合，只能看样图",
            ))  # fmt: skip
    else:
        count = int(wanted)
        most = min(pictures // 2, pictures - groups)
        is_whole = all(c.pictures and not any(p.problem for p in c.pictures) for c in concepts)
        if count > most and pictures and is_whole:  # what is wrong with the folders themselves is told as such
            draft.refuse(
                "hold-out-too-large",
                Text(f"`hold_out` {count} of {pictures} pictures leaves {max(0, pictures - count)} to train on",
                     f"{pictures} 张图片中 `hold_out` {count} 张，只剩 {max(0, pictures - count)} 张用于训练"),
                Text("more than half of the pictures would teach nothing, and each folder must keep one",
                     "超过一半的图片不参与训练，且每个文件夹至少要留一张"),
                Text(f"write at most {most}, better `auto`", f"最多写 {most}，最好写 `auto`") if most > 0
                else Text("write `auto`, or 0 for none", "请写 `auto`，不留出则写 0"),
                "validate.hold_out",
            )  # fmt: skip
        count = count if count <= most else 0
    if pictures and len(mates) == pictures:
        count -= count % 2  # whole pairs only
    if count:
        draft.train["validation_seed"] = draft.choose(
            validate.validation_seed, "validate.validation_seed", DEFAULT_VALIDATION_SEED,
            Text(f"fixed, so that the {count} held-out pictures and their noise stay the same; without a seed the trainer's split leaks",
                 f"固定种子，使留出的 {count} 张图片及其噪声不变；不设种子时训练器的划分会泄漏"),
        )  # fmt: skip
    else:
        draft.leave_out(
            validate.validation_seed, "validate.validation_seed", Text("no pictures are held out", "没有留出图片")
        )
    return count
