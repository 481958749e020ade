"""How errors shrink with nearness to the training rows: two numbers, learnt out of fold.

Errors within a verdict still depend on how near the nearest training antibody and antigen are. The
scale of an error is taken as proportional to exp(-b u - c v) with u and v the identities and b and
c not negative; b and c maximise the likelihood of the absolute errors as exponential variables,
with a level of its own for each verdict. A convex problem; the levels themselves are not used,
the quantiles of each verdict take their place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.uncertainty.domain import Verdict

Reals = NDArray[np.float64]

_PENALTY: Final = 1.0
"""Of b and c squared, in rows' worth of log-likelihood: against overfitting of small tables."""
_STEEPEST: Final = 5.0


@dataclass(frozen=True, slots=True)
class Nearness:
    """Slopes of the logarithm of the error's scale; zero where nearness tells nothing."""

    antibody: float = 0.0
    antigen: float = 0.0
    far: float = 1.0
    """Median scale of the rows of which neither side is known."""

    def scale(self, antibody_identity: Reals, antigen_identity: Reals) -> Reals:
        """Relative scale of the error of each row, shape (n,)."""
        slope = self.antibody * antibody_identity + self.antigen * antigen_identity
        return np.asarray(np.exp(-slope), dtype=np.float64)


def fit_nearness(rows: pl.DataFrame) -> Nearness:
    """Learn from out-of-fold rows (:data:`abag.uncertainty.out_of_fold.COLUMNS`), exact ones."""
    from scipy.optimize import minimize

    exact = rows.filter(pl.col("lower") == pl.col("upper"))
    if exact.height < 2:
        return Nearness()
    error = (exact["prediction"] - exact["lower"]).abs().to_numpy() / exact["scale"].to_numpy()
    error = np.maximum(error, 1e-3 * max(float(error.mean()), 1e-9))
    verdict = np.unique(exact["verdict"].to_numpy().astype(np.str_), return_inverse=True)[1]
    levels = np.eye(int(verdict.max()) + 1)[verdict]
    near = exact.select("antibody_identity", "antigen_identity").to_numpy()
    design = np.hstack([levels, -near])

    def loss(parameters: Reals) -> tuple[float, Reals]:
        slopes = parameters[-2:]
        linear = design @ parameters
        ratio = error * np.exp(-linear)
        gradient = design.T @ (1.0 - ratio)
        gradient[-2:] += 2.0 * _PENALTY * slopes
        return float((linear + ratio).sum() + _PENALTY * (slopes**2).sum()), gradient

    start = np.zeros(design.shape[1])
    start[:-2] = np.log(error.mean())
    bounds = [(None, None)] * (design.shape[1] - 2) + [(0.0, _STEEPEST)] * 2
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    slopes = Nearness(float(found.x[-2]), float(found.x[-1]))
    far = exact.filter(pl.col("verdict") == Verdict.NEITHER.value)
    if far.is_empty():
        return slopes
    scales = slopes.scale(far["antibody_identity"].to_numpy(), far["antigen_identity"].to_numpy())
    return replace(slopes, far=float(np.median(scales)))
