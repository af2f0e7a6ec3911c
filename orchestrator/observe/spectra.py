"""Norms and ranks of the updates scale * up @ down in a LoRA file, from rank x rank matrices: the product itself is never built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.observation import GroupWeights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DEAD_NORM: Final = 1e-6
"""Updates with a smaller Frobenius norm do nothing: at a learning rate of about 0 all modules lie below it."""
SPECTRA_BUDGET: Final = 1e8
"""Spectra are computed for as many modules per file, evenly spaced, as keep the sum of rank^3 below this: about 0.5 s."""


@dataclass(slots=True)
class Pair:
    """What one module's two matrices come down to."""

    left: Floats
    """(r, r): up.T @ up."""
    right: Floats
    """(r, r): down @ down.T."""
    scale: float
    size: int
    """Elements of the updated weight."""

    @property
    def norm(self) -> float:
        """Frobenius norm of the update: sqrt of the sum of left * right."""
        return abs(self.scale) * math.sqrt(max(0.0, float((self.left * self.right).sum())))


def gram(matrix: np.ndarray[Any, Any], *, is_up: bool) -> Floats:
    """Return up.T @ up for `up` (out, r, ...), or down @ down.T for `down` (r, in, ...): float64 (r, r).

    Multiplied in float32, which is exact enough for norms (1e-6) and three times faster; again in float64 where that overflows or
    vanishes. Not finite exactly where a number is not finite or beyond float64.
    """
    import numpy as np

    rank = matrix.shape[1] if is_up else matrix.shape[0]
    rows = np.moveaxis(matrix, 1, 0).reshape(rank, -1) if is_up else matrix.reshape(rank, -1)
    with np.errstate(over="ignore", invalid="ignore"):
        short = rows.astype(np.float32)
        product = (short @ short.T).astype(np.float64)
        trace = float(np.trace(product))
        if not (1e-25 < trace < math.inf):
            long = rows.astype(np.float64)
            product = long @ long.T
    return np.asarray(product, dtype=np.float64)


def singular_values(pair: Pair) -> Floats:
    """Return the singular values of the update, descending, (r,): roots of the eigenvalues of left^(1/2) @ right @ left^(1/2).

    Equal to those from QR of both matrices and a small SVD, three times faster; values below 1e-4 of the largest are noise, which the
    measures below do not feel.
    """
    import numpy as np

    values, vectors = np.linalg.eigh(pair.left)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    squares = np.linalg.eigvalsh(root.T @ pair.right @ root)
    return np.asarray(abs(pair.scale) * np.sqrt(np.maximum(squares[::-1], 0.0)), dtype=np.float64)


def effective_rank(values: Floats) -> float:
    """Return exp of the entropy of the shares of squared singular values: 1 for one direction, r for r equal ones; NaN for none.

    Roy and Vetterli 2007, with squares, so that the shares are shares of the update's squared norm.
    """
    import numpy as np

    squares = values**2
    total = float(squares.sum())
    if not total > 0:
        return math.nan
    shares = squares[squares > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def stable_rank(values: Floats) -> float:
    """Return squared Frobenius norm over squared spectral norm, 1 ... r (Rudelson and Vershynin 2007); NaN for none."""
    largest = float(values.max()) if len(values) else 0.0
    return float(((values / largest) ** 2).sum()) if largest > 0 else math.nan


def summarise(pairs: list[Pair], budget: float) -> GroupWeights:
    """Return what a group's pairs say, at least one; spectra of evenly spaced living ones within `budget` (sum of rank^3)."""
    import numpy as np

    norms = np.array([pair.norm for pair in pairs])
    living = [pair for pair, norm in zip(pairs, norms, strict=True) if norm >= DEAD_NORM]
    chosen = _spread(living, budget)
    spectra = [singular_values(pair) for pair in chosen]
    effective = [effective_rank(values) for values in spectra]
    shares = [found / len(pair.left) for found, pair in zip(effective, chosen, strict=True)]
    return GroupWeights(
        modules=len(pairs),
        dead=len(pairs) - len(living),
        rank=max(len(pair.left) for pair in pairs),
        mean_norm=float(norms.mean()),
        rms=math.sqrt(float((norms**2).sum()) / sum(pair.size for pair in pairs)),
        spectral_norm=float(np.median([values[0] for values in spectra])) if spectra else 0.0,
        effective_rank=float(np.median(effective)) if effective else math.nan,
        stable_rank=float(np.median([stable_rank(values) for values in spectra])) if spectra else math.nan,
        rank_shares=tuple(np.percentile(shares, range(0, 101, 10)).tolist()) if shares else (),
    )


def _spread(pairs: list[Pair], budget: float) -> list[Pair]:
    """Return all pairs, or evenly spaced ones where the spectra of all would cost more than the budget; at least one of some."""
    cost = sum(len(pair.left) ** 3 for pair in pairs)
    count = len(pairs) if cost <= budget else max(1, int(len(pairs) * budget / cost))
    return [pairs[(2 * i + 1) * len(pairs) // (2 * count)] for i in range(count)]
