"""Hyper-parameters of the Gaussian process by maximum posterior, with analytic gradients.

Kernel over rows x, x' of letters at P positions, W[p] = u(x_p) - u(reference_p):

    v_rbf exp(-g/2 sum_p w_p |W_p - W'_p|^2) + v_lin sum_p w_p W_p . W'_p + sum_k v_k T_k(x, x')
    + v_noise r(x) [x is x']

The first term is the product over positions of the substitution correlation to the power g w_p / 2,
the second its linear companion, T_k the additive terms. Logarithms of v, g and w have normal
priors: additive terms start small, so that 24 rows do not pay for what 384 can afford, and
positions share one power unless the data say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.kernels.substitution import Codes, embedding

Reals = NDArray[np.float64]

HEAD: Final = 4
"""Hyper-parameters in front: product, linear, noise, power; then terms; then positions."""
PRIOR_MEAN: Final = (np.log(0.6), -2.5, -0.7, 0.0)
PRIOR_SPREAD: Final = (1.0, 1.0, 1.0, 1.0)
TERM_MEAN: Final = -3.3
TERM_MEANS: Final = {"effects": -2.0, "mutations": -2.5}
"""Terms with another prior mean: the global model's prediction is believed a little sooner."""
TERM_SPREAD: Final = 1.2
JITTER: Final = 1e-6
_ITERATIONS: Final = 80
_TOLERANCE: Final = 1e-6
"""Relative gain of the log posterior below which the search ends."""


_ABSENT: Final = -40.0
"""Logarithm of the variance to which a kernel is pinned that is left out."""


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """Which kernels take part, and the prior spread of the logarithm of position weights."""

    product: bool
    linear: bool
    terms: tuple[str, ...]
    site_spread: float
    kin: tuple[float, ...] = ()
    """Logarithms that a model of another parent's variants has found, positions left out."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """W of some rows as a sparse matrix (rows, active positions * 20), and its reference."""

    active: NDArray[np.int64]
    """Positions that vary in training, shape (active,)."""
    table: Reals
    """W of each letter at each active position, shape (active, 22, 20)."""

    @classmethod
    def of(cls, letters: Codes, reference: Codes) -> Shifts:
        """Positions at which training letters (rows, P) differ from the reference (P,)."""
        return cls.at(np.flatnonzero((letters != reference).any(axis=0)), reference)

    @classmethod
    def at(cls, active: NDArray[np.int64], reference: Codes) -> Shifts:
        """At the active positions (active,) of the reference (P,)."""
        vectors = embedding()
        return cls(active, vectors[None] - vectors[reference[active]][:, None, :])

    def dense(self, letters: Codes) -> Reals:
        """W of rows, shape (rows, active * 20)."""
        vectors = self.table[np.arange(len(self.active)), letters[:, self.active]]
        return np.asarray(vectors.reshape(len(letters), -1))


@dataclass(frozen=True, slots=True)
class Hyper:
    """Variances and powers of a fitted kernel."""

    product: float
    linear: float
    noise: float
    power: float
    terms: Reals
    sites: Reals
    """Weight of each active position, around 1."""

    @classmethod
    def of(cls, theta: Reals, terms: int) -> Hyper:
        """From logarithms."""
        product, linear, noise, power = np.exp(theta[:HEAD]).tolist()
        return cls(
            product, linear, noise, power, np.exp(theta[HEAD : HEAD + terms]),
            np.exp(theta[HEAD + terms :]),
        )  # fmt: skip

    def with_sites(self, count: int) -> Hyper:
        """With a weight of 1 for each of ``count`` positions, where none were fitted."""
        return self if len(self.sites) else replace(self, sites=np.ones(count))

    @property
    def shared(self) -> tuple[float, ...]:
        """Logarithms of what another parent's variants have in common with these."""
        head = (self.product, self.linear, self.noise, self.power)
        return tuple(np.log([*head, *self.terms]).tolist())


class Objective:
    """Minus log posterior of the hyper-parameters, and its gradient.

    ``shifts`` (n, active * 20) is W, ``terms`` the kernels T_k of shape (n, n), ``target`` (n,)
    standardised, ``noise`` (n,) the relative noise variance r, ``sites`` (active,) prior means of
    the log weights of positions (0 where they are not given), ``extra`` (n,) variance that no
    hyper-parameter scales.
    """

    def __init__(
        self,
        shifts: Reals,
        terms: Sequence[Reals],
        target: Reals,
        noise: Reals,
        choice: KernelChoice,
        sites: Reals | None = None,
        extra: Reals | None = None,
    ) -> None:
        from scipy.sparse import csr_matrix

        self._width = embedding().shape[1]
        self._sites = shifts.shape[1] // self._width
        self._dense = shifts
        self._sparse: Any = csr_matrix(shifts)
        self._own = (shifts.reshape(len(shifts), self._sites, self._width) ** 2).sum(axis=2)
        self._terms = list(terms)
        self._target, self._noise = target, noise
        self._extra = JITTER + (0.0 if extra is None else extra)
        self.mean = np.concatenate(
            [PRIOR_MEAN, _term_means(choice, len(terms)), _centred(sites, self._sites)]
        )
        self._spread = np.concatenate(
            [
                PRIOR_SPREAD,
                np.full(len(terms), TERM_SPREAD),
                np.full(self._sites, choice.site_spread),
            ]
        )
        if choice.kin:  # half way from what assays have in common to what this one's kin has found
            shared = slice(0, len(choice.kin))
            self.mean[shared] = (self.mean[shared] + choice.kin) / 2.0
        for index, taken in enumerate((choice.product, choice.linear)):
            if not taken:
                self.mean[index], self._spread[index] = _ABSENT, 1e-6

    def __call__(self, theta: Reals) -> tuple[float, Reals]:
        """Value and gradient at ``theta``."""
        value, gradient, _ = self.evaluate(theta)
        return value, gradient

    def evaluate(
        self, theta: Reals, mask: Reals | None = None
    ) -> tuple[float, Reals, Reals | None]:
        """Value, gradient, and derivative to ``mask`` (n, n), which multiplies the covariance.

        The last is None without a mask, and where the covariance has no factor.
        """
        from scipy.linalg import LinAlgError, cholesky

        count = len(self._target)
        hyper = Hyper.of(theta, len(self._terms))
        inner, distance, product = self._product(hyper)
        kernel = hyper.product * product + hyper.linear * inner
        for weight, term in zip(hyper.terms, self._terms, strict=True):
            kernel += weight * term
        plain = kernel if mask is None else kernel.copy()
        if mask is not None:
            kernel *= mask
        kernel[np.diag_indices(count)] += hyper.noise * self._noise + self._extra
        from_prior = (theta - self.mean) / self._spread
        try:
            factor = cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return 1e10, np.zeros_like(theta), None
        inverse = inverse_of(factor)
        weights = inverse @ self._target
        value = (
            0.5 * self._target @ weights
            + np.log(np.diag(factor)).sum()
            + 0.5 * from_prior @ from_prior
        )
        slope = 0.5 * (inverse - np.outer(weights, weights))
        on_mask = None if mask is None else slope * plain
        slope = slope if mask is None else slope * mask
        gradient = self._gradient(hyper, slope, inner, distance, product)
        return float(value), gradient + from_prior / self._spread, on_mask

    def _product(self, hyper: Hyper) -> tuple[Reals, Reals, Reals]:
        from scipy.sparse import diags

        if not self._sites:
            nothing = np.zeros((len(self._target), len(self._target)))
            return nothing, nothing, nothing
        scale = diags(np.repeat(np.sqrt(hyper.sites), self._width))
        scaled = self._sparse @ scale
        inner = np.asarray((scaled @ scaled.T).todense())
        norms = np.diag(inner)
        distance = norms[:, None] + norms[None, :] - 2.0 * inner
        return inner, distance, np.exp(-0.5 * hyper.power * distance)

    def _gradient(
        self, hyper: Hyper, slope: Reals, inner: Reals, distance: Reals, product: Reals
    ) -> Reals:
        """Derivatives to the logarithms; ``slope`` is that to the kernel matrix."""
        terms = [
            weight * np.vdot(slope, term)
            for weight, term in zip(hyper.terms, self._terms, strict=True)
        ]
        if not self._sites:
            head = [0.0, 0.0, hyper.noise * float(np.diag(slope) @ self._noise), 0.0]
            return np.array([*head, *terms])
        on_product = slope * product
        head = [
            hyper.product * on_product.sum(),
            hyper.linear * float(np.vdot(slope, inner)),
            hyper.noise * float(np.diag(slope) @ self._noise),
            -0.5 * hyper.power * hyper.product * float(np.vdot(on_product, distance)),
        ]
        # d/dw_p of sum_ab Q_ab |W_p(a) - W_p(b)|^2 = 2 sum_a q_a |W_p(a)|^2 - 2 tr(W_p^T Q W_p)
        distances = 2.0 * on_product.sum(axis=1) @ self._own - 2.0 * self._by_site(on_product)
        sites = -0.5 * hyper.power * hyper.product * distances + hyper.linear * self._by_site(slope)
        return np.concatenate([head, terms, sites * hyper.sites])

    def _by_site(self, matrix: Reals) -> Reals:
        """Trace of W_p^T M W_p for each active position p."""
        products = np.asarray(self._sparse.T @ matrix).T * self._dense
        return np.asarray(products.sum(axis=0).reshape(self._sites, self._width).sum(axis=1))


def inverse_of(factor: Reals) -> Reals:
    """Inverse of a matrix from its lower factor, by half of the work of solving for each column."""
    from scipy.linalg.lapack import dpotri

    lower = np.tril(dpotri(factor, lower=1)[0])
    return np.asarray(lower + np.tril(lower, -1).T)


def _term_means(choice: KernelChoice, count: int) -> Reals:
    """Prior means of the log variances of the terms, in their order (count,)."""
    means = TERM_MEANS if choice.product else {**TERM_MEANS, "mutations": PRIOR_MEAN[0]}
    prior_means = [means.get(name, TERM_MEAN) for name in choice.terms]
    return np.array(prior_means if len(prior_means) == count else [TERM_MEAN] * count)


def _centred(sites: Reals | None, count: int) -> Reals:
    """Prior means of log weights less their mean: their common level is the power's."""
    return np.zeros(count) if sites is None or not count else sites - sites.mean()


class _Minimised(Protocol):
    """A value and its gradient, and the prior mean that the search starts from."""

    mean: Reals

    def __call__(self, theta: Reals) -> tuple[float, Reals]: ...


def most_probable(objective: _Minimised) -> Reals:
    """The maximum a posteriori of an objective, by L-BFGS."""
    from scipy.optimize import minimize

    options = {"maxiter": _ITERATIONS, "ftol": _TOLERANCE}
    optimum = minimize(objective, objective.mean, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(optimum.x)
