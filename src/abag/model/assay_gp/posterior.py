"""The Gaussian process after fitting: means by lookup, variances by one triangular solve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.kernels.kernel import LEVEL_VARIANCE, SLOPES, Kernel, prior_mean
from abag.model.assay_gp.kernels.substitution import Codes, embedding
from abag.model.assay_gp.kernels.terms import STANDARDISED, CentredTerm, Term
from abag.model.assay_gp.objective import JITTER, Hyper, Shifts, inverse_of
from abag.model.assay_gp.positions import Positions

Reals = NDArray[np.float64]

_CHUNK_ROWS: Final = 512


@dataclass(frozen=True, slots=True)
class AntigenOfRows:
    """Whose values the training rows hold: ``tasks`` (n,) numbers the antigen of each row.

    ``between`` (T, T) is the correlation of antigens, ``task`` the one that is predicted.
    """

    tasks: NDArray[np.int64]
    between: Reals
    task: int

    @property
    def with_predicted(self) -> Reals:
        """Correlation of each row's antigen with the one that is predicted (n,)."""
        return np.asarray(self.between[self.task, self.tasks])


@dataclass(frozen=True, slots=True)
class Posterior:
    """Weights of the training rows, and the table of what each mutation adds.

    ``effects`` (P, 22) is the additive part of the mean; the product term needs ``weights`` (n,)
    and the training letters. ``noise`` (n,) is the noise variance of each training row. Where the
    rows are of several ``antigens``, ``weights`` are times their correlation with this one.
    """

    kernel: Kernel
    weights: Reals
    effects: Reals
    constant: float
    noise: Reals
    antigens: AntigenOfRows | None = None
    _factor: list[Reals] = field(default_factory=list, compare=False)

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        target: Reals,
        noise: Reals,
        antigens: AntigenOfRows | None = None,
        factor: Sequence[Reals] = (),
    ) -> Self:
        """Condition on standardised targets (n,); ``noise`` (n,) is a variance.

        ``factor`` is that of another antigen's posterior on the same rows.
        """
        from scipy.linalg import cho_solve

        factor = list(factor) or [_factorise(kernel, noise, antigens)]
        residual = target - prior_mean(kernel.terms, kernel.training)
        weights = cho_solve((factor[0], True), residual, check_finite=False)
        weights = weights if antigens is None else weights * antigens.with_predicted
        effects, constant = added_effects(kernel, weights)
        return cls(kernel, weights, effects, constant, noise, antigens, list(factor))

    @classmethod
    def of_antigens(
        cls, kernel: Kernel, target: Reals, noise: Reals, tasks: NDArray[np.int64], between: Reals
    ) -> tuple[Self, ...]:
        """One posterior an antigen, each conditioned on the rows of all."""
        first = cls.of(kernel, target, noise, AntigenOfRows(tasks, between, 0))
        others = range(1, len(between))
        return first, *(
            cls.of(kernel, target, noise, AntigenOfRows(tasks, between, task), first._factor)
            for task in others
        )

    def mean(self, letters: Codes) -> Reals:
        """Posterior mean of rows (rows,); a row's value does not depend on its neighbours."""
        sparse, norms = _sparse_training(self.kernel)
        parts = [
            self._mean(letters[start : start + _CHUNK_ROWS], sparse, norms)
            for start in range(0, len(letters), _CHUNK_ROWS)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _mean(self, letters: Codes, sparse: Any, norms: Reals) -> Reals:
        kernel, hyper = self.kernel, self.kernel.hyper
        shifts = kernel.scaled_shifts(letters)
        # Sparse products and sums of contiguous rows, not BLAS, which may order the terms by the
        # number of rows: then a row's last digits would depend on its batch.
        inner = np.ascontiguousarray((sparse @ np.ascontiguousarray(shifts.T)).T)
        distance = (shifts**2).sum(axis=1)[:, None] + norms[None, :] - 2.0 * inner
        distance += kernel.unseen(letters)[:, None]
        product = hyper.product * np.exp(-0.5 * hyper.power * distance)
        terms = np.multiply(product, self.weights, order="C").sum(axis=1)
        effects = np.ascontiguousarray(self.effects[np.arange(letters.shape[1]), letters])
        return np.asarray(terms + effects.sum(axis=1) + self.constant)

    def variance(self, letters: Codes) -> Reals:
        """Posterior variance without noise, shape (rows,)."""
        kernel, variances = self.kernel, []
        training = kernel.laid(kernel.training)
        for start in range(0, len(letters), _CHUNK_ROWS):
            part = letters[start : start + _CHUNK_ROWS]
            chunk = kernel.laid(part)
            solved = self.whitened(kernel.covariance(training, chunk))
            prior = (chunk.additive**2).sum(axis=1) + LEVEL_VARIANCE + kernel.hyper.product
            prior += kernel.unseen_variance(part)
            variances.append((prior - (solved**2).sum(axis=0)).clip(1e-9))
        return np.concatenate(variances) if variances else np.zeros(0)

    def whitened(self, across: Reals) -> Reals:
        """L^-1 of covariances with the training rows (n, m), L the factor of their matrix."""
        from scipy.linalg import solve_triangular

        across = across if self.antigens is None else across * self.antigens.with_predicted[:, None]
        return np.asarray(
            solve_triangular(self._cholesky(), across, lower=True, check_finite=False)
        )

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance (with noise) of each training row, in closed form.

        Rasmussen and Williams 2006, equations 5.12: mean = y - [K^-1 y] / [K^-1]_ii,
        variance = 1 / [K^-1]_ii.
        """
        precision, weights = self._solved(target)
        inverse = np.diag(precision)
        return target - weights / inverse, 1.0 / inverse

    def blocks_left_out(
        self, target: Reals, blocks: Sequence[NDArray[np.int64]]
    ) -> list[tuple[Reals, Reals]]:
        """The same, where all rows of a block are left out together."""
        precision, weights = self._solved(target)
        moments = []
        for rows in blocks:
            covariance = np.linalg.inv(precision[np.ix_(rows, rows)])
            moments.append((target[rows] - covariance @ weights[rows], np.diag(covariance)))
        return moments

    def _solved(self, target: Reals) -> tuple[Reals, Reals]:
        """K^-1 (kept until :meth:`forget`), and K^-1 (y - prior mean)."""
        from scipy.linalg import cho_solve

        factor = (self._cholesky(), True)
        if len(self._factor) == 1:
            self._factor.append(inverse_of(self._factor[0]))
        residual = target - prior_mean(self.kernel.terms, self.kernel.training)
        return self._factor[1], cho_solve(factor, residual, check_finite=False)

    def forget(self) -> None:
        """Let go of what only fitting needs."""
        del self._factor[1:]

    def _cholesky(self) -> Reals:
        if not self._factor:
            self._factor.append(_factorise(self.kernel, self.noise, self.antigens))
        return self._factor[0]


def _factorise(kernel: Kernel, noise: Reals, antigens: AntigenOfRows | None) -> Reals:
    from scipy.linalg import cholesky

    matrix = kernel.matrix(kernel.training, kernel.training)
    if antigens is not None:
        matrix *= antigens.between[np.ix_(antigens.tasks, antigens.tasks)]
    matrix[np.diag_indices_from(matrix)] += noise + JITTER
    return np.asarray(cholesky(matrix, lower=True, overwrite_a=True, check_finite=False))


def _sparse_training(kernel: Kernel) -> tuple[Any, Reals]:
    from scipy.sparse import csr_matrix

    shifts = kernel.scaled_shifts(kernel.training)
    return csr_matrix(shifts), (shifts**2).sum(axis=1)


def added_effects(kernel: Kernel, weights: Reals) -> tuple[Reals, float]:
    """Additive part of the mean: what each mutation adds (P, 22), and the constant."""
    hyper, width = kernel.hyper, embedding().shape[1]
    effects = np.zeros((kernel.positions.count, 22))
    constant = LEVEL_VARIANCE * float(weights.sum())
    along = (kernel.scaled_shifts(kernel.training).T @ weights).reshape(-1, width)
    along *= hyper.linear * np.sqrt(hyper.sites)[:, None]
    effects[kernel.shifts.active] = np.einsum("plv,pv->pl", kernel.shifts.table, along)
    for weight, term in zip(hyper.terms, kernel.terms, strict=True):
        direction = weight * (term.features(kernel.training).T @ weights)
        direction += SLOPES.get(term.term.name, 0.0)
        added, offset = term.effects(direction)
        effects += added
        constant += offset
    return effects, constant


def member_arrays(posterior: Posterior, prefix: str) -> dict[str, NDArray[Any]]:
    """Arrays to be saved, under a prefix, without positions and training letters."""
    hyper = posterior.kernel.hyper
    arrays: dict[str, NDArray[Any]] = {
        "weights": posterior.weights,
        "noise": posterior.noise,
        "effects": posterior.effects,
        "constant": np.array([posterior.constant]),
        "hyper": np.array([hyper.product, hyper.linear, hyper.noise, hyper.power]),
        "hyper.terms": hyper.terms,
        "hyper.sites": hyper.sites,
    }
    for term in posterior.kernel.terms:
        name = f"term.{term.term.name}"
        arrays[f"{name}.letter"] = term.term.letter
        arrays[f"{name}.place"] = term.term.place
        arrays[f"{name}.mean"] = term.mean
        arrays[f"{name}.spread"] = term.spread
        arrays[f"{name}.scale"] = np.array([term.scale])
    if (antigens := posterior.antigens) is not None:
        arrays["tasks"], arrays["between"] = antigens.tasks, antigens.between
        arrays["task"] = np.array([antigens.task], dtype=np.int64)
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def restored_member(
    arrays: Mapping[str, NDArray[Any]],
    prefix: str,
    names: Sequence[str],
    positions: Positions,
    training: Codes,
) -> Posterior:
    """The inverse of :func:`member_arrays`."""
    product, linear, noise, power = arrays[f"{prefix}.hyper"].tolist()
    hyper = Hyper(
        product,
        linear,
        noise,
        power,
        arrays[f"{prefix}.hyper.terms"],
        arrays[f"{prefix}.hyper.sites"],
    )
    terms = []
    for name in names:
        place, letter, mean, spread, scale = (
            arrays[f"{prefix}.term.{name}.{part}"]
            for part in ("place", "letter", "mean", "spread", "scale")
        )
        term = Term(name, place, letter, name in STANDARDISED)
        terms.append(CentredTerm(term, mean, spread, float(scale[0])))
    shifts = Shifts.at(arrays["positions.active"], positions.reference)
    antigens = None
    if f"{prefix}.tasks" in arrays:
        tasks, between, task = (arrays[f"{prefix}.{part}"] for part in ("tasks", "between", "task"))
        antigens = AntigenOfRows(tasks, between, int(task[0]))
    return Posterior(
        Kernel(positions, shifts, tuple(terms), hyper, training),
        arrays[f"{prefix}.weights"],
        arrays[f"{prefix}.effects"],
        float(arrays[f"{prefix}.constant"][0]),
        arrays[f"{prefix}.noise"],
        antigens,
    )
