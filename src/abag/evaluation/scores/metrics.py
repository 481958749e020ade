"""Metrics of predicted against true values: pure functions on arrays, double precision.

An undefined metric (one class only, constant predictions) is a :class:`Score` without a value
and with the reason: never NaN, never 0. Higher is tighter throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.evaluation.scores import kernels
from abag.evaluation.scores.concordance import Concordance

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

TIGHT_PKD: Final = 9.0
"""KD of 1 nM: what is called a tight binder here."""


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value over ``n`` rows, or the reason why it has none."""

    value: float | None
    n: int
    reason: str | None = None


Undefined = Callable[[Array, Array], str | None]


def _none(true: Array, _pred: Array) -> str | None:
    return None if len(true) else "no rows"


def _needs_spread(true: Array, pred: Array) -> str | None:
    if len(true) < 2:
        return "fewer than 2 rows"
    if np.ptp(true) == 0:
        return "all true values are equal"
    return "all predictions are equal" if _equal(pred) else None


def _equal(pred: Array) -> bool:
    """Whether predictions differ by no more than the rounding of double precision."""
    return bool(np.ptp(pred) <= 1e-12 * np.max(np.abs(pred)))


def _needs_true_spread(true: Array, _pred: Array) -> str | None:
    if len(true) < 2:
        return "fewer than 2 rows"
    return "all true values are equal" if np.ptp(true) == 0 else None


def _needs_positives(positive: Array, _pred: Array) -> str | None:
    if not len(positive):
        return "no rows"
    return None if positive.any() else "no row is a true positive"


def _needs_both_classes(positive: Array, pred: Array) -> str | None:
    missing = _needs_positives(positive, pred)
    return missing or ("no row is a true negative" if positive.all() else None)


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric with its name, its direction and the rows that it can use."""

    key: str
    title: str
    kernel: kernels.Kernel
    undefined: Undefined
    higher_is_better: bool = True
    threshold: float | None = None
    """Where set, the true values become classes: at or above it, or surely below it."""

    def rows(self, labels: Labels) -> Rows:
        """Rows whose true value, or class, is certain."""
        if self.threshold is None:
            return labels.exact
        above, below = classes(labels, self.threshold)
        return above | below

    def truth(self, labels: Labels) -> Array:
        """True values, or 1 and 0 for the two classes, of rows that are all certain."""
        if self.threshold is None:
            return labels.value
        return classes(labels, self.threshold)[0].astype(np.float64)

    def score(self, labels: Labels, pred: Array) -> Score:
        """The metric over all rows that it can use."""
        rows = self.rows(labels)
        return self.of(self.truth(labels.take(rows)), pred[rows])

    def of(self, true: Array, pred: Array) -> Score:
        """The metric of true values (n,) and predictions (n,), both numbers."""
        true, pred = np.asarray(true, np.float64), np.asarray(pred, np.float64)
        reason = self.undefined(true, pred)
        if reason is not None:
            return Score(None, len(true), reason)
        value = float(self.kernel(true, pred, np.ones((1, len(true))))[0])
        if not np.isfinite(value):
            return Score(None, len(true), "the metric is not finite on these rows")
        return Score(value, len(true))


def classes(labels: Labels, threshold: float) -> tuple[Rows, Rows]:
    """Rows surely at or above the threshold, and rows surely below it.

    Bounds are strict: a row below 9 is surely not at or above 9; rows whose bounds span the
    threshold are in neither class.
    """
    above = labels.lower >= threshold
    below = np.where(labels.exact, labels.value < threshold, labels.upper <= threshold)
    return above, below.astype(np.bool_)


SPEARMAN: Final = Measure("spearman", "Spearman", kernels.spearman, _needs_spread)
PEARSON: Final = Measure("pearson", "Pearson", kernels.pearson, _needs_spread)
RMSE: Final = Measure("rmse", "RMSE", kernels.rmse, _none, higher_is_better=False)
MAE: Final = Measure("mae", "MAE", kernels.mae, _none, higher_is_better=False)
R_SQUARED: Final = Measure("r_squared", "R²", kernels.r_squared, _needs_true_spread)
BIAS: Final = Measure("bias", "mean error", kernels.bias, _none, higher_is_better=False)

spearman, pearson, rmse, mae, r_squared = (
    metric.of for metric in (SPEARMAN, PEARSON, RMSE, MAE, R_SQUARED)
)
"""The metrics as functions of true values and predictions."""
REGRESSION: Final = (SPEARMAN, PEARSON, RMSE, MAE, R_SQUARED, BIAS)


def decision_measures(threshold: float = TIGHT_PKD) -> tuple[Measure, ...]:
    """Recall, precision, AUROC and enrichment of calling rows tight at ``threshold``."""

    def needs_calls(positive: Array, pred: Array) -> str | None:
        missing = _needs_positives(positive, pred)
        return missing or (None if (pred >= threshold).any() else "no prediction reaches it")

    at = f"at {threshold:g}"
    return (
        Measure(
            "recall", f"recall {at}", kernels.recall_at(threshold), _needs_positives,
            threshold=threshold,
        ),
        Measure(
            "precision", f"precision {at}", kernels.precision_at(threshold), needs_calls,
            threshold=threshold,
        ),
        Measure("auroc", f"AUROC {at}", kernels.auroc, _needs_both_classes, threshold=threshold),
        Measure(
            "enrichment", f"enrichment {at}", kernels.enrichment_at(threshold), needs_calls,
            threshold=threshold,
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Budget:
    """How many of the best-predicted rows would be made and measured."""

    count: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if (self.count is None) == (self.share is None):
            raise ValueError("name either a count or a share")
        if (self.count or 1) < 1 or not 0 < (self.share or 1.0) <= 1:
            raise ValueError(f"not a budget: {self}")

    @property
    def title(self) -> str:
        """``top 10`` or ``top 5 %``."""
        return f"top {self.count}" if self.count else f"top {100 * (self.share or 0):g} %"

    @property
    def key(self) -> str:
        """``top_10`` or ``top_5_percent``."""
        return f"top_{self.count}" if self.count else f"top_{100 * (self.share or 0):g}_percent"


BUDGETS: Final = (Budget(count=10), Budget(share=0.01), Budget(share=0.05))


def budget_measures(budget: Budget, threshold: float = TIGHT_PKD) -> tuple[Measure, ...]:
    """Share of tight binders among the best-predicted rows, and enrichment over chance."""

    def enough(positive: Array, pred: Array) -> str | None:
        missing = _needs_positives(positive, pred)
        if missing is None and budget.count is not None and len(positive) < budget.count:
            return f"fewer than {budget.count} rows"
        return missing

    hits = kernels.hits_in_top(count=budget.count, share=budget.share)
    factor = kernels.enrichment_in_top(count=budget.count, share=budget.share)
    return (
        Measure(f"hits_{budget.key}", f"hits in {budget.title}", hits, enough, True, threshold),
        Measure(
            f"enrichment_{budget.key}", f"enrichment in {budget.title}", factor, enough, True,
            threshold,
        ),
    )  # fmt: skip


def concordance(labels: Labels, pred: Array) -> Score:
    """Harrell's C over the pairs of rows whose true order is certain (chance 0.5).

    ``n`` of the score counts rows, censored ones included.
    """
    rows = labels.known
    index = Concordance(labels.take(rows), np.asarray(pred, dtype=np.float64)[rows])
    value = float(index(np.ones((1, int(rows.sum()))))[0]) if rows.any() else np.nan
    if not np.isfinite(value):
        return Score(None, int(rows.sum()), "no pair of rows has a certain order")
    return Score(value, int(rows.sum()))


@dataclass(frozen=True, slots=True)
class BandScore:
    """Errors among the rows whose true value lies in [low, high)."""

    low: float
    high: float
    n: int
    censored: int
    """Censored rows surely inside the band; they enter no error."""
    rmse: Score
    mae: Score
    bias: Score
    """Mean of prediction minus true value."""
    spearman: Score
    """Inside a narrow band the range is small: expect low values."""

    @property
    def title(self) -> str:
        """``<6``, ``6-7`` or ``>=10``."""
        if np.isneginf(self.low):
            return f"<{self.high:g}"
        return f"≥{self.low:g}" if np.isposinf(self.high) else f"{self.low:g}–{self.high:g}"


BAND_EDGES: Final = (6.0, 7.0, 8.0, 9.0, 10.0)


def by_band(
    labels: Labels, pred: Array, edges: tuple[float, ...] = BAND_EDGES
) -> tuple[BandScore, ...]:
    """Errors by band of the true value: below the first edge, between edges, from the last on."""
    limits = (-np.inf, *edges, np.inf)
    bands = []
    for low, high in pairwise(limits):
        inside = labels.exact & (labels.value >= low) & (labels.value < high)
        censored = labels.censored & (labels.lower >= low) & (labels.upper <= high)
        true, guess = labels.value[inside], pred[inside]
        bands.append(
            BandScore(
                low, high, len(true), int(censored.sum()), rmse(true, guess), mae(true, guess),
                BIAS.of(true, guess), spearman(true, guess),
            )
        )  # fmt: skip
    return tuple(bands)
