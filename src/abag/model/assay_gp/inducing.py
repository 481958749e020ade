"""More rows than can be solved exactly: the posterior by way of m inducing variants.

FITC (Snelson and Ghahramani 2006; Quiñonero-Candela and Rasmussen 2005): with K_z the covariance
of the inducing variants and Q = K_xz K_z^-1 K_zx, the rows' covariance is taken as Q + Lambda,
Lambda = diag(K_x - Q) + noise. Time grows with n m^2 and memory with m^2 and the chunk of rows.
The inducing variants are training rows, drawn so that every mutation of the rows is among them as
far as there is room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.kernels.kernel import LEVEL_VARIANCE, Kernel, prior_mean
from abag.model.assay_gp.kernels.substitution import Codes
from abag.model.assay_gp.objective import JITTER
from abag.model.assay_gp.posterior import Posterior, added_effects

Reals = NDArray[np.float64]

_CHUNK_ROWS = 1_024
_LETTERS = 22


def inducing_rows(letters: Codes, reference: Codes, count: int, seed: int) -> NDArray[np.int64]:
    """Rows (count,) of letters (n, P) to stand for all, in ascending order.

    Drawn at random, but a row with a mutation that none before it has comes first.
    """
    order = np.random.default_rng(seed).permutation(len(letters))
    row, mutations = _mutations(letters[order], reference)
    _, first = np.unique(mutations, return_index=True)
    new = np.zeros(len(letters), dtype=np.bool_)
    new[row[first]] = True
    chosen = np.concatenate([order[new], order[~new]])[:count]
    return np.sort(chosen)


def _mutations(letters: Codes, reference: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and number (place * 22 + letter) of every mutation."""
    row, position = np.nonzero(letters != reference)
    return row, position * _LETTERS + letters[row, position].astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Cross:
    """Covariances of rows with inducing variants, summed up over the rows' mutations.

    Additive terms and inner products are linear in a row's mutations, of which there are far
    fewer than rows: ``additive`` and ``inner`` (mutations, m) hold one mutation a line.
    """

    kernel: Kernel
    numbers: NDArray[np.int64]
    """Number of each mutation, ascending."""
    additive: Reals
    constant: Reals
    inner: Reals
    norms: Reals
    """Squared scaled shift of each mutation, (mutations,)."""
    inducing_norms: Reals
    own: Reals
    """Covariance of the additive terms of two mutations, (mutations, mutations)."""
    own_base: Reals
    base: float

    @classmethod
    def of(cls, kernel: Kernel, rows: Codes) -> Self:
        """``kernel.training`` holds the inducing variants; ``rows`` those to be related to them."""
        reference = kernel.positions.reference
        numbers = np.unique(_mutations(rows, reference)[1])
        singles = np.repeat(reference[None], len(numbers), axis=0)
        singles[np.arange(len(numbers)), numbers // _LETTERS] = numbers % _LETTERS
        start = kernel.additive(reference[None])
        features = kernel.additive(singles) - start
        training = kernel.additive(kernel.training)
        shifts, induced = kernel.scaled_shifts(singles), kernel.scaled_shifts(kernel.training)
        return cls(
            kernel,
            numbers,
            features @ training.T,
            (start @ training.T)[0] + LEVEL_VARIANCE,
            shifts @ induced.T,
            (shifts**2).sum(axis=1),
            (induced**2).sum(axis=1),
            features @ features.T,
            (features @ start.T)[:, 0],
            float((start**2).sum()),
        )

    def chunks(self, rows: Codes) -> Iterator[tuple[slice, Reals, Reals]]:
        """Rows in chunks: where they are, covariances (chunk, m), and own variances (chunk,)."""
        for first in range(0, len(rows), _CHUNK_ROWS):
            part = slice(first, first + _CHUNK_ROWS)
            yield part, *self._chunk(rows[part])

    def _chunk(self, rows: Codes) -> tuple[Reals, Reals]:
        hyper = self.kernel.hyper
        incidence = self._incidence(rows)
        unseen = self.kernel.unseen(rows)
        distance = (incidence @ self.norms + unseen)[:, None] + self.inducing_norms[None]
        distance -= 2.0 * (incidence @ self.inner)
        covariance = incidence @ self.additive + self.constant
        covariance += hyper.product * np.exp(-0.5 * hyper.power * distance)
        variance = np.asarray(incidence.multiply(incidence @ self.own).sum(axis=1)).ravel()
        variance += 2.0 * (incidence @ self.own_base) + self.base
        variance += LEVEL_VARIANCE + hyper.product + self.kernel.unseen_variance(rows)
        return np.asarray(covariance), np.asarray(variance)

    def _incidence(self, rows: Codes) -> Any:
        """Mutations of each row as a sparse matrix of ones, (rows, mutations)."""
        from scipy.sparse import csr_matrix

        row, numbers = _mutations(rows, self.kernel.positions.reference)
        column = np.searchsorted(self.numbers, numbers)
        shape = (len(rows), len(self.numbers))
        return csr_matrix((np.ones(len(row)), (row, column)), shape=shape)


@dataclass(frozen=True, slots=True)
class InducedPosterior(Posterior):
    """A posterior whose ``kernel.training`` are inducing variants, not the training rows.

    ``whitener`` (m, m) turns covariances with them into what the data explain.
    """

    whitener: Reals = field(default_factory=lambda: np.zeros((0, 0)))
    _left_out: tuple[Reals, Reals] | None = None

    @classmethod
    def induced(cls, kernel: Kernel, rows: Codes, target: Reals, noise: Reals) -> Self:
        """Condition on standardised targets (n,) of ``rows`` (n, P); ``noise`` (n,) a variance.

        ``kernel.training`` holds the inducing variants.
        """
        from scipy.linalg import cho_solve, cholesky, solve_triangular

        matrix = kernel.matrix(kernel.training, kernel.training)
        matrix[np.diag_indices_from(matrix)] += _nugget(matrix)
        factor = cholesky(matrix, lower=True, check_finite=False)
        cross = _Cross.of(kernel, rows)
        inner, right = np.eye(len(matrix)), np.zeros(len(matrix))
        lambdas = np.zeros(len(rows))
        residual = target - prior_mean(kernel.terms, rows)
        for part, across, variance in cross.chunks(rows):
            half = solve_triangular(factor, across.T, lower=True, check_finite=False)
            lambdas[part] = (variance - (half**2).sum(axis=0)).clip(0.0) + noise[part] + JITTER
            inner += (half / lambdas[part]) @ half.T
            right += half @ (residual[part] / lambdas[part])
        lower = cholesky(inner, lower=True, check_finite=False)
        weights = cho_solve((lower, True), right, check_finite=False)
        weights = solve_triangular(factor, weights, lower=True, trans="T", check_finite=False)
        mean, spread = _leave_one_out(cross, rows, residual, lambdas, factor, lower, weights)
        left_out = mean + target - residual, spread
        effects, constant = added_effects(kernel, weights)
        whitener = _whitener(factor, inner)
        return cls(kernel, weights, effects, constant, np.zeros(0), None, [], whitener, left_out)

    @classmethod
    def restored(cls, member: Posterior, whitener: Reals) -> Self:
        """From a saved member and its saved matrix."""
        return cls(
            member.kernel, member.weights, member.effects, member.constant, member.noise, None, [],
            whitener,
        )  # fmt: skip

    def whitened(self, across: Reals) -> Reals:
        """What the data explain of covariances with the inducing variants (m, rows)."""
        return np.asarray(self.whitener @ across)

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance (with noise) of each training row, as conditioned on."""
        del target
        if self._left_out is None:
            raise RuntimeError("a restored posterior has no training rows to leave out")
        return self._left_out


def _nugget(matrix: Reals) -> float:
    """What keeps the factor of nearly equal inducing variants sound."""
    return 1e-6 * float(np.trace(matrix)) / len(matrix)


def _whitener(factor: Reals, inner: Reals) -> Reals:
    """W with W^T W = L^-T (I - B^-1) L^-1, B = I + L^-1 K_zx Lambda^-1 K_xz L^-T."""
    from scipy.linalg import solve_triangular

    values, vectors = np.linalg.eigh(inner)
    share = np.sqrt((1.0 - 1.0 / values.clip(1.0)).clip(0.0))
    turned = solve_triangular(factor, vectors * share, lower=True, trans="T", check_finite=False)
    return np.asarray(turned.T)


def _leave_one_out(
    cross: _Cross,
    rows: Codes,
    target: Reals,
    lambdas: Reals,
    factor: Reals,
    lower: Reals,
    weights: Reals,
) -> tuple[Reals, Reals]:
    """As :meth:`Posterior.left_out`, with (Q + Lambda)^-1 by Woodbury's identity."""
    from scipy.linalg import solve_triangular

    means, spreads = np.zeros(len(rows)), np.zeros(len(rows))
    for part, across, _ in cross.chunks(rows):
        half = solve_triangular(factor, across.T, lower=True, check_finite=False)
        half = solve_triangular(lower, half, lower=True, check_finite=False)
        of_rows = lambdas[part]
        inverse = 1.0 / of_rows - (half**2).sum(axis=0) / of_rows**2
        solved = (target[part] - across @ weights) / of_rows
        means[part] = target[part] - solved / inverse
        spreads[part] = 1.0 / inverse
    return means, spreads
