"""Beliefs of the simulated campaigns about variants that are not measured yet.

Two models behind one function: the assay model, and the one-hot ridge read as a Gaussian process
with a linear kernel (its mean is that of :class:`abag.model.baselines.one_hot_ridge.OneHotRidge`;
the noise variance given the ridge is the marginal-likelihood estimate), so that both may be given
the same acquisition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import LETTERS
from abag.data.splits.positions import consensus
from abag.errors import ModelError, OptionError
from abag.maturation.propose.acquisition import Belief
from abag.model.assay_gp.kernels.terms import UNLEARNT
from abag.model.assay_gp.model import AssayGP
from abag.model.assay_gp.positions import Positions
from abag.model.baselines.one_hot_ridge import ridge_by_leaving_one_out
from abag.model.mutation_effect import MutationEffect

Reals = NDArray[np.float64]
Rows = NDArray[np.int64]

SHORTLIST: Final = 600
"""Candidates whose joint posterior is computed: the largest means (assay model), or the largest
means plus :data:`_REACH` deviations (ridge)."""
_REACH: Final = 1.5

Believer: TypeAlias = Callable[["Pool", Rows], "tuple[Belief, Rows] | None"]


@dataclass(frozen=True, slots=True)
class Pool:
    """A measured landscape that stands for a laboratory: each variant once.

    ``table`` has chains and ``rank_score``; ``one_hot`` is a sparse matrix (n, columns) of the
    positions at which the pool varies; ``top`` (n,) marks the best variants, ``tenth`` (n,) the
    best tenth.
    """

    name: str
    table: pl.DataFrame
    values: Reals
    top: NDArray[np.bool_]
    tenth: NDArray[np.bool_]
    one_hot: Any
    align: str
    prior: MutationEffect | None = None
    """Global model that has not learnt from the landscape; the assay model does without if None."""

    @classmethod
    def of(
        cls,
        name: str,
        table: pl.DataFrame,
        share: float = 0.01,
        prior: MutationEffect | None = None,
    ) -> Pool:
        """From rows with ``rank_score``; variants measured more than once get their mean.

        The best are the ``share`` of largest values, at least one, and whatever ties with the
        last of them.
        """
        merged = table.group_by("heavy", "light", maintain_order=True).agg(
            pl.col("rank_score").mean(), pl.col("antigen", "assay").first()
        )
        values = merged["rank_score"].to_numpy()
        heavy, light = merged["heavy"].to_list(), merged["light"].fill_null("").to_list()
        equal = len({len(chain) for chain in heavy}) == len({len(chain) for chain in light}) == 1
        align = "place" if equal else "imgt"
        letters = Positions.of(heavy, light, "place" if equal else "imgt").letters(heavy, light)
        return cls(
            name, merged, values, _best(values, share), _best(values, 0.1), _one_hot(letters),
            align, prior,
        )  # fmt: skip

    @property
    def size(self) -> int:
        """Number of variants."""
        return len(self.values)

    def natural(self, count: int) -> Rows:
        """The most natural variants under the built-in encoder, each against the commonest chains.

        Raises UnavailableError without torch.
        """
        from abag.maturation.antibody.naturalness import Naturalness

        chains = list(self.table.select("heavy", "light").iter_rows())
        scores = Naturalness().of_variants(*self._commonest(), chains)
        return np.sort(np.argsort(-np.asarray(scores), kind="stable")[:count])

    def predicted(self, count: int) -> Rows:
        """The variants that the pool's global model ranks highest.

        Raises OptionError without one: the shipped model may have learnt from the pool.
        """
        if self.prior is None:
            raise OptionError(
                "--first-plate predicted needs a global model that has not learnt from the file; "
                "take published landscapes with --sources"
            )
        scores = self.prior.delta(*self._commonest(), self.table)
        return np.sort(np.argsort(-scores, kind="stable")[:count])

    def _commonest(self) -> tuple[str, str | None]:
        """Chains of the commonest residues, which stand for the parent."""
        lights = [chain for chain in self.table["light"].to_list() if chain]
        return consensus(self.table["heavy"].to_list()), consensus(lights) if lights else None

    def measured_with(self, noise: float, seed: int) -> Pool:
        """The pool as an assay sees it whose noise is a share of the values' deviation."""
        if not noise:
            return self
        spread = noise * self.values.std()
        values = self.values + np.random.default_rng([seed, 9]).normal(0.0, spread, self.size)
        table = self.table.with_columns(rank_score=pl.Series(values))
        return replace(self, table=table, values=values)

    def free(self, measured: Rows) -> Rows:
        """Variants that were not measured."""
        return np.setdiff1d(np.arange(self.size), measured)


def _best(values: Reals, share: float) -> NDArray[np.bool_]:
    """Whether each value is among the largest, ties of the last included."""
    count = max(1, round(share * len(values)))
    return np.asarray(values >= np.partition(values, -count)[-count])


def _one_hot(letters: NDArray[np.uint8]) -> Any:
    from scipy.sparse import csr_matrix

    varied = letters[:, (letters != letters[:1]).any(axis=0)]
    rows, places = varied.shape
    columns = np.arange(places) * len(LETTERS) + varied
    start = np.arange(rows + 1) * places
    shape = (rows, places * len(LETTERS))
    return csr_matrix((np.ones(rows * places), columns.ravel(), start), shape=shape)


def assay_gp_belief(pool: Pool, measured: Rows) -> tuple[Belief, Rows] | None:
    """The assay model, fitted to the measured variants of the pool."""
    # The shipped global model may have learnt from the landscape: it stays out.
    blind: dict[str, Any] = {"terms": ",".join(UNLEARNT)} if pool.prior is None else {}
    model = AssayGP(target="rank_score", align=pool.align, **blind)
    model.global_model = pool.prior
    try:
        model.fit(pool.table[measured.tolist()])
    except ModelError:
        return None  # nothing to learn: all values stand at the assay's floor
    free = pool.free(measured)
    free = free[[reason is None for reason in model.refusals(pool.table[free.tolist()])]]
    # Variances of the whole pool would take longer than all else together.
    means = model.predict(pool.table[free.tolist()])
    short = shortlist(free, means, np.zeros(len(free)))
    joint = model.joint(pool.table[short.tolist()])
    best = float(model.distribution(pool.table[measured.tolist()]).mean_score.max())
    return Belief(joint.mean, joint.covariance, joint.noise, best), short


def one_hot_ridge_belief(pool: Pool, measured: Rows) -> tuple[Belief, Rows] | None:
    """One-hot ridge as a Gaussian process with a linear kernel on centred columns."""
    train, target = pool.one_hot[measured], pool.values[measured]
    if np.ptp(target) == 0:
        return None
    ridge, _, _ = ridge_by_leaving_one_out(train.toarray(), target)
    free = pool.free(measured)
    linear = _Linear(train, target, ridge)
    mean, variance = linear.marginal(pool.one_hot[free])
    short = shortlist(free, mean, np.sqrt(variance))
    mean, covariance = linear.joint(pool.one_hot[short])
    best = float(linear.marginal(train)[0].max())
    return Belief(mean, covariance, linear.noise, best), short


def shortlist(rows: Rows, mean: Reals, deviation: Reals, size: int = SHORTLIST) -> Rows:
    """The ``size`` rows with the largest mean plus 1.5 deviations, in ascending order."""
    if len(rows) <= size:
        return rows
    return np.sort(rows[np.argsort(-(mean + _REACH * deviation), kind="stable")[:size]])


class _Linear:
    """Bayesian linear regression on sparse columns, in its dual form, with a free intercept."""

    def __init__(self, train: Any, target: Reals, ridge: float) -> None:
        from scipy.linalg import cho_factor, cho_solve

        self._train = train
        self._centre = np.asarray(train.mean(axis=0)).ravel()
        self._level = float(target.mean())
        inner = self._inner(train, train)
        inner[np.diag_indices_from(inner)] += ridge
        self._factor = cho_factor(inner, lower=True)
        self._weights = cho_solve(self._factor, target - self._level)
        rows = len(target)
        self.noise = float(ridge * (target - self._level) @ self._weights / max(1, rows - 1))
        self._slope = self.noise / ridge
        self._level_variance = self.noise / rows

    def _inner(self, left: Any, right: Any) -> Reals:
        """Inner products of centred columns."""
        raw = np.asarray((left @ right.T).todense(), dtype=np.float64)
        left_sum, right_sum = left @ self._centre, right @ self._centre
        return np.asarray(
            raw - left_sum[:, None] - right_sum[None, :] + self._centre @ self._centre
        )

    def _parts(self, rows: Any) -> tuple[Reals, Reals]:
        from scipy.linalg import solve_triangular

        across = self._inner(self._train, rows)
        solved = solve_triangular(self._factor[0], across, lower=True)
        return across.T @ self._weights + self._level, solved

    def marginal(self, rows: Any) -> tuple[Reals, Reals]:
        """Mean and variance of each row."""
        mean, solved = self._parts(rows)
        squares = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
        squares = squares - 2.0 * (rows @ self._centre) + self._centre @ self._centre
        left = (squares - (solved**2).sum(axis=0)).clip(0.0)
        return mean, self._slope * left + self._level_variance

    def joint(self, rows: Any) -> tuple[Reals, Reals]:
        """Mean and covariance of rows."""
        mean, solved = self._parts(rows)
        left = self._inner(rows, rows) - solved.T @ solved
        return mean, self._slope * left + self._level_variance
