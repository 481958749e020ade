"""How the effects of several changes make one, in pKd, and how far off it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from abag.model.mutation_effect.changes import CodedChanges
from abag.model.mutation_effect.features import FEATURES
from abag.model.mutation_effect.priors import Codes, Reals

DEPTH: Final = 4.0
"""Where losses level off, pKd."""
_EXPOSURE: Final = tuple(list(FEATURES).index(name) for name in ("contact", "buried_severity"))


def combine(lost: Reals, gained: Reals, power: float) -> Reals:
    """Gains add up; losses l_i combine to (sum of l_i^power)^(1/power).

    With power 1 losses add up, too; the larger it is, the more the worst of them decides. A change
    without effect changes nothing, and no further loss is ever a gain.

    Args:
        lost: sums of the losses' powers.
        gained: sums of the gains.
        power: at least 1.
    """
    return np.asarray(gained - lost ** (1.0 / power))


def combined(changes: CodedChanges, effects: Reals, maturation: Reals, power: float) -> Reals:
    """S of every row, of the effects (k,) of its changes and the weights (6,) of maturation."""
    lost = changes.total(np.maximum(-effects, 0.0) ** power)
    gained = changes.total(np.maximum(effects, 0.0))
    matured = (changes.matured * maturation).sum(axis=1)
    return np.asarray(combine(lost, gained, power) + matured)


def exposure(changes: CodedChanges) -> Reals:
    """What the size of the error depends on, shape (rows, 2), never less for one change more.

    Roots of the sums of squares over changes: of the share of complexes in which the position
    touches the antigen, and of the severity of a change inside the domain.
    """
    return np.asarray(np.sqrt(changes.total(changes.features[:, _EXPOSURE] ** 2)))


def unlevelled(delta: Reals, depth: float) -> Reals:
    """The effect s whose loss levels off to ``delta`` (above -depth); the inverse of level."""
    return np.asarray(
        np.where(delta < 0.0, depth * np.log1p(np.minimum(delta, 0.0) / depth), delta)
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Slope and depth of ΔpKd, and the standard deviation of its error.

    ``slope`` multiplies the combined effect S of a row, in which losses combine by ``power``
    (:func:`combine`); ``depth`` is A, in pKd, at which losses level
    off. The variance of the error of a row with exposures c and b is
    (floor^2 + contact^2 c + burial^2 b) widening^2. ``widening`` makes 90 % of the errors in
    left-out clusters lie within 1.645 deviations.
    """

    slope: float
    depth: float
    power: float
    floor: float
    contact: float
    burial: float
    widening: float

    def level(self, total: Reals) -> Reals:
        """ΔpKd of combined effects S."""
        raw = self.slope * total
        lost = self.depth * np.expm1(np.minimum(raw, 0.0) / self.depth)
        return np.asarray(np.where(raw > 0.0, raw, lost))

    def deviation(self, exposures: Reals, mutations: Codes) -> Reals:
        """Standard deviation of the error, pKd, of exposures (rows, 2); 0 for the parent."""
        parts = np.array([self.floor, self.contact, self.burial]) ** 2
        variance = (error_terms(exposures) * parts).sum(axis=1)
        return np.asarray(np.where(mutations > 0, self.widening * np.sqrt(variance), 0.0))


def error_terms(exposures: Reals) -> Reals:
    """What the parts of the variance are multiplied with, shape (rows, 3)."""
    return np.concatenate([np.ones((len(exposures), 1)), exposures], axis=1)
