"""Repeats by which kinds of shots that are rare are shown as often as the others, as far as a limit allows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.dataset.prepare.names import concept_of
from orchestrator.dataset.prepare.shots import UNNAMED, kind_of_shot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.dataset.prepare.model import Draft, PrepareOptions

MOST_TIMES: Final = 4
"""As often as the commonest kind at most: beyond it a few pictures are learned by heart."""


def give_repeats(drafts: Sequence[Draft], pairs: Sequence[tuple[Draft, Draft]], options: PrepareOptions) -> None:
    """Set the repeats of every picture that stays, for each image folder by itself. What is not trained on has no kinds to balance.

    Of an edit pair the caption of the second half says the kind, and both halves are shown as often.
    """
    before = {id(pair[0]) for pair in pairs}
    staying = [draft for draft in drafts if not draft.is_left_out]
    for root in {draft.root for draft in staying}:
        of_folder = [draft for draft in staying if draft.root == root]
        role = of_folder[0].role
        base, _ = concept_of(root, options, role)
        for draft in of_folder:
            draft.repeats = base
        if options.balance and role == "train":
            _balance([draft for draft in of_folder if id(draft) not in before], base)
    if options.balance:
        for first, second in pairs:
            first.repeats = second.repeats


def _balance(drafts: Sequence[Draft], base: int) -> None:
    for draft in drafts:
        draft.shot = kind_of_shot(draft.caption.text if draft.caption else None)
    repeats = balanced(Counter(draft.shot or UNNAMED for draft in drafts), base)
    for draft in drafts:
        draft.repeats = repeats[draft.shot or UNNAMED]


def balanced(pictures: Mapping[str, int], base: int = 1, most_times: int = MOST_TIMES) -> dict[str, int]:
    """Return the repeats of each kind from its number of pictures: the commonest gets `base`, no other more than `most_times` as many.

    Pictures of which nobody knows the kind get `base`: they may be of any.
    """
    commonest = max((number for kind, number in pictures.items() if kind != UNNAMED), default=0)
    return {
        kind: base if kind == UNNAMED else max(base, int(base * min(most_times, commonest / number) + 0.5))
        for kind, number in pictures.items()
    }
