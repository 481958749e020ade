"""Bounds as bounds: a censored row is a normal that says what its bound says (EP).

A row that says only "weaker than 10 uM" has the likelihood of a step. Expectation propagation
(Minka 2001; Rasmussen and Williams 2006, section 3.6) puts a normal in its place, of such mean and
variance that the row's posterior has the moments of its leave-one-out prediction truncated at the
bound: a row far on the right side of its bound says nothing, one on the wrong side is pulled over.
With these normals held fast the gradient of EP's evidence is that of the Gaussian one, so that
hyper-parameters are chosen on them too, never on the bound as if it were a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

ROUNDS: Final = 4
"""Rounds of expectation propagation before and after hyper-parameters are chosen again."""
_NOTHING: Final = 1e4
"""Variance, in units of the target's, of what is not known yet."""
_LEAST: Final = 1e-4
"""Share of the variance that a bound takes at least: less is as good as nothing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of each row's target, equal where it is exact, infinite where there is none."""

    lower: Reals
    upper: Reals

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Rows whose target is a number."""
        return np.asarray(self.lower == self.upper)


@dataclass(frozen=True, slots=True)
class RowNormals:
    """Each row as a normal: ``target`` (n,), and ``extra`` (n,) variance beside the noise.

    An exact row has its value and no extra variance.
    """

    target: Reals
    extra: Reals

    @classmethod
    def before(cls, bounds: Bounds) -> Self:
        """Exact rows alone speak; what censored ones say is not known yet."""
        target = np.where(np.isfinite(bounds.lower), bounds.lower, bounds.upper)
        return cls(target, np.where(bounds.exact, 0.0, _NOTHING))

    def after(self, mean: Reals, spread: Reals, bounds: Bounds) -> Self:
        """Given leave-one-out means and variances (n,), noise and ``extra`` included."""
        exact = bounds.exact
        cavity = np.where(exact, 1.0, (spread - self.extra).clip(1e-6))
        tilted_mean, tilted_variance = truncated(mean, np.sqrt(cavity), bounds)
        tilted_variance = tilted_variance.clip(_LEAST * cavity)
        explained = (cavity - tilted_variance).clip(_LEAST * cavity)
        target = mean + (tilted_mean - mean) * cavity / explained
        return type(self)(
            np.where(exact, self.target, target),
            np.where(exact, 0.0, cavity * tilted_variance / explained),
        )


class _Resolvable(Protocol):
    def left_out(self, target: Reals) -> tuple[Reals, Reals]: ...
    def reconditioned(self, normals: RowNormals, noise: Reals) -> Self: ...


M = TypeVar("M", bound=_Resolvable)


def resolved(
    choose: Callable[[RowNormals], M], bounds: Bounds, noise: Reals
) -> tuple[M, RowNormals]:
    """A model whose hyper-parameters ``choose`` finds, with bounds as bounds."""
    normals = RowNormals.before(bounds)
    model = choose(normals)
    if bounds.exact.all():
        return model, normals
    for last in (False, True):
        for _ in range(ROUNDS):
            normals = normals.after(*model.left_out(normals.target), bounds)
            model = model.reconditioned(normals, noise)
        model = model if last else choose(normals)
    return model, normals


def truncated(mean: Reals, deviation: Reals, bounds: Bounds) -> tuple[Reals, Reals]:
    """Mean and variance of normals truncated to their bounds; shapes (rows,).

    Johnson, Kotz and Balakrishnan 1994, section 13.10.1. Where the bounds lie so far in a tail
    that the probability between them vanishes, the mean is the nearest bound.
    """
    from scipy.stats import truncnorm

    a = ((bounds.lower - mean) / deviation).clip(-30.0, 30.0)
    b = ((bounds.upper - mean) / deviation).clip(-30.0, 30.0)
    within = b - a > 1e-9
    b = np.where(within, b, a + 1e-6)
    with np.errstate(invalid="ignore"):  # far tails, replaced below
        truncated_mean, spread = truncnorm.stats(a, b, loc=mean, scale=deviation, moments="mv")
    nearest = np.clip(mean, bounds.lower, bounds.upper)
    sound = np.isfinite(truncated_mean) & np.isfinite(spread) & within
    return np.where(sound, truncated_mean, nearest), np.where(sound, spread, 0.0).clip(0.0)
