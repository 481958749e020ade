"""A calibration: for each verdict the distribution of errors, and what was measured of them.

What is guaranteed, and for whom:

* ``new antigen`` and ``neither known``: rows of one antigen cluster share its mass, so an interval
  covers a pair with an antigen drawn as the training table's antigen clusters were, averaged over
  such antigens. Not for each antigen, and not for each row of a large cluster.
* ``in-domain`` and ``new antibody``: each row counts once; an interval covers a pair drawn as the
  training table's rows of that verdict were, large clusters of antigens included as they are.
* The scores come from models of the folds and not from the one that is served (cross-conformal
  prediction, Vovk, Ann Math Artif Intell 74:9, 2015): coverage is about, not at least, the level.
* The rows are pairs that were measured, nearly all of them binders: an interval holds for a pair
  that binds, and nothing here tells whether one does.
* A censored row counts with the least error its bound allows, and not at all where the prediction
  lies on the allowed side. Its interval is then compatible with the bound, no more is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.errors import ModelError, OptionError
from abag.uncertainty.conformal import ScoreDistribution, compatibility_scores
from abag.uncertainty.coverage import GroupFigures, cross_fold_half_widths, group_figures
from abag.uncertainty.domain import Familiarity, Verdict
from abag.uncertainty.nearness import Nearness, fit_nearness

Reals = NDArray[np.float64]

DEFAULT_LEVEL: Final = 0.9
NEW_ANTIGENS: Final = (Verdict.NEW_ANTIGEN, Verdict.NEITHER)


@dataclass(frozen=True)
class Calibration:
    """Error distributions and measured errors by verdict.

    A verdict without rows of its own takes the intervals of ``neither known``, the widest, where
    there are any; a measured error is never borrowed.
    """

    distributions: Mapping[Verdict, ScoreDistribution]
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
        half = cross_fold_half_widths(rows, lambda others, test: _half_widths(others, test, level))
        nearness = fit_nearness(rows)
        figures = group_figures(rows, half, level)
        return cls(score_distributions(rows, nearness), nearness, figures)

    def half_widths(self, known: Familiarity, scale: Reals, level: float) -> Reals:
        """Half of the width of each interval, in pKd, shape (n,); infinite where unknown.

        ``scale`` is that of the model (:func:`abag.uncertainty.out_of_fold.predict_with_scale`).
        """
        require_level(level)
        return _widths(self.distributions, self.nearness, known, scale, level)

    def quantiles(self, level: float) -> dict[Verdict, float]:
        """Largest score inside the interval of each verdict; infinite with too few rows."""
        return _quantiles(self.distributions, level)

    def as_json(self) -> dict[str, Any]:
        """Measured figures by verdict."""
        return {verdict.value: asdict(figures) for verdict, figures in self.figures.items()}

    def arrays(self) -> dict[str, Reals]:
        """The distributions as arrays to be saved."""
        arrays = {"nearness": np.array([*astuple(self.nearness)])}
        for verdict, one in self.distributions.items():
            arrays[f"scores.{verdict.value}"] = one.scores
            arrays[f"shares.{verdict.value}"] = one.shares
        return arrays

    @classmethod
    def from_saved(cls, figures: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`as_json` and :meth:`arrays`."""
        return cls(
            {
                verdict: ScoreDistribution(
                    arrays[f"scores.{verdict.value}"], arrays[f"shares.{verdict.value}"]
                )
                for verdict in Verdict
                if f"scores.{verdict.value}" in arrays
            },
            Nearness(*arrays["nearness"].tolist()),
            {Verdict(name): GroupFigures(**content) for name, content in figures.items()},
        )


def score_distributions(rows: pl.DataFrame, nearness: Nearness) -> dict[Verdict, ScoreDistribution]:
    """Distribution of the scores of each verdict that has rows which can tell."""
    predicted, lower, upper = (rows[name].to_numpy() for name in ("prediction", "lower", "upper"))
    scores = compatibility_scores(predicted, _scale(rows, nearness), lower, upper)
    scored = rows.with_columns(score=pl.Series(scores)).filter(pl.col("score").is_not_nan())
    found = {}
    for verdict in Verdict:
        group = scored.filter(pl.col("verdict") == verdict.value)
        unit = "cluster" if verdict in NEW_ANTIGENS else "record_id"
        if group.height:
            found[verdict] = ScoreDistribution.of(group["score"].to_numpy(), group[unit].to_list())
    return found


def _scale(rows: pl.DataFrame, nearness: Nearness) -> Reals:
    near = (rows[name].to_numpy() for name in ("antibody_identity", "antigen_identity"))
    return np.asarray(rows["scale"].to_numpy() * nearness.scale(*near), dtype=np.float64)


def _half_widths(others: pl.DataFrame, test: pl.DataFrame, level: float) -> Reals:
    """Half widths of test rows, calibrated on others."""
    nearness = fit_nearness(others)
    known = Familiarity(
        *(test[name].to_numpy() for name in ("antibody_identity", "antigen_identity"))
    )
    distributions = score_distributions(others, nearness)
    return _widths(distributions, nearness, known, test["scale"].to_numpy(), level)


def _widths(
    distributions: Mapping[Verdict, ScoreDistribution],
    nearness: Nearness,
    known: Familiarity,
    scale: Reals,
    level: float,
) -> Reals:
    """Half widths; a verdict with too few rows has the usual one of ``neither known``.

    What is learnt of nearness among other verdicts must not make that one narrower. Nor is an
    interval of ``new antigen`` ever narrower than it: its few rows are antibodies that were seen
    to bind a second antigen, and to know an antibody says nothing of an antigen at random.
    """
    own = _quantiles(distributions, level)
    near = nearness.scale(known.antibody, known.antigen)
    far = own[Verdict.NEITHER] * nearness.far
    least = {verdict: far if verdict is Verdict.NEW_ANTIGEN else 0.0 for verdict in Verdict}
    by_row = [
        far if math.isinf(own[verdict]) else max(own[verdict] * one, least[verdict])
        for verdict, one in zip(known.verdicts, near.tolist(), strict=True)
    ]
    return np.asarray(np.array(by_row, dtype=np.float64) * scale, dtype=np.float64)


def _quantiles(
    distributions: Mapping[Verdict, ScoreDistribution], level: float
) -> dict[Verdict, float]:
    """Quantile of each verdict; infinite where its rows do not reach the level."""
    return {
        verdict: distributions[verdict].quantile(level) if verdict in distributions else math.inf
        for verdict in Verdict
    }


def require_level(level: float) -> None:
    """Raise :class:`OptionError` unless ``level`` is a share between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise OptionError(
            f"the level of an interval is {level:g}; give a share above 0 and below 1, such as 0.9"
        )
