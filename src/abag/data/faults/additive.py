"""What a variant's label should be, judged by the other variants that share its substitutions."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.faults.landscape import Landscape

MAX_ROWS: Final = 4000
"""Larger libraries are thinned evenly: peaks of a tenth of the rows are seen in 4000, too."""

RIDGE: Final = 1.0
FEWEST_ROWS: Final = 3
"""A substitution seen in fewer rows has no effect of its own, only that of its position."""

ROUNDS: Final = 8
TUKEY: Final = 4.685
"""Tukey's biweight constant (95 % efficiency for normal errors)."""


def additive_residuals(library: Landscape) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Label minus the sum of position and substitution effects, and the rows it is for.

    Ridge regression on "position changed" and "position changed to this residue" with a free
    intercept, refitted with Tukey's biweights so that rows in another unit do not pull it.
    """
    rows = np.arange(len(library.values), dtype=np.int64)[:: 1 + len(library.values) // MAX_ROWS]
    design = _design(library.letters[rows], library.consensus)
    values = library.values[rows]
    weights = np.ones(len(rows))
    residuals = values - np.median(values)
    penalty = RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 0.0
    for _ in range(ROUNDS):
        weighted = design * weights[:, None]
        effects = np.linalg.solve(weighted.T @ design + penalty, weighted.T @ values)
        residuals = values - design @ effects
        residuals = residuals - np.median(residuals)
        scale = 1.4826 * float(np.median(np.abs(residuals))) + 1e-6
        reach = np.clip(np.abs(residuals) / (TUKEY * scale), 0.0, 1.0)
        weights = (1.0 - reach**2) ** 2 + 1e-6
    return residuals, rows


def _design(letters: NDArray[np.uint8], consensus: NDArray[np.uint8]) -> NDArray[np.float64]:
    changed = letters != consensus
    columns = [np.ones(len(letters), dtype=np.bool_)]
    columns += [changed[:, place] for place in np.flatnonzero(changed.any(axis=0))]
    for place in np.flatnonzero(changed.any(axis=0)):
        seen, counts = np.unique(letters[changed[:, place], place], return_counts=True)
        columns += [letters[:, place] == letter for letter in seen[counts >= FEWEST_ROWS]]
    return np.stack(columns, axis=1).astype(np.float64)
