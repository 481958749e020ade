"""Does the error fall when a model abstains from what it does not know? The risk-coverage curve.

Test rows are put in the order in which the model would give them up: first those of which it knows
neither side, then new antigens, then new antibodies, and within a verdict those with the largest
error expected by the model itself (its standard deviation, where it gives one) and the farthest
from the training rows. Nothing of the measured values enters the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.tables import Measurements
from abag.model.pairs.relatives import Nearest
from abag.uncertainty.domain import DomainIndex, Familiarity, Verdict

Array = NDArray[np.float64]

MOST_COMPARISONS: Final = 40_000_000
"""Pairs of test and training antibodies in a fold beyond which nearness is not looked for."""
_POINTS: Final = 20
_FEWEST: Final = 10


@dataclass(frozen=True, slots=True)
class VerdictError:
    """Error of one model on the test rows of one verdict."""

    verdict: str
    rows: int
    rmse: float
    within_one: float
    """Share of rows with an error of at most 1."""


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """RMSE of the rows that are kept, for falling shares of them."""

    rows: int
    """Rows with an exact value."""
    coverage: tuple[float, ...]
    """Share of rows kept, from all downwards."""
    rmse: tuple[float, ...]
    area: float
    """Mean RMSE over the curve."""
    area_of_chance: float
    """The same when rows are given up at random: the RMSE of all."""
    area_of_oracle: float
    """The same when the largest errors are given up first: no order does better."""
    verdicts: tuple[VerdictError, ...]


def fold_familiarity(train: Measurements, test: Measurements, target: str) -> Familiarity | None:
    """How near the training rows of a fold come to its test rows; None in very large folds."""
    labelled = train.filter(pl.col(target).is_not_null())
    antibodies = labelled.antibody_keys.n_unique() * test.antibody_keys.n_unique()
    if antibodies > MOST_COMPARISONS or not len(labelled):
        return None
    return DomainIndex.of(labelled).familiarity(test)


def joined(parts: Sequence[Familiarity | None]) -> Familiarity | None:
    """Familiarity of all folds below each other; None where one of them has none."""
    present = [part for part in parts if part is not None]
    if not present or len(present) < len(parts):
        return None
    return Familiarity(Nearest.joined([part.near for part in present]))


def risk_coverage(
    error: Array, exact: NDArray[np.bool_], familiarity: Familiarity, scale: Array
) -> RiskCoverage | None:
    """The curve of one model; None with fewer than ten exact rows.

    Args:
        error: predicted minus measured, shape (n,); read where ``exact``.
        exact: rows whose value is a number.
        familiarity: nearness of the training rows to each of n rows.
        scale: the model's standard deviations, ones where it gives none, shape (n,).
    """
    if exact.sum() < _FEWEST:
        return None
    squared = error[exact] ** 2
    verdicts = np.array([list(Verdict).index(v) for v in familiarity.verdicts])[exact]
    nearness = (familiarity.antibody + familiarity.antigen)[exact]
    # The last key of lexsort comes first: verdict, then scale, then nearness.
    order = np.lexsort((-nearness, scale[exact], verdicts))
    coverage = np.linspace(1.0, 1.0 / _POINTS, _POINTS)
    answered = np.maximum((coverage * len(squared)).round().astype(np.intp), 1)
    return RiskCoverage(
        rows=len(squared),
        coverage=tuple(coverage.tolist()),
        rmse=tuple(_curve(squared[order], answered).tolist()),
        area=float(_curve(squared[order], answered).mean()),
        area_of_chance=float(np.sqrt(squared.mean())),
        area_of_oracle=float(_curve(np.sort(squared), answered).mean()),
        verdicts=tuple(
            VerdictError(
                verdict.value,
                int(inside.sum()),
                float(np.sqrt(squared[inside].mean())),
                float((squared[inside] <= 1.0).mean()),
            )
            for code, verdict in enumerate(Verdict)
            if (inside := verdicts == code).any()
        ),
    )


def _curve(squared: Array, answered: NDArray[np.intp]) -> Array:
    return np.asarray(np.sqrt(np.cumsum(squared)[answered - 1] / answered), dtype=np.float64)
