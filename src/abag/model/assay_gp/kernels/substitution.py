"""An amino-acid correlation matrix that stays positive semi-definite under every power.

With s(a, b) a substitution score in thirds of a bit, q(a, b) = 2^(s(a, b) / 3) is a likelihood
ratio. Scaled to a unit diagonal, d(a, b) = -ln q(a, b) / sqrt(q(a, a) q(b, b)) is a squared
distance as soon as the doubly centred -d / 2 has no negative eigenvalue (Schoenberg 1938). Taken
here is the mean of d of BLOSUM50 and d of PAM250, each scaled to mean 1; it has none. Then
exp(-t d) is a correlation matrix for every t > 0: infinitely divisible, so a Hadamard power may be
learnt, for each position its own (LOCK-GP, arXiv 2606.11057, with BLOSUM50 alone).

Letters have the codes of :mod:`abag.antibody.alphabet`. The gap stands further from every residue
than residues do from each other; X stands in the middle of the residues.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP
from abag.antibody.residues import substitution_scores

Reals = NDArray[np.float64]
Codes = NDArray[np.uint8]

MATRICES: Final = ("BLOSUM50", "PAM250")
_GAP_DISTANCE: Final = 1.5
"""Squared distance of the gap from the middle of the residues; two residues have 1 on average."""


def matrix_distance(name: str) -> Reals:
    """d(a, b) of one matrix, scaled to mean 1 over pairs of residues, shape (20, 20)."""
    scores = substitution_scores(name)
    same = np.diag(scores)
    distance = (same[:, None] + same[None, :]) / 2 - scores
    return np.asarray(distance * (20 * 19) / distance.sum())


@cache
def embedding() -> Reals:
    """Vectors whose squared distances are d(a, b), mean 1 over pairs; shape (22, 20)."""
    distance = np.mean([matrix_distance(name) for name in MATRICES], axis=0)
    centre = np.eye(20) - 1.0 / 20.0
    values, vectors = np.linalg.eigh(-0.5 * centre @ distance @ centre)
    # One eigenvalue is zero, because of the centring: 19 numbers place 20 residues.
    residues = (vectors * np.sqrt(values.clip(0.0)))[:, 1:]
    vectors = np.zeros((22, 20))
    vectors[:20, :19] = residues
    vectors[GAP, 19] = np.sqrt(_GAP_DISTANCE)
    vectors.setflags(write=False)
    return vectors


@cache
def distances() -> Reals:
    """Squared distances between letters, shape (22, 22)."""
    squared = squared_distances(embedding(), embedding())
    np.fill_diagonal(squared, 0.0)
    return squared


def correlation(power: float = 1.0) -> Reals:
    """Correlation of the letters, exp(-power d), shape (22, 22)."""
    return np.asarray(np.exp(-power * distances()))


def squared_distances(left: Reals, right: Reals) -> Reals:
    """Squared Euclidean distances between rows, shape (rows of left, rows of right)."""
    inner = left @ right.T
    norms = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.asarray((norms - 2.0 * inner).clip(0.0))
