"""The folders of the run: `<num_repeats>_<class_tokens>` made of links to the user's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.dataset.layout import unique_folder_names
from orchestrator.plan.concepts import size_of
from orchestrator.plan.model import Link, Subset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.text import Text
    from orchestrator.dataset.model import Picture
    from orchestrator.plan.concepts import ConceptPictures
    from orchestrator.plan.given import Draft
    from orchestrator.plan.holdout import Held
    from orchestrator.plan.steps import Size

DATA = "data"
DATA_VALIDATION = "data_validation"
_SUBSET_KEYS = ("shuffle_caption", "keep_tokens", "flip_aug")


def make_subsets(
    draft: Draft, concepts: Sequence[ConceptPictures], repeats: Sequence[int], reasons: Mapping[int, Text]
) -> tuple[Subset, ...]:
    """Return one subset for each concept, in the recipe's order."""
    names = unique_folder_names((r, c.class_tokens) for r, c in zip(repeats, concepts, strict=True))
    family = draft.recipe.base_model.family
    subsets = []
    for concept, num_repeats, name in zip(concepts, repeats, names, strict=True):
        folder = f"{DATA}/{name}"
        given = draft.recipe.concepts[concept.index]
        options = {key: getattr(given, key) for key in _SUBSET_KEYS if getattr(given, key) is not None}
        subsets.append(Subset(
            image_dir=folder,
            num_repeats=num_repeats,
            class_tokens=concept.class_tokens,
            caption_extension=concept.folder.caption_extension,
            is_reg=concept.is_reg,
            sizes=_sizes(concept.pictures, family),
            links=_links(folder, concept.pictures),
            options=options,
            because=reasons.get(concept.index),
            where=draft.where(f"concepts[{concept.index}]"),
        ))  # fmt: skip
    return tuple(subsets)


def make_validation(draft: Draft, concepts: Sequence[ConceptPictures], held: Sequence[Held]) -> Subset | None:
    """Return the held-out pictures as a subset of their own, outside the training folders; None without any."""
    if not held:
        return None
    by_index = {c.index: c for c in concepts}
    first = by_index[held[0][0]]
    (name,) = unique_folder_names([(1, first.class_tokens)])
    folder = f"{DATA_VALIDATION}/{name}"
    extension = first.folder.caption_extension
    pictures, captions = _held_links(folder, held, extension)
    options: dict[str, Any] = {"shuffle_caption": False, "flip_aug": False}
    # Measured the same way every time: nothing random may touch these captions.
    for name in ("caption_dropout_rate", "caption_tag_dropout_rate"):
        if name in draft.dataset_general:
            options[name] = 0.0
    return Subset(
        image_dir=folder,
        num_repeats=1,
        class_tokens=first.class_tokens,
        caption_extension=extension,
        is_reg=False,
        sizes=_sizes((p for _, p in held), draft.recipe.base_model.family),
        links=(*pictures, *captions),
        options=options,
    )


def _sizes(pictures: Iterable[Picture], family: str) -> tuple[Size, ...]:
    return tuple(size_of(p, family) for p in pictures)


def _links(folder: str, pictures: Sequence[Picture]) -> tuple[Link, ...]:
    """Return links under the user's own names; a caption that several pictures share is linked once."""
    links = [Link(f"{folder}/{p.path.name}", p.path) for p in pictures]
    captions: dict[Path, None] = {p.caption_path: None for p in pictures if p.caption_path is not None}
    return (*links, *(Link(f"{folder}/{path.name}", path) for path in captions))


def _held_links(folder: str, held: Sequence[Held], extension: str) -> tuple[list[Link], list[Link]]:
    """Return the links of pictures and captions. Pictures of two concepts may have one stem: the later gets a number."""
    owner: dict[str, int] = {}
    pictures: list[Link] = []
    captions: dict[str, Link] = {}
    for index, picture in held:
        stem, number = picture.path.stem, 1
        while owner.setdefault(stem.casefold(), index) != index:
            number += 1
            stem = f"{picture.path.stem} ({number})"
        pictures.append(Link(f"{folder}/{stem}{picture.path.suffix}", picture.path))
        if picture.caption_path is not None:
            path = f"{folder}/{stem}{extension}"
            captions.setdefault(path, Link(path, picture.caption_path))
    return pictures, list(captions.values())
