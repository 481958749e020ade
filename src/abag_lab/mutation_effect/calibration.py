"""Slope and errors of the mutation-effect model, from assays that its weights never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from abag.model.mutation_effect.priors import Codes, Reals
from abag.model.mutation_effect.scale import DEPTH, Scale, error_terms, exposure
from abag_lab.mutation_effect.design import Design

LEVEL: Final = 0.9
_NORMAL: Final = 1.6448536269514722
_SLOPES: Final = (0.05, 20.0)
_TRUSTED_ROWS: Final = 100.0
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
        """Rows that differ from the parent and have a value, not a bound."""
        return np.flatnonzero((self.design.changes.mutations > 0) & ~self.design.censored)

    def errors(self, scale: Scale) -> Reals:
        """Measured minus predicted of the mutants, pKd."""
        predicted = scale.level(self.total)
        return np.asarray((self.design.delta - predicted)[self.mutants])

    def deviations(self, scale: Scale) -> Reals:
        """Standard deviations of those errors by the scale, pKd."""
        rows, changes = self.mutants, self.design.changes
        return scale.deviation(exposure(changes)[rows], changes.mutations[rows])


def blind_assays(
    designs: Sequence[Design],
    clusters: Mapping[str, str],
    weights: Mapping[str, Reals],
    power: float,
) -> list[BlindAssay]:
    """Assays in pKd with their effects; ``weights`` by cluster, learnt without it."""
    return [
        blind
        for assay in designs
        if assay.absolute
        for blind in [
            BlindAssay(
                assay,
                clusters[assay.name],
                assay.total(weights[clusters[assay.name]], power),
                power,
            )
        ]
        if len(blind.mutants)
    ]


def learn_scale(assays: Sequence[BlindAssay]) -> Scale:
    """Slope and errors.

    The slope makes measured on predicted ΔpKd have slope 1. The variance is fitted to
    squared errors by non-negative least squares, each assay weighing the same. It is then widened
    so that 90 % of the errors, each cluster and in it each assay weighing the same, lie within
    1.645 deviations when slope and variance are learnt without the cluster.
    """
    clusters = sorted({assay.cluster for assay in assays})
    ratios = []
    for assay in assays:
        others = [other for other in assays if other.cluster != assay.cluster]
        scale = _narrow_scale(others if len(clusters) > 1 else assays)
        ratios.append(np.abs(assay.errors(scale)) / assay.deviations(scale))
    widening = _quantile(ratios, _shares(assays), LEVEL) / _NORMAL
    return replace(_narrow_scale(assays), widening=widening)


def _narrow_scale(assays: Sequence[BlindAssay]) -> Scale:
    from scipy.optimize import nnls

    scale = Scale(_slope(assays), DEPTH, assays[0].power, 1.0, 0.0, 0.0, 1.0)
    terms, squares = [], []
    for assay in assays:
        rows, changes = assay.mutants, assay.design.changes
        share = 1.0 / np.sqrt(len(rows))
        terms.append(error_terms(exposure(changes)[rows]) * share)
        squares.append(assay.errors(scale).clip(-_LARGEST, _LARGEST) ** 2 * share)
    parts, _ = nnls(np.concatenate(terms), np.concatenate(squares))
    floor, contact, burial = np.sqrt(np.maximum(parts, [_FLOOR**2, 0.0, 0.0])).tolist()
    return replace(scale, floor=floor, contact=contact, burial=burial)


def _slope(assays: Sequence[BlindAssay]) -> float:
    """Slope at which measured ΔpKd, regressed on predicted through the origin, has slope 1.

    An assay of n rows weighs n / (n + 100): a scan of everything says more of sizes than the
    twenty variants that somebody had picked.
    """
    from scipy.optimize import brentq

    shares = [1.0 / (len(assay.mutants) + _TRUSTED_ROWS) for assay in assays]

    def excess(logarithm: float) -> float:
        scale = Scale(float(np.exp(logarithm)), DEPTH, assays[0].power, 1.0, 0.0, 0.0, 1.0)
        total = 0.0
        for assay, share in zip(assays, shares, strict=True):
            predicted = scale.level(assay.total)[assay.mutants]
            total += share * float(predicted @ assay.errors(scale))
        return total

    low, high = np.log(_SLOPES)
    if excess(low) <= 0.0:
        return _SLOPES[0]
    return float(np.exp(brentq(excess, low, high))) if excess(high) < 0.0 else _SLOPES[1]


def left_out_coverage(assays: Sequence[BlindAssay]) -> dict[str, float]:
    """Share of errors within 1.645 deviations in each cluster, by a scale learnt without it."""
    coverage: dict[str, float] = {}
    for cluster in sorted({assay.cluster for assay in assays}):
        scale = learn_scale([assay for assay in assays if assay.cluster != cluster])
        shares = [
            float((np.abs(assay.errors(scale)) <= _NORMAL * assay.deviations(scale)).mean())
            for assay in assays
            if assay.cluster == cluster
        ]
        coverage[cluster] = round(float(np.mean(shares)), 4)
    return coverage


def _shares(assays: Sequence[BlindAssay]) -> list[float]:
    """Weight of each assay: the clusters weigh the same, and the assays inside one."""
    names = [assay.cluster for assay in assays]
    return [1.0 / names.count(name) for name in names]


def _quantile(values: Sequence[Reals], weights: Sequence[float], level: float) -> float:
    """Quantile of all values, each list of them having its weight as a whole."""
    joined = np.concatenate(values)
    masses = [np.full(len(v), w / len(v)) for v, w in zip(values, weights, strict=True)]
    order = np.argsort(joined, kind="stable")
    mass = np.cumsum(np.concatenate(masses)[order])
    return float(joined[order][np.searchsorted(mass, level * mass[-1])])
