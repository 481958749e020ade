"""The Gaussian process after fitting: means by lookup, variances by one triangular solve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.knowledge import Knowledge, contact_prior
from abag.model.assay_gp.objective import (
    JITTER,
    Hyper,
    KernelChoice,
    Objective,
    Shifts,
    fit_hyper,
    inverse_of,
)
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.substitution import Codes, distances, embedding
from abag.model.assay_gp.terms import STANDARDISED, CentredTerm, Term, additive_terms

Reals = NDArray[np.float64]

LEVEL_VARIANCE: Final = 4.0
"""Prior variance of the common level, in units of the target's variance."""
SLOPES: Final = {"effects": 0.35}
"""Prior mean of the slope on a feature; that of measured landscapes (docs/measured/few-shot.md)."""
_CHUNK_ROWS: Final = 512


@dataclass(frozen=True, slots=True)
class Laid:
    """Rows as covariances need them.

    ``additive`` (rows, features) and ``shifts`` (rows, width) weighted, ``unseen`` (rows,) the
    distance that positions add which do not vary in training.
    """

    additive: Reals
    shifts: Reals
    unseen: Reals


@dataclass(frozen=True, slots=True)
class Kernel:
    """Everything that fixes the covariance of two rows of letters."""

    positions: Positions
    shifts: Shifts
    terms: tuple[CentredTerm, ...]
    hyper: Hyper
    training: Codes
    """Letters of the training rows, shape (n, P)."""

    @classmethod
    def fit(
        cls,
        positions: Positions,
        letters: Codes,
        target: Reals,
        noise: Reals,
        choice: KernelChoice,
        rows: NDArray[np.int64],
        knowledge: Knowledge | None = None,
    ) -> Self:
        """Choose hyper-parameters on ``rows`` of the training rows, for use with all of them."""
        kernel, objective = cls.draft(positions, letters, target, noise, choice, rows, knowledge)
        hyper, _ = fit_hyper(objective, len(kernel.terms))
        return replace(kernel, hyper=hyper.with_sites(len(kernel.shifts.active)))

    @classmethod
    def draft(
        cls,
        positions: Positions,
        letters: Codes,
        target: Reals,
        noise: Reals,
        choice: KernelChoice,
        rows: NDArray[np.int64],
        knowledge: Knowledge | None = None,
    ) -> tuple[Self, Objective]:
        """The kernel before its hyper-parameters are chosen, and what they are chosen by."""
        shifts = Shifts.of(letters, positions.reference)
        found = additive_terms(positions, shifts.active, choice.terms, knowledge)
        terms = [CentredTerm.of(term, letters, positions) for term in found]
        features = [term.features(letters[rows]) for term in terms]
        by_site = choice.product or choice.linear
        objective = Objective(
            shifts.dense(letters[rows]) if by_site else np.zeros((len(rows), 0)),
            [found @ found.T for found in features],
            target[rows] - prior_mean(terms, letters[rows]),
            noise[rows],
            choice,
            contact_prior(positions)[shifts.active] if by_site else np.zeros(0),
        )
        hyper = Hyper.of(objective.mean, len(terms)).with_sites(len(shifts.active))
        return cls(positions, shifts, tuple(terms), hyper, letters), objective

    def scaled_shifts(self, letters: Codes) -> Reals:
        """W of rows times the root of the position weights."""
        width = embedding().shape[1]
        scale = np.repeat(np.sqrt(self.hyper.sites), width)
        return np.asarray(self.shifts.dense(letters) * scale)

    def additive(self, letters: Codes, shifts: Reals | None = None) -> Reals:
        """Features whose inner products are all additive terms, weighted; (rows, features).

        ``shifts`` are the rows' scaled shifts where they are known.
        """
        scaled = self.scaled_shifts(letters) if shifts is None else shifts
        blocks = [np.asarray(np.sqrt(self.hyper.linear) * scaled)]
        for weight, term in zip(self.hyper.terms, self.terms, strict=True):
            blocks.append(np.sqrt(weight) * term.features(letters))
        return np.concatenate(blocks, axis=1)

    def laid(self, letters: Codes) -> Laid:
        """What covariances need of rows, worked out once."""
        shifts = self.scaled_shifts(letters)
        return Laid(self.additive(letters, shifts), shifts, self.unseen(letters))

    def matrix(self, left: Codes, right: Codes) -> Reals:
        """Covariance without noise, with the common level, shape (left, right)."""
        return self.covariance(self.laid(left), self.laid(right))

    def covariance(self, left: Laid, right: Laid) -> Reals:
        """The same, of rows that were laid out before."""
        found = left.additive @ right.additive.T + LEVEL_VARIANCE
        return np.asarray(found + self.product(left, right))

    def product(self, left: Laid, right: Laid) -> Reals:
        """The product term alone, over every position, those that training never varied too."""
        one, other = left.shifts, right.shifts
        apart = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2.0 * one @ other.T
        away = left.unseen[:, None] + right.unseen[None, :]
        return np.asarray(self.hyper.product * np.exp(-0.5 * self.hyper.power * (apart + away)))

    def unseen(self, letters: Codes) -> Reals:
        """Distance that positions add which do not vary in training, whose weight is 1; (rows,)."""
        apart = distances()[letters[:, self.still], self.positions.reference[self.still]]
        return np.asarray(np.ascontiguousarray(apart).sum(axis=1))

    def unseen_variance(self, letters: Codes) -> Reals:
        """Prior variance that additive effects at those positions have, (rows,)."""
        changed = (letters[:, self.still] != self.positions.reference[self.still]).sum(axis=1)
        return np.asarray(self.hyper.linear * self.unseen(letters) + self.own_effect * changed)

    @property
    def still(self) -> NDArray[np.bool_]:
        """Positions that do not vary in training, (P,)."""
        found = np.ones(self.positions.count, dtype=np.bool_)
        found[self.shifts.active] = False
        return found

    @property
    def own_effect(self) -> float:
        """Prior variance of the effect that the term ``mutations`` gives one mutation."""
        for weight, term in zip(self.hyper.terms.tolist(), self.terms, strict=True):
            if term.term.name == "mutations":
                return float(2.0 * weight / term.scale)
        return 0.0


@dataclass(frozen=True, slots=True)
class Posterior:
    """Weights of the training rows, and the table of what each mutation adds.

    ``effects`` (P, 22) is the additive part of the mean; the product term needs ``weights`` (n,)
    and the training letters. ``noise`` (n,) is the noise variance of each training row.
    """

    kernel: Kernel
    weights: Reals
    effects: Reals
    constant: float
    noise: Reals
    _factor: list[Reals] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, kernel: Kernel, target: Reals, noise: Reals) -> Self:
        """Condition on standardised targets (n,); ``noise`` (n,) is a variance."""
        from scipy.linalg import cho_solve

        factor = _factorise(kernel, noise)
        away = target - prior_mean(kernel.terms, kernel.training)
        weights = cho_solve((factor, True), away, check_finite=False)
        effects, constant = added_effects(kernel, weights)
        return cls(kernel, weights, effects, constant, noise, [factor])

    def mean(self, letters: Codes) -> Reals:
        """Posterior mean of rows (rows,); a row's value does not depend on its neighbours."""
        sparse, own = _sparse_training(self.kernel)
        parts = [
            self._mean(letters[start : start + _CHUNK_ROWS], sparse, own)
            for start in range(0, len(letters), _CHUNK_ROWS)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _mean(self, letters: Codes, sparse: Any, own: Reals) -> Reals:
        kernel, hyper = self.kernel, self.kernel.hyper
        shifts = kernel.scaled_shifts(letters)
        # Sparse products and sums of contiguous rows, not BLAS, which may order the terms by the
        # number of rows: then a row's last digits would depend on its batch.
        inner = np.ascontiguousarray((sparse @ np.ascontiguousarray(shifts.T)).T)
        apart = (shifts**2).sum(axis=1)[:, None] + own[None, :] - 2.0 * inner
        apart += kernel.unseen(letters)[:, None]
        near = hyper.product * np.exp(-0.5 * hyper.power * apart)
        terms = np.multiply(near, self.weights, order="C").sum(axis=1)
        found = np.ascontiguousarray(self.effects[np.arange(letters.shape[1]), letters])
        return np.asarray(terms + found.sum(axis=1) + self.constant)

    def variance(self, letters: Codes) -> Reals:
        """Posterior variance without noise, shape (rows,)."""
        kernel, found = self.kernel, []
        training = kernel.laid(kernel.training)
        for start in range(0, len(letters), _CHUNK_ROWS):
            part = letters[start : start + _CHUNK_ROWS]
            chunk = kernel.laid(part)
            solved = self.whitened(kernel.covariance(training, chunk))
            own = (chunk.additive**2).sum(axis=1) + LEVEL_VARIANCE + kernel.hyper.product
            own += kernel.unseen_variance(part)
            found.append((own - (solved**2).sum(axis=0)).clip(1e-9))
        return np.concatenate(found) if found else np.zeros(0)

    def whitened(self, across: Reals) -> Reals:
        """L^-1 of covariances with the training rows (n, m), L the factor of their matrix."""
        from scipy.linalg import solve_triangular

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
        found = []
        for rows in blocks:
            covariance = np.linalg.inv(precision[np.ix_(rows, rows)])
            found.append((target[rows] - covariance @ weights[rows], np.diag(covariance)))
        return found

    def _solved(self, target: Reals) -> tuple[Reals, Reals]:
        """K^-1 (kept until :meth:`forget`), and K^-1 (y - prior mean)."""
        from scipy.linalg import cho_solve

        factor = (self._cholesky(), True)
        if len(self._factor) == 1:
            self._factor.append(inverse_of(self._factor[0]))
        away = target - prior_mean(self.kernel.terms, self.kernel.training)
        return self._factor[1], cho_solve(factor, away, check_finite=False)

    def forget(self) -> None:
        """Let go of what only fitting needs."""
        del self._factor[1:]

    def _cholesky(self) -> Reals:
        if not self._factor:
            self._factor.append(_factorise(self.kernel, self.noise))
        return self._factor[0]


def _factorise(kernel: Kernel, noise: Reals) -> Reals:
    from scipy.linalg import cholesky

    matrix = kernel.matrix(kernel.training, kernel.training)
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


def prior_mean(terms: Sequence[CentredTerm], letters: Codes) -> Reals:
    """Prior mean of rows (rows,): what the global model predicts, by its usual slope."""
    found = np.zeros(len(letters))
    for term in terms:
        if slope := SLOPES.get(term.term.name, 0.0):
            found += slope * term.features(letters)[:, 0]
    return found


def member_arrays(posterior: Posterior, prefix: str) -> dict[str, NDArray[Any]]:
    """Arrays to be saved, under a prefix, without positions and training letters."""
    hyper = posterior.kernel.hyper
    found: dict[str, NDArray[Any]] = {
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
        found[f"{name}.letter"] = term.term.letter
        found[f"{name}.place"] = term.term.place
        found[f"{name}.mean"] = term.mean
        found[f"{name}.spread"] = term.spread
        found[f"{name}.scale"] = np.array([term.scale])
    return {f"{prefix}.{name}": array for name, array in found.items()}


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
    return Posterior(
        Kernel(positions, shifts, tuple(terms), hyper, training),
        arrays[f"{prefix}.weights"],
        arrays[f"{prefix}.effects"],
        float(arrays[f"{prefix}.constant"][0]),
        arrays[f"{prefix}.noise"],
    )
