"""What tags mean: our own list of booru-style tags by category, everyday words, and tags that exclude each other.

`vocabulary.tsv` was written for this project: one tag a line with its category and its other spellings. A tagger's own
`selected_tags.csv`, where the user has one, widens what counts as known; categories come from our list alone.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.dataset.tags import loose, normal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

CATEGORIES = (
    "count",
    "hair-colour",
    "hair-style",
    "eyes",
    "body",
    "ornament",
    "clothing",
    "expression",
    "pose",
    "action",
    "framing",
    "view",
    "background",
    "light",
    "style",
    "meta",
    "object",
    "animal",
)
TRAITS = frozenset(("hair-colour", "hair-style", "eyes", "body", "ornament"))
"""What stays the same on a character or person: left out of the captions, it is bound to the trigger."""
STYLE = frozenset(("style",))
"""Words about the style itself."""
PRUNED = {"character": TRAITS, "person": TRAITS, "style": STYLE}
"""Subject kind -> categories whose tags are pruned where nearly every caption has them."""
NEARLY_ALL = 0.8
"""Share of captions from which on a tag counts as standing on nearly all of them."""
FEWEST = 10
"""Captions below which a share says nothing: one of nine is 11 %."""

_MANY = ("2girls", "3girls", "4girls", "2boys", "3boys", "4boys", "multiple girls", "multiple boys", "couple", "crowd")
_SHORT_SHOTS = ("upper body", "portrait", "close-up", "head shot", "cowboy shot", "face focus")
_PLAIN = ("white background", "black background", "grey background", "blue background", "red background")
_PLACES = ("outdoors", "indoors", "forest", "city", "street", "beach", "classroom", "bedroom", "mountain", "scenery")
CONTRADICTIONS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("short hair", "very short hair"), ("long hair", "very long hair", "absurdly long hair"), ()),
    (("bald",), ("long hair", "short hair", "ponytail", "twintails", "braid"), ()),
    (("day",), ("night", "night sky", "midnight"), ("day and night", "split screen", "multiple views")),
    (("indoors",), ("outdoors",), ("window", "doorway", "porch", "balcony", "multiple views", "from outside")),
    (("from behind",), ("from front", "facing viewer"), ("multiple views", "mirror")),
    (("from behind",), ("looking at viewer",), ("looking back", "looking over shoulder", "multiple views", "mirror")),
    (("from above",), ("from below",), ("multiple views",)),
    (("looking at viewer",), ("looking away", "closed eyes"), ("multiple views",)),
    (("standing",), ("sitting", "lying", "squatting"), ("multiple views",)),
    (("sitting",), ("lying",), ("multiple views",)),
    (("open mouth",), ("closed mouth",), ("multiple views",)),
    (("closed eyes",), ("open eyes", "wide-eyed", "one eye closed"), ("multiple views",)),
    (("smile",), ("frown", "expressionless"), ("multiple views",)),
    (("full body",), _SHORT_SHOTS, ("multiple views", "reference sheet", "character sheet", "cut-in")),
    (("solo",), _MANY, ("solo focus",)),
    (("1girl",), ("2girls", "3girls", "multiple girls"), ()),
    (("1boy",), ("2boys", "3boys", "multiple boys"), ()),
    (("no humans",), ("1girl", "1boy", "2girls", "2boys"), ()),
    (("simple background", *_PLAIN), _PLACES, ("multiple views",)),
)  # fmt: skip
"""(one side, other side, tags that make both possible). Small and sure: what a tagger may rightly give together is left out."""
SEVERAL_PEOPLE = frozenset((*_MANY, "group", "everyone", "multiple people", "solo focus"))
"""Where more than one is in the picture, traits and poses of the one and the other may differ."""
ABOUT_THE_WHOLE = frozenset(("solo", "1girl", "1boy", "no humans", "day", "indoors", "from above", "simple background"))
"""First tags of pairs that are about the picture, not about a person in it."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known tags, normalised; see `tags.normal`."""

    categories: Mapping[str, str]
    """Tag or other spelling -> category."""
    spellings: Mapping[str, str]
    """Loose form of a tag or of another spelling of it -> the tag as our list writes it."""
    words: frozenset[str]
    """Every single word of our list."""

    def category(self, tag: str) -> str | None:
        """Return the category of a tag in any spelling, None where it is not in the list."""
        found = self.categories.get(normal(tag))
        return found or self.categories.get(self.spellings.get(loose(tag), ""))

    def written(self, tag: str) -> str:
        """Return the tag as our list writes it; its normal form where it is not in the list."""
        return self.spellings.get(loose(tag)) or normal(tag)


@cache
def vocabulary() -> Vocabulary:
    """Return our own list, read once."""
    categories: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for tag, category, others in _rows():
        for one in (tag, *others):
            categories[normal(one)] = category
        spellings[loose(tag)] = normal(tag)
        for one in others:
            spellings.setdefault(loose(one), normal(tag))
    words = {word for tag in categories for word in tag.replace("-", " ").split()}
    return Vocabulary(categories, spellings, frozenset(words))


def _rows() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    text = (Path(__file__).parent / "vocabulary.tsv").read_text(encoding="utf-8")
    for line in text.splitlines()[1:]:
        tag, category, *others = line.split("\t")
        yield tag, category, tuple(others[0].split("|")) if others else ()


@cache
def common_words() -> frozenset[str]:
    """Return everyday English words and given names: every base model knows them."""
    return frozenset((Path(__file__).parent / "common_words.txt").read_text(encoding="utf-8").split())


@lru_cache(maxsize=50_000)
def written(tag: str) -> str:
    """Return a tag as our list writes it; asked for the same tags again and again."""
    return vocabulary().written(tag)


def contradictions(tags: Collection[str]) -> list[tuple[str, str]]:
    """Return pairs of tags of one caption that exclude each other; `tags` as our list writes them."""
    have = frozenset(tags)
    found: list[tuple[str, str]] = []
    for ones, others, excuses in CONTRADICTIONS:
        if have.isdisjoint(ones) or have.isdisjoint(others) or not have.isdisjoint(excuses):
            continue
        if have.isdisjoint(SEVERAL_PEOPLE) or not ABOUT_THE_WHOLE.isdisjoint(ones):
            found += [(one, other) for one in ones if one in have for other in others if other in have]
    return found


def read_selected_tags(path: Path) -> frozenset[str]:
    """Return the tags of a tagger's `selected_tags.csv` (columns tag_id, name, category, count), normalised.

    Raises ValueError for a file of another form, OSError where it cannot be read.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if "name" not in (rows.fieldnames or ()):
            raise ValueError(f"{path.name} has no column `name`")
        return frozenset(normal(row["name"]) for row in rows if row["name"])


def tagger_lists(folder: Path | None = None) -> list[Path]:
    """Return the `selected_tags.csv` of taggers that the user has: in the Hugging Face cache, and where sd-scripts puts them.

    `folder`: where `wd14_tagger_model` may lie, the working directory by default.
    """
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    found = [
        *hub.glob("models--*tagger*/snapshots/*/selected_tags.csv"),
        *(folder or Path()).glob("wd14_tagger_model/**/selected_tags.csv"),
    ]
    return sorted(path for path in found if path.is_file())


@cache
def tagger_tags() -> frozenset[str]:
    """Return all tags of the taggers that the user has; a list that cannot be read adds nothing, it is only a help."""
    known: set[str] = set()
    for path in tagger_lists():
        try:
            known |= read_selected_tags(path)
        except (OSError, ValueError):  # noqa: PERF203 - a few files
            continue
    return frozenset(known)
