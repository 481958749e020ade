"""Which candidates to measure next, from a model's posterior of them. Higher is better.

One candidate: expected improvement (Jones et al. 1998), upper confidence bound (Srinivas et al.
2010), the mean alone (greedy). A batch: after each choice the belief is conditioned on a
measurement of it that equals its mean, so that deviations shrink around it ("believer", Ginsbourger
et al. 2010; for upper confidence bounds Desautels et al. 2014); or values are multiplied by one
less the squared correlation with what was chosen (local penalisation in the manner of Gonzalez et
al. 2016); or the batch is taken at its own draws of the joint posterior (Thompson sampling, and
the share of draws in which a candidate is among the best, "top-set").

Any posterior will do: means, a covariance, the variance of a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError

Reals = NDArray[np.float64]
Rows = NDArray[np.int64]

Acquisition: TypeAlias = Literal["ei", "ucb", "thompson", "top-set", "greedy"]
Diversity: TypeAlias = Literal["believer", "penalty", "none"]
ACQUISITIONS: Final[tuple[str, ...]] = get_args(Acquisition)
DIVERSITIES: Final[tuple[str, ...]] = get_args(Diversity)

_DRAWS: Final = 512
"""Draws of the joint posterior behind the shares of ``top-set``."""
_JITTER: Final = 1e-9


class Rules:
    """Rules of a batch as a whole: here, each of ``count`` candidates once."""

    def __init__(self, count: int) -> None:
        self._free = np.ones(count, dtype=np.bool_)

    def open(self, chosen: Sequence[int]) -> NDArray[np.bool_]:  # noqa: ARG002
        """Candidates that may be chosen next, shape (m,)."""
        return self._free

    def take(self, row: int) -> None:
        """Count a choice."""
        self._free[row] = False


@dataclass(frozen=True, slots=True)
class Belief:
    """A model's posterior of m candidates: latent values, without the noise of measuring.

    ``mean`` (m,), ``covariance`` (m, m), ``noise`` the variance of one measurement, ``best`` the
    value to improve upon: the largest posterior mean among the variants that were measured.
    """

    mean: Reals
    covariance: Reals
    noise: float
    best: float

    def __post_init__(self) -> None:
        """Raise OptionError where the parts do not fit together."""
        count = len(self.mean)
        if self.covariance.shape != (count, count):
            raise OptionError(
                f"the covariance has the shape {self.covariance.shape} for {count} candidates"
            )

    @property
    def deviation(self) -> Reals:
        """Posterior deviation of each candidate, shape (m,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance).clip(0.0)))

    def conditioned_on(self, rows: Rows) -> Belief:
        """The belief of the other candidates once ``rows`` are measured, each at its mean.

        Means stay, deviations shrink around what is being measured.
        """
        if not len(rows):
            return self
        from scipy.linalg import solve

        others = np.setdiff1d(np.arange(len(self.mean)), rows)
        inner = self.covariance[np.ix_(rows, rows)] + (self.noise + _JITTER) * np.eye(len(rows))
        across = self.covariance[np.ix_(rows, others)]
        prior = self.covariance[np.ix_(others, others)]
        posterior = prior - across.T @ solve(inner, across, assume_a="pos")
        return Belief(self.mean[others], (posterior + posterior.T) / 2, self.noise, self.best)

    def among(self, rows: Rows) -> Belief:
        """The belief of these candidates alone."""
        covariance = self.covariance[np.ix_(rows, rows)]
        return Belief(self.mean[rows], covariance, self.noise, self.best)

    def draws(self, count: int, rng: np.random.Generator) -> Reals:
        """Joint draws of all candidates, shape (count, m)."""
        noise = rng.standard_normal((count, len(self.mean)))
        return np.asarray(self.mean + noise @ _covariance_root(self.covariance).T)


@dataclass(frozen=True, slots=True)
class Batch:
    """Chosen candidates in the order of choice, and the acquisition value at each choice."""

    rows: Rows
    values: Reals


@dataclass(frozen=True, slots=True)
class Policy:
    """How a batch is chosen; the defaults found most of the best in docs/measured/campaigns.md."""

    acquisition: Acquisition = "ucb"
    diversity: Diversity = "none"
    beta: float = 1.0
    """Deviations added to the mean by ``ucb``."""

    def __post_init__(self) -> None:
        """Raise OptionError for an unknown name or a beta that is no number from 0."""
        for option, choice, known in (
            ("--acquisition", self.acquisition, ACQUISITIONS),
            ("--diversity", self.diversity, DIVERSITIES),
        ):
            if choice not in known:
                raise OptionError(
                    f"{option}: unknown choice {choice!r}; known are {', '.join(known)}"
                )
        if not (np.isfinite(self.beta) and self.beta >= 0):
            raise OptionError(f"beta is {self.beta:g}; give a number from 0, such as 1")

    def choose(
        self, belief: Belief, count: int, seed: int = 0, rules: Rules | None = None
    ) -> Batch:
        """Choose ``count`` candidates, or as many as there are and the rules allow."""
        rules = rules or Rules(len(belief.mean))
        rng = np.random.default_rng(seed)
        if self.acquisition == "thompson":
            return _thompson_batch(belief, count, rng, rules)
        if self.acquisition == "top-set":
            shares = top_set(belief.draws(_DRAWS, rng), count)
            return _top_batch(shares, count, belief.mean, rules)
        if self.acquisition == "greedy":
            return _top_batch(belief.mean, count, belief.mean, rules)
        return _sequential_batch(belief, count, self, rules)


def expected_improvement(mean: Reals, deviation: Reals, best: float) -> Reals:
    """E[max(f - best, 0)] of normal f, shape (m,)."""
    from scipy.special import ndtr

    gain = mean - best
    safe = np.maximum(deviation, 1e-12)
    z = gain / safe
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    improvement = gain * ndtr(z) + safe * density
    return np.asarray(np.where(deviation > 1e-12, improvement, gain).clip(0.0))


def upper_confidence(mean: Reals, deviation: Reals, beta: float) -> Reals:
    """Mean plus ``beta`` deviations, shape (m,)."""
    return np.asarray(mean + beta * deviation)


def top_set(draws: Reals, size: int) -> Reals:
    """Share of the draws (s, m) in which each candidate is among the ``size`` best, shape (m,)."""
    count = draws.shape[1]
    if size >= count:
        return np.ones(count)
    best = np.argpartition(-draws, size - 1, axis=1)[:, :size]
    return np.bincount(best.ravel(), minlength=count) / len(draws)


def _thompson_batch(belief: Belief, count: int, rng: np.random.Generator, rules: Rules) -> Batch:
    """The best candidate of each of ``count`` joint draws, each candidate once."""
    rows: list[int] = []
    values: list[float] = []
    for draw in belief.draws(count, rng):
        row = _take_best(draw, rules, rows)
        if row is None:
            break
        rows.append(row)
        values.append(float(draw[row]))
    return Batch(np.array(rows, dtype=np.int64), np.array(values))


def _take_best(values: Reals, rules: Rules, chosen: Sequence[int]) -> int | None:
    """The largest value that the rules allow, which is then taken; None where they allow none."""
    free = rules.open(chosen)
    if not free.any():
        return None
    row = int(np.where(free, values, -np.inf).argmax())
    rules.take(row)
    return row


def _covariance_root(covariance: Reals) -> Reals:
    """R with R R' the covariance, shape (m, m)."""
    try:
        spread = _JITTER * max(1.0, float(np.diag(covariance).max(initial=0.0)))
        return np.asarray(np.linalg.cholesky(covariance + spread * np.eye(len(covariance))))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(values.clip(0.0)))


def _top_batch(values: Reals, count: int, mean: Reals, rules: Rules) -> Batch:
    """The largest values; equal ones by the mean, then in the order of the candidates."""
    order = np.lexsort((np.arange(len(values)), -mean, -values))
    rank = np.empty(len(values))
    rank[order] = -np.arange(len(values), dtype=np.float64)
    rows: list[int] = []
    while len(rows) < count and (row := _take_best(rank, rules, rows)) is not None:
        rows.append(row)
    return Batch(np.array(rows, dtype=np.int64), values[rows])


def _sequential_batch(belief: Belief, count: int, policy: Policy, rules: Rules) -> Batch:
    """Choose the largest value, change the belief or the values by it, and again."""
    variance = np.diag(belief.covariance).copy()
    columns = np.zeros((0, len(variance)))
    penalty = np.ones(len(variance))
    best = belief.best
    rows: list[int] = []
    values = []
    for _ in range(count):
        value = _acquisition_value(belief.mean, np.sqrt(variance.clip(0.0)), best, policy)
        row = _take_best((value - value.min()) * penalty, rules, rows)
        if row is None:
            break
        rows.append(row)
        values.append(float(value[row]))
        if policy.diversity == "believer":
            # One row of the Cholesky factor of the measured choices: L^-1 K(chosen, all).
            column = belief.covariance[row] - columns.T @ columns[:, row]
            column = column / np.sqrt(column[row] + belief.noise + _JITTER)
            columns = np.vstack([columns, column])
            variance = variance - column**2
            best = max(best, float(belief.mean[row]))
        elif policy.diversity == "penalty":
            deviation = np.maximum(belief.deviation, 1e-12)
            correlation = belief.covariance[row] / (deviation * deviation[row])
            penalty = penalty * (1.0 - correlation**2).clip(0.0)
    return Batch(np.array(rows, dtype=np.int64), np.array(values))


def _acquisition_value(mean: Reals, deviation: Reals, best: float, policy: Policy) -> Reals:
    if policy.acquisition == "ei":
        return expected_improvement(mean, deviation, best)
    return upper_confidence(mean, deviation, policy.beta)
