"""The posterior of candidates under the model of an assay, given measured and pending variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.errors import ModelError
from abag.maturation.propose.acquisition import Belief
from abag.maturation.propose.design_space import DesignSpace, Genotype
from abag.model.assay_gp.model import AssayGP, Predictions

Reals = NDArray[np.float64]

_REACH: Final = 1.0
"""Deviations added to the mean when candidates are ranked for the shortlist."""


class Scorer:
    """Predictions of the model for genotypes."""

    def __init__(self, model: AssayGP, space: DesignSpace) -> None:
        self._model, self._space = model, space

    def table(self, variants: Sequence[Genotype]) -> pl.DataFrame:
        """Chains of variants, as the model reads them."""
        return table_of([self._space.chains(variant) for variant in variants])

    def shown(self, variants: Sequence[Genotype], scale: float) -> Predictions:
        """Median and 90 % interval of a new measurement of each variant."""
        return self._model.distribution(self.table(variants), scale=scale)

    def require_readable(self) -> None:
        """Raise ModelError where the model cannot read the parent's length."""
        reason = self._model.refusals(self.table([frozenset()]))[0]
        if reason:
            raise ModelError(
                f"the model cannot predict variants of this parent: {reason}. Give the parent "
                "whose variants were measured, cut as they were"
            )

    def optimism(self, variants: Sequence[Genotype]) -> Reals:
        """Posterior mean plus one deviation, on the scale of normal scores.

        Minus infinity for a variant whose length the model cannot read.
        """
        table = self.table(variants)
        scores = np.full(table.height, -np.inf)
        good = np.ones(table.height, dtype=np.bool_)
        if self._space.indels:
            good = np.array([reason is None for reason in self._model.refusals(table)])
        if good.any():
            shown = self._model.distribution(table.filter(pl.Series(good)))
            scores[good] = shown.mean_score + _REACH * shown.deviation
        return scores

    def belief(
        self, short: Sequence[Genotype], known: Sequence[Chains], pending: Sequence[Genotype]
    ) -> Belief:
        """The joint posterior of a shortlist.

        ``known`` are all measured variants, of which the best is to be improved upon; ``pending``
        are in the laboratory: they count as measured at their means, which lowers the deviation of
        variants like them.
        """
        model, readable = self._model, table_of(known)
        readable = readable.filter(pl.Series([r is None for r in model.refusals(readable)]))
        best = float(model.distribution(readable).mean_score.max())
        joint = model.joint(self.table([*short, *pending]))
        belief = Belief(joint.mean, joint.covariance, joint.noise, best)
        return belief.conditioned_on(np.arange(len(short), len(short) + len(pending)))


def table_of(chains: Sequence[Chains]) -> pl.DataFrame:
    """Chains as a table that a model reads."""
    return pl.DataFrame(
        {"heavy": [heavy for heavy, _ in chains], "light": [light for _, light in chains]},
        schema={"heavy": pl.String(), "light": pl.String()},
    )
