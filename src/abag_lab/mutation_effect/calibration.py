"""Slope and errors of the mutation-effect model, from assays that its weights never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from abag.model.mutation_effect.scale import Scale, error_terms, exposure
from abag.model.mutation_effect.scales import Codes, Reals
from abag_lab.mutation_effect.design import Design

DEPTH: Final = 4.0
"""Where losses level off, pKd."""
LEVEL: Final = 0.9
_NORMAL: Final = 1.6448536269514722
_FEWEST_ROWS: Final = 10
_FLOOR: Final = 0.6
"""The least standard deviation before widening, pKd: of 0.2 to 1.0 the likeliest on left-out
clusters. Measurement repeats to about 0.3."""
_LARGEST: Final = 3.0
"""Errors are cut to this many pKd where the variance is learnt: a non-binder is a bound."""


@dataclass(frozen=True, slots=True)
class BlindAssay:
    """One assay in pKd and the combined effects of its rows, from weights without its cluster."""

    design: Design
    cluster: str
    total: Reals
    power: float

    @property
    def mutants(self) -> Codes:
        """Rows that differ from the parent."""
        return np.flatnonzero(self.design.mutations > 0)

    def errors(self, scale: Scale) -> Reals:
        """Measured minus predicted of the mutants, pKd."""
        found = scale.level(self.total)
        return np.asarray((self.design.delta - found)[self.mutants])

    def deviations(self, scale: Scale) -> Reals:
        """What the scale says of them."""
        rows = self.mutants
        return scale.deviation(exposure(self.design.features[rows]), self.design.mutations[rows])


def blind_assays(
    designs: Sequence[Design],
    clusters: Mapping[str, str],
    weights: Mapping[str, Reals],
    power: float,
) -> list[BlindAssay]:
    """Assays in pKd with their effects; ``weights`` by cluster, learnt without it."""
    return [
        BlindAssay(
            one,
            clusters[one.name],
            one.combined(weights[clusters[one.name]], power),
            power,
        )
        for one in designs
        if one.absolute and (one.mutations > 0).any()
    ]


def learn_scale(assays: Sequence[BlindAssay]) -> Scale:
    """Slope and errors.

    The slope is the median over assays of the slope through the origin. The variance is fitted to
    squared errors by non-negative least squares, each assay weighing the same. It is then widened
    so that 90 % of the errors, each cluster and in it each assay weighing the same, lie within
    1.645 deviations when slope and variance are learnt without the cluster.
    """
    clusters = sorted({one.cluster for one in assays})
    ratios = []
    for one in assays:
        others = [other for other in assays if other.cluster != one.cluster]
        scale = _narrow_scale(others if len(clusters) > 1 else assays)
        ratios.append(np.abs(one.errors(scale)) / one.deviations(scale))
    widening = _quantile(ratios, _shares(assays), LEVEL) / _NORMAL
    return replace(_narrow_scale(assays), widening=widening)


def _narrow_scale(assays: Sequence[BlindAssay]) -> Scale:
    from scipy.optimize import nnls

    slopes = []
    for one in assays:
        square = float(one.total @ one.total)
        if len(one.total) >= _FEWEST_ROWS and square > 0:
            slopes.append(float(one.total @ one.design.delta) / square)
    slope = max(float(np.median(slopes)), 0.05)
    scale = Scale(slope, DEPTH, assays[0].power, 1.0, 0.0, 0.0, 1.0)
    terms, squares = [], []
    for one in assays:
        rows = one.mutants
        share = 1.0 / np.sqrt(len(rows))
        found = error_terms(exposure(one.design.features[rows]), one.design.mutations[rows])
        terms.append(found * share)
        squares.append(one.errors(scale).clip(-_LARGEST, _LARGEST) ** 2 * share)
    parts, _ = nnls(np.concatenate(terms), np.concatenate(squares))
    floor, contact, burial = np.sqrt(np.maximum(parts, [_FLOOR**2, 0.0, 0.0])).tolist()
    return replace(scale, floor=floor, contact=contact, burial=burial)


def left_out_coverage(assays: Sequence[BlindAssay]) -> dict[str, float]:
    """Share of errors within 1.645 deviations in each cluster, by a scale learnt without it."""
    found: dict[str, float] = {}
    for cluster in sorted({one.cluster for one in assays}):
        scale = learn_scale([one for one in assays if one.cluster != cluster])
        shares = [
            float((np.abs(one.errors(scale)) <= _NORMAL * one.deviations(scale)).mean())
            for one in assays
            if one.cluster == cluster
        ]
        found[cluster] = round(float(np.mean(shares)), 4)
    return found


def _shares(assays: Sequence[BlindAssay]) -> list[float]:
    """Weight of each assay: the clusters weigh the same, and the assays inside one."""
    names = [one.cluster for one in assays]
    return [1.0 / names.count(name) for name in names]


def _quantile(values: Sequence[Reals], weights: Sequence[float], level: float) -> float:
    """Quantile of all values, each list of them having its weight as a whole."""
    whole = np.concatenate(values)
    each = [np.full(len(v), w / len(v)) for v, w in zip(values, weights, strict=True)]
    order = np.argsort(whole, kind="stable")
    reached = np.cumsum(np.concatenate(each)[order])
    return float(whole[order][np.searchsorted(reached, level * reached[-1])])
