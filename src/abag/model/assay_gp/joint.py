"""The joint posterior of many rows at once, for choosing a batch of variants.

The members of the mixture are joined into one normal distribution by its first two moments:
covariance within members, plus the outer products of what each member's mean lies off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.kernels.kernel import LEVEL_VARIANCE, Kernel, Laid
from abag.model.assay_gp.kernels.substitution import Codes, embedding
from abag.model.assay_gp.mixture import Mixture
from abag.model.assay_gp.posterior import Posterior

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointScores:
    """Latent values (without noise) of m rows on the scale of normal scores.

    ``mean`` (m,), ``covariance`` (m, m), ``noise`` the variance of a single measurement.
    """

    mean: Reals
    covariance: Reals
    noise: float

    @property
    def deviation(self) -> Reals:
        """Square root of the diagonal, shape (m,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance).clip(0.0)))


def joint_scores(mixture: Mixture, letters: Codes, widening: float = 1.0) -> JointScores:
    """Joint posterior of rows of letters; memory grows with the square of their number.

    ``widening`` is the factor by which leave-one-out errors ask deviations to be wider.
    """
    means = np.stack([member.mean(letters) for member in mixture.members])
    shares = mixture.shares_of(letters)
    mean = (shares * means).sum(axis=0)
    roots = np.sqrt(shares)
    covariance = np.zeros((len(letters), len(letters)))
    for root, of_member, member in zip(roots, means - mean, mixture.members, strict=True):
        within = member_covariance(member, letters) + np.outer(of_member, of_member)
        covariance += root[:, None] * within * root[None, :]
    factor = widening**2
    return JointScores(mean, np.asarray(covariance * factor), mixture.noise * factor)


def member_covariance(member: Posterior, letters: Codes) -> Reals:
    """Posterior covariance of rows (m, P) under one member, shape (m, m)."""
    kernel = member.kernel
    laid = kernel.laid(letters)
    solved = member.whitened(kernel.covariance(kernel.laid(kernel.training), laid))
    covariance = prior_covariance(kernel, letters, laid) - solved.T @ solved
    return np.asarray((covariance + covariance.T) / 2)


def prior_covariance(kernel: Kernel, letters: Codes, laid: Laid) -> Reals:
    """Prior covariance of new rows, positions that training never varied compared in full.

    ``laid`` is what the kernel lays out of the rows.
    """
    hyper = kernel.hyper
    shifts, unseen, additive = laid.shifts, _unseen_shifts(kernel, letters), laid.additive
    still = unseen @ unseen.T
    inner = shifts @ shifts.T + still
    norms = np.diag(inner)
    distance = (norms[:, None] + norms[None, :] - 2.0 * inner).clip(0.0)
    product = hyper.product * np.exp(-0.5 * hyper.power * distance)
    own_effects = kernel.own_effect * _same_changes(kernel, letters)
    linear = additive @ additive.T + hyper.linear * still + own_effects
    return np.asarray(product + linear + LEVEL_VARIANCE)


def _same_changes(kernel: Kernel, letters: Codes) -> Reals:
    """What two rows share at positions that stand still in training, (m, m).

    1 for a position that both change to the same letter, a half for one that both change.
    """
    reference = kernel.positions.reference
    places = np.flatnonzero(kernel.still & (letters != reference).any(axis=0))
    changed = (letters[:, places] != reference[places]).astype(np.float64)
    shared = changed @ changed.T
    for place in places.tolist():
        column = letters[:, place]
        shared += (column[:, None] == column[None, :]) & (column != reference[place])[:, None]
    return np.asarray(shared / 2.0)


def _unseen_shifts(kernel: Kernel, letters: Codes) -> Reals:
    """Shifts at the positions that stand still in training but change here, (m, positions * 20)."""
    still = kernel.still & (letters != kernel.positions.reference).any(axis=0)
    vectors = embedding()
    reference = kernel.positions.reference[still]
    return np.asarray((vectors[letters[:, still]] - vectors[reference]).reshape(len(letters), -1))
