"""A calibration: for each verdict the distribution of errors, and what was measured of them.

What is guaranteed, and for whom:

* ``known antibody, other antigen`` and ``neither known``: rows of one antigen cluster share its
  mass, so an interval covers a pair with an antigen drawn as the training table's antigen clusters
  were, averaged over such antigens. Not for each antigen, and not for each row of a large cluster.
* ``variant of a measured pair`` and ``known antigen, new antibody``: half of the mass is that of
  natural pairs, each row once; the other half that of designed variants, each family once: a pair
  to be predicted may as well be a design, and these lie lower.
* The scores come from models of the folds and not from the one that is served (cross-conformal
  prediction, Vovk, Ann Math Artif Intell 74:9, 2015): coverage is about, not at least, the level.
* The rows are pairs that were measured, nearly all of them binders: an interval holds for a pair
  that binds. What there is to say on whether one does is said apart.
* A censored row counts with the least error its bound allows, and not at all where the prediction
  lies on the allowed side. Its interval is then compatible with the bound, no more is known.

Each end of an interval has its own quantile, because designed variants are predicted too high more
often than too low.

Scores of rows that the model had not seen are ranked, those of predictions that are too high apart
from those too low; each end of the interval takes the score below which its share lies, with a
unit of mass at infinity for the pair to come (the finite-sample correction). Rows of one unit share
its mass, so that a new *cluster*, not a new row of the largest cluster, is what the interval is
made for (two-layer sampling: Dunn, Wasserman and Ramdas, J Am Stat Assoc 118:2491, 2023; Lee,
Barber and Willett, arXiv 2306.06342). Strata of units have the same mass each, however many units.

Errors within a verdict still depend on how near the nearest training antibody and antigen are. The
scale of an error is taken as proportional to exp(-b u - c v) with u and v the identities and b and
c not negative; b and c maximise the likelihood of the absolute errors as exponential variables,
with a level of its own for each verdict. A convex problem; the levels themselves are not used,
the quantiles of each verdict take their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from numbers import Real
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import ModelError, OptionError
from abag.model.cross_validation import Fold, cross_validate
from abag.uncertainty.coverage import GroupFigures, Reaches, group_figures
from abag.uncertainty.domain import Familiarity, Verdict

Reals = NDArray[np.float64]

_ROUNDING: Final = 1e-12


class Scores(NamedTuple):
    """How far each measurement lies below and above its prediction, in units of its scale, (n,).

    Negative on the other side. NaN where a bound leaves it open.
    """

    below: Reals
    above: Reals

    @property
    def either(self) -> Reals:
        """The larger of both. NaN where a bound leaves it open."""
        return np.fmax(self.below, self.above)


def signed_scores(prediction: Reals, scale: Reals, lower: Reals, upper: Reals) -> Scores:
    """Scores of measurements that lie between ``lower`` and ``upper``, equal where exact.

    The score of a censored row on whose allowed side the prediction lies is NaN: how large its
    error is stays open; else it counts with the least error that its bound allows.
    """
    exact = lower == upper
    below, above = (prediction - upper) / scale, (lower - prediction) / scale
    outside_low, outside_high = prediction > upper, prediction < lower
    return Scores(
        np.where(exact | outside_low, below, np.where(outside_high, -above, np.nan)),
        np.where(exact | outside_high, above, np.where(outside_low, -below, np.nan)),
    )


@dataclass(frozen=True, slots=True)
class ScoreDistribution:
    """Sorted scores, each with its share of the mass; what is missing to 1 lies at infinity."""

    scores: Reals
    shares: Reals

    @classmethod
    def of(cls, scores: Reals, units: Sequence[str], strata: Sequence[str] | None = None) -> Self:
        """Weigh strata equally, the units of one equally, and the rows of a unit equally.

        With one stratum and a unit for each row this is the ordinary split-conformal quantile.
        """
        if not len(scores):
            return cls(np.zeros(0), np.zeros(0))
        layer = np.array(strata if strata is not None else [""] * len(scores), dtype=np.str_)
        unit = np.array(units, dtype=np.str_)
        shares = np.zeros(len(scores))
        names = np.unique(layer)
        count = 0
        for name in names:
            inside = layer == name
            _, unit_of_row, sizes = np.unique(unit[inside], return_inverse=True, return_counts=True)
            shares[inside] = 1.0 / (len(names) * len(sizes) * sizes[unit_of_row])
            count += len(sizes)
        # One unit of the mass of all lies at infinity: the pair to come.
        shares *= count / (count + 1.0)
        order = np.argsort(scores, kind="stable")
        return cls(scores[order], shares[order])

    def quantile(self, level: float) -> float:
        """Least score with ``level`` of the mass at or below it; infinite where there is none."""
        reached = np.cumsum(self.shares) >= level - _ROUNDING
        return float(self.scores[int(reached.argmax())]) if reached.any() else float("inf")


_PENALTY: Final = 1.0
"""Of b and c squared, in rows' worth of log-likelihood: against overfitting of small tables."""
_STEEPEST: Final = 5.0


@dataclass(frozen=True, slots=True)
class Nearness:
    """Slopes of the logarithm of the error's scale; zero where nearness makes no difference."""

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
    identities = exact.select("antibody_identity", "antigen_identity").to_numpy()
    design = np.hstack([levels, -identities])

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
    fitted = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    slopes = Nearness(float(fitted.x[-2]), float(fitted.x[-1]))
    far = exact.filter(pl.col("verdict") == Verdict.NEITHER.value)
    if far.is_empty():
        return slopes
    scales = slopes.scale(far["antibody_identity"].to_numpy(), far["antigen_identity"].to_numpy())
    return replace(slopes, far=float(np.median(scales)))


DEFAULT_LEVEL: Final = 0.9
Distributions: TypeAlias = Mapping[Verdict, ScoreDistribution]
SIDES: Final = ("below", "above", "either")
NEW_ANTIGENS: Final = (Verdict.NEW_ANTIGEN, Verdict.NEITHER)


class Ends(NamedTuple):
    """Distributions of the scores on each side of a prediction, by verdict."""

    below: Distributions
    above: Distributions
    either: Distributions


@dataclass(frozen=True)
class Calibration:
    """Error distributions below, above and on either side of a prediction, and measured errors.

    Where a verdict has too few rows for the share of one end, both ends reach as far as errors on
    either side. A verdict without rows of its own takes the intervals of ``neither known``, the
    widest, where there are any; a measured error is never borrowed.
    """

    ends: Ends
    nearness: Nearness
    figures: Mapping[Verdict, GroupFigures]

    @classmethod
    def of(cls, rows: pl.DataFrame, level: float = DEFAULT_LEVEL) -> Self:
        """Calibrate on out-of-fold rows (:data:`abag.uncertainty.out_of_fold.COLUMNS`).

        ``level`` is that of the measured coverage and width; intervals may have any.

        Raises:
            ModelError: no row can be used.
        """
        if rows.is_empty():
            raise ModelError(
                "nothing to calibrate on: the rows need a pKd or a bound, an antigen, and at least "
                "two complexes; fit without --calibrate"
            )
        require_level(level)
        reaches = held_out_reaches(rows, level)
        nearness = fit_nearness(rows)
        figures = group_figures(rows, reaches, level)
        return cls(score_distributions(rows, nearness), nearness, figures)

    def reaches(self, known: Familiarity, scale: Reals, level: float) -> Reaches:
        """How far each interval reaches below and above its prediction, in pKd, each (n,).

        Infinite where unknown. ``scale`` is the model's own standard deviation
        (:attr:`abag.model.protocol.Answer.spread`).
        """
        identities = (known.antibody, known.antigen)
        return self.reaches_of(known.verdicts, identities, scale, level)

    def reaches_of(
        self, verdicts: Sequence[Verdict], identities: Sequence[Reals], scale: Reals, level: float
    ) -> Reaches:
        """The same of rows with these verdicts and identities to antibody and antigen, (n,)."""
        require_level(level)
        return _reaches(self.ends, self.nearness, verdicts, identities, scale, level)

    def as_json(self) -> dict[str, Any]:
        """Measured figures by verdict."""
        return {verdict.value: asdict(figures) for verdict, figures in self.figures.items()}

    def arrays(self) -> dict[str, Reals]:
        """The distributions as arrays to be saved."""
        arrays = {"nearness": np.array([*astuple(self.nearness)])}
        for side, distributions in zip(SIDES, self.ends, strict=True):
            for verdict, distribution in distributions.items():
                arrays[f"scores.{side}.{verdict.name}"] = distribution.scores
                arrays[f"shares.{side}.{verdict.name}"] = distribution.shares
        return arrays

    @classmethod
    def from_saved(cls, figures: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`as_json` and :meth:`arrays`."""
        ends = Ends(
            *(
                {
                    verdict: ScoreDistribution(arrays[scores], arrays[f"shares.{name}"])
                    for verdict in Verdict
                    if (scores := f"scores.{(name := f'{side}.{verdict.name}')}") in arrays
                }
                for side in SIDES
            )
        )
        return cls(
            ends,
            Nearness(*arrays["nearness"].tolist()),
            {Verdict(name): GroupFigures(**content) for name, content in figures.items()},
        )


def held_out_reaches(rows: pl.DataFrame, level: float) -> Reaches:
    """Reaches of the interval of each out-of-fold row, calibrated on the other folds.

    The folds' models were fitted on each other's rows, so this is a check of the quantiles and not
    a nested experiment.
    """
    names = (rows["scheme"] + " " + rows["fold"]).to_numpy()
    folds = [
        Fold(name, rows.filter(pl.Series(names != name)), rows.filter(pl.Series(names == name)))
        for name in sorted(set(names))
    ]
    reaches = Reaches(np.full(rows.height, np.inf), np.full(rows.height, np.inf))
    by_fold = cross_validate(folds, {"": partial(_calibrated, level)}, "calibration by fold")
    for fold, parts in by_fold:
        for every_row, part in zip(reaches, parts[""], strict=True):
            every_row[names == fold.name] = part
    return reaches


def score_distributions(rows: pl.DataFrame, nearness: Nearness) -> Ends:
    """Distributions of each verdict that has scores."""
    predicted, lower, upper = (rows[name].to_numpy() for name in ("prediction", "lower", "upper"))
    scores = signed_scores(predicted, _scale(rows, nearness), lower, upper)
    sides = []
    for side in (scores.below, scores.above, scores.either):
        scored = rows.with_columns(score=pl.Series(side)).filter(pl.col("score").is_not_nan())
        by_verdict = {}
        for verdict in Verdict:
            group = scored.filter(pl.col("verdict") == verdict.value)
            if group.height:
                strata = None if verdict in NEW_ANTIGENS else group["kind"].to_list()
                unit = group["cluster" if verdict in NEW_ANTIGENS else "unit"].to_list()
                by_verdict[verdict] = ScoreDistribution.of(group["score"].to_numpy(), unit, strata)
        sides.append(by_verdict)
    return Ends(*sides)


def _scale(rows: pl.DataFrame, nearness: Nearness) -> Reals:
    identities = (rows[name].to_numpy() for name in ("antibody_identity", "antigen_identity"))
    return np.asarray(rows["scale"].to_numpy() * nearness.scale(*identities), dtype=np.float64)


def _calibrated(level: float, others: pl.DataFrame) -> Callable[[Fold[pl.DataFrame]], Reaches]:
    """Reaches of the intervals of test rows, calibrated on others."""
    nearness = fit_nearness(others)
    ends = score_distributions(others, nearness)

    def reaches(fold: Fold[pl.DataFrame]) -> Reaches:
        test = fold.test
        identities = [test[name].to_numpy() for name in ("antibody_identity", "antigen_identity")]
        verdicts = [Verdict(name) for name in test["verdict"]]
        return _reaches(ends, nearness, verdicts, identities, test["scale"].to_numpy(), level)

    return reaches


def _reaches(
    ends: Ends,
    nearness: Nearness,
    verdicts: Sequence[Verdict],
    identities: Sequence[Reals],
    scale: Reals,
    level: float,
) -> Reaches:
    """Reaches below and above; a verdict with too few rows has the usual ones of ``neither known``.

    What is learnt of nearness among other verdicts must not make those narrower. Nor is an
    interval of an antibody known elsewhere ever narrower than them: its few rows are antibodies
    that were seen to bind a second antigen, and to know one says nothing of an antigen at random.
    """
    relative = nearness.scale(identities[0], identities[1])
    reaches = []
    for side in (ends.below, ends.above):
        quantiles = {verdict: _quantile(side, ends.either, verdict, level) for verdict in Verdict}
        far = quantiles[Verdict.NEITHER] * nearness.far
        least = {verdict: far if verdict is Verdict.NEW_ANTIGEN else 0.0 for verdict in Verdict}
        by_row = [
            far
            if math.isinf(quantiles[verdict])
            else max(quantiles[verdict] * factor, least[verdict])
            for verdict, factor in zip(verdicts, relative.tolist(), strict=True)
        ]
        reaches.append(np.array(by_row, dtype=np.float64) * scale)
    return Reaches(*reaches)


def _quantile(side: Distributions, either: Distributions, verdict: Verdict, level: float) -> float:
    """Quantile of one end, not below 0; of either side where the rows are too few for one end."""
    if verdict not in side or verdict not in either:
        return math.inf
    one_sided = side[verdict].quantile((1.0 + level) / 2.0)
    return max(either[verdict].quantile(level) if math.isinf(one_sided) else one_sided, 0.0)


def require_level(level: float) -> None:
    """Raise :class:`OptionError` unless ``level`` is a share between 0 and 1."""
    try:
        is_share = bool(0.0 < level < 1.0)
    except TypeError:
        is_share = False
    if not is_share:
        shown = f"{float(level):g}" if isinstance(level, Real) else repr(level)
        raise OptionError(
            f"the level of an interval is {shown}; give a share above 0 and below 1, such as 0.9"
        )
