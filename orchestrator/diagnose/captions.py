"""What the rules about captions ask: the subject's captions as tags, the trigger, shares of tags. Read once per case."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Evidence
from orchestrator.core.text import Text
from orchestrator.dataset.tags import SEPARATOR, Tagged, normal, presumed_trigger, tag_counts, tagged
from orchestrator.dataset.vocabulary import FEWEST, common_words, vocabulary
from orchestrator.diagnose.facts import setting, subject_folders

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from orchestrator.dataset.model import Picture
    from orchestrator.diagnose.rule import Case

NO_CAPTIONS = Text("There is no caption to look at.", "没有可查看的标注。")
NO_TAGS = Text("The captions are no lists of tags.", "标注不是标签列表。")
TOO_FEW = Text(
    f"There are fewer than {FEWEST} captions of tags: a share would say nothing.",
    f"标签式标注不足 {FEWEST} 个：比例没有意义。",
)
_KEY = "captions"


@dataclass(frozen=True, slots=True)
class Captioned:
    """A picture of the subject with its caption."""

    picture: Picture
    text: Tagged

    @property
    def path(self) -> Path:
        """The picture's file: findings name captions by it."""
        return self.picture.path


def captioned(case: Case) -> list[Captioned]:
    """Return the subject's pictures that have a caption with something in it."""
    if _KEY not in case.cache:
        separator = str(setting(case, "caption_separator") or SEPARATOR)
        case.cache[_KEY] = [
            Captioned(picture, tagged(picture.caption, separator))
            for folder in subject_folders(case)
            for picture in folder.pictures
            if picture.caption and picture.caption.strip("\ufeff ")
        ]
    found: list[Captioned] = case.cache[_KEY]
    return found


def with_tags(case: Case) -> list[Captioned]:
    """Return those that are lists of tags."""
    return [one for one in captioned(case) if one.text.style == "tags"]


def counted(captions: Iterable[Captioned]) -> Counter[str]:
    """Return in how many captions each tag stands."""
    return tag_counts(one.text for one in captions)


def holding(captions: Iterable[Captioned], tags: Collection[str]) -> list[Path]:
    """Return the pictures whose captions hold any of these normalised tags."""
    wanted = set(tags)
    return [one.path for one in captions if wanted.intersection(one.text.tags)]


def given_trigger(case: Case) -> str | None:
    """Return the trigger as recipe, plan or user have it."""
    if case.plan is not None:
        return case.plan.trigger
    return case.recipe.subject.trigger if case.recipe is not None else case.trigger


def trigger(case: Case) -> str | None:
    """Return the trigger; where nobody says it the unknown word that most captions begin with."""
    if case.plan is not None or case.recipe is not None or case.trigger is not None:
        return given_trigger(case)
    return presumed_trigger((one.text for one in captioned(case)), {*vocabulary().categories, *common_words()})


def whole_word(word: str) -> re.Pattern[str]:
    """Return what finds a trigger as a whole word, in any case."""
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def own_tags(case: Case) -> set[str]:
    """Return the tags that stand in every caption on purpose: trigger, class tokens, both together."""
    word = trigger(case) or ""
    classes = [case.recipe.subject.class_tokens or ""] if case.recipe is not None else []
    if case.recipe is not None:
        classes += [concept.class_tokens or "" for concept in case.recipe.concepts]
    wanted = [word, *classes, *(f"{word} {one}" for one in classes)]
    own = {normal(tag) for one in wanted for tag in (one, *one.split(SEPARATOR)) if tag.strip()}
    return own | {f"{article} {tag}" for tag in own for article in ("a", "an", "the")}


def shuffling(case: Case) -> tuple[bool, int]:
    """Return whether any subset shuffles tags, and how many the least careful of those keeps in place."""
    subsets = [s.options for s in case.plan.subsets if not s.is_reg] if case.plan is not None else [{}]
    kept = [
        int(options.get("keep_tokens", setting(case, "keep_tokens")) or 0)
        for options in subsets
        if options.get("shuffle_caption", setting(case, "shuffle_caption"))
    ]
    return bool(kept), min(kept, default=0)


def at_least(count: int, total: int, z: float = 1.645) -> float:
    """Return Wilson's lower bound of a share: what a small set cannot tell from chance stays below its limit."""
    share = count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)


def tag_list(tags: Sequence[str], most: int = 6) -> Text:
    """Return tags for a sentence: the first ones, then how many more."""
    shown = ", ".join(f"`{tag}`" for tag in tags[:most])
    more = len(tags) - most
    return Text(f"{shown} and {more} more", f"{shown} 等 {len(tags)} 个") if more > 0 else Text(shown, shown)


def share_evidence(tag: str, count: int, total: int, limit: float) -> Evidence:
    """Return the share of captions that hold a tag, in percent."""
    what = Text(f"captions with `{tag}`", f"含 `{tag}` 的标注")
    return Evidence(what, round(100 * count / total), round(100 * limit), tag, "%")
