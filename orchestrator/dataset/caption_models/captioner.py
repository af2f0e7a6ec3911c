"""What every caption model offers to the loop that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Described:
    """What a model says about one picture."""

    pieces: tuple[str, ...]
    """What stands between the commas: tags, surest first; or one sentence. Empty: nothing it is sure enough of."""
    scores: tuple[float, ...] = ()
    """How sure of each, 0 ... 1; empty for sentences."""


class Captioner(Protocol):
    """A model that is open."""

    @property
    def name(self) -> str:
        """The model, with the state it was taken in."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""

    @property
    def settings(self) -> dict[str, object]:
        """What else decides about the captions: a run goes on with what another left only where these are the same."""

    @property
    def batch_limit(self) -> int | None:
        """Most pictures at once, where the model file fixes it."""

    def see(self, path: Path) -> NDArray[np.float32]:
        """Return one picture as the model's input. Raises UnreadablePictureError."""

    def describe(self, pictures: Sequence[NDArray[np.float32]]) -> list[Described]:
        """Return one description for each picture."""
