"""Labels of variants against those of other variants that share their substitutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.faults.landscape import VariantSet

MAX_ROWS: Final = 3000
"""Larger libraries are thinned evenly: peaks of a tenth of the rows are seen in 3000, too."""

RIDGE: Final = 1.0
ROWS_PER_EFFECT: Final = 2.0
ROUNDS: Final = 6
MAX_SPREAD: Final = 0.9
"""Residuals wider than this after two rounds show no peak 3 units off; the rest is not worth it."""

TUKEY: Final = 4.685
"""Tukey's biweight constant (95 % efficiency for normal errors)."""


@dataclass(frozen=True, slots=True)
class Residuals:
    """Labels minus fitted effects; both arrays have shape (n,)."""

    values: NDArray[np.float64]
    rows: NDArray[np.int64]
    """Rows of the library that the residuals are for."""


def additive_residuals(library: VariantSet) -> Residuals | None:
    """Label minus the sum of position and substitution effects; None where none can be fitted.

    Ridge regression on "position changed" and "position changed to this residue" with a free
    intercept, refitted with Tukey's biweights so that rows in another unit do not pull it. At
    least two rows for each effect that several rows share are needed, and a spread of the residuals
    below 0.9.

    An effect that only one row has needs no column: with penalty l on the sum of a row's own
    effects and weight w, ridge regression gives the row the weight w l / (w + l) in the rest, and
    leaves l / (w + l) of its residual.
    """
    from scipy import linalg, sparse

    rows = np.arange(len(library.values), dtype=np.int64)[:: 1 + len(library.values) // MAX_ROWS]
    design, single = _design(library.letters[rows], library.consensus)
    if len(rows) < ROWS_PER_EFFECT * design.shape[1]:
        return None
    values = library.values[rows]
    own_penalty = np.where(single > 0, RIDGE / np.maximum(single, 1), np.inf)
    weights = np.ones(len(rows))
    residuals = values - np.median(values)
    penalty = RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 1e-9
    sparse_design = sparse.csr_array(design)  # a row has a few of the effects
    for iteration in range(1, ROUNDS + 1):
        shrinkage = 1.0 / (1.0 + weights / own_penalty)
        weighted = sparse_design.multiply((weights * shrinkage)[:, None]).T
        normal = (weighted @ sparse_design).toarray() + penalty
        effects = linalg.solve(normal, weighted @ values, assume_a="pos")
        residuals = (values - sparse_design @ effects) * shrinkage
        residuals = residuals - np.median(residuals)
        scale = 1.4826 * float(np.median(np.abs(residuals))) + 1e-6
        if iteration == 2 and scale > MAX_SPREAD:
            return None
        reach = np.clip(np.abs(residuals) / (TUKEY * scale), 0.0, 1.0)
        weights = (1.0 - reach**2) ** 2 + 1e-6
    return Residuals(residuals, rows)


def _design(
    letters: NDArray[np.uint8], consensus: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Columns that several rows share, and the number of substitutions that only one row has."""
    changed = letters != consensus
    positions = np.flatnonzero(changed.any(axis=0))
    columns = [np.ones(len(letters), dtype=np.bool_)]
    columns += [changed[:, position] for position in positions if changed[:, position].sum() > 1]
    single = np.zeros(len(letters), dtype=np.int64)
    for position in positions:
        for letter in np.unique(letters[changed[:, position], position]):
            has = letters[:, position] == letter
            if has.sum() > 1:
                columns.append(has)
            else:
                single += has
    return np.stack(columns, axis=1).astype(np.float64), single
