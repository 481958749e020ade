"""Several antigens at once: what a mutation does to one says something about the others.

Intrinsic coregionalisation (Bonilla, Chai and Williams 2008): the covariance of two rows is that of
their variants times B of their antigens, B[a, b] = s_a s_b off the diagonal and 1 on it. Each s is
tanh of a number with a normal prior that favours sharing; where antigens have nothing in common, or
oppose each other, s falls to 0 and each is on its own. What comes out is a model of each antigen,
which has learnt from the rows of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.knowledge import Knowledge
from abag.model.assay_gp.mixture import Mixture, prior_shares
from abag.model.assay_gp.objective import Hyper, KernelChoice, Objective
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.posterior import Kernel
from abag.model.assay_gp.shared_posterior import SharedPosterior
from abag.model.assay_gp.substitution import Codes

Reals = NDArray[np.float64]
Tasks = NDArray[np.int64]

_SHARE_MEAN: Final = 1.0
_SHARE_SPREAD: Final = 1.0


def correlation(shares: Reals) -> Reals:
    """B of the antigens (T, T) from their shares (T,) between -1 and 1."""
    found = np.outer(shares, shares)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


class SharedObjective:
    """Minus log posterior of the kernel's hyper-parameters and, behind them, of atanh of shares."""

    def __init__(self, single: Objective, tasks: Tasks, count: int) -> None:
        self.single, self.tasks, self.count = single, tasks, count
        self.mean = np.concatenate([single.mean, np.full(self.count, _SHARE_MEAN)])

    def __call__(self, theta: Reals) -> tuple[float, Reals]:
        """Value and gradient at ``theta``."""
        own, free = theta[: -self.count], theta[-self.count :]
        shares = np.tanh(free)
        mask = correlation(shares)[np.ix_(self.tasks, self.tasks)]
        value, gradient, on_mask = self.single.evaluate(own, mask)
        if on_mask is None:
            return value, np.zeros_like(theta)
        member = np.eye(self.count)[self.tasks]
        by_task = member.T @ on_mask @ member
        np.fill_diagonal(by_task, 0.0)
        slope = 2.0 * (by_task @ shares) * (1.0 - shares**2)
        away = (free - _SHARE_MEAN) / _SHARE_SPREAD
        return (
            value + 0.5 * float(away @ away),
            np.concatenate([gradient, slope + away / _SHARE_SPREAD]),
        )


def fit_shared_hyper(
    objective: SharedObjective, terms: int, iterations: int = 80
) -> tuple[Hyper, Reals]:
    """Hyper-parameters and shares (T,) of maximum posterior."""
    from scipy.optimize import minimize

    found = minimize(
        objective,
        objective.mean,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "ftol": 1e-6},
    )
    own, free = found.x[: -objective.count], found.x[-objective.count :]
    return Hyper.of(own, terms), np.tanh(free)


@dataclass(frozen=True, slots=True)
class Tasked:
    """Rows of several antigens on common positions; ``tasks`` (n,) numbers their antigens."""

    positions: Positions
    letters: Codes
    target: Reals
    noise: Reals
    tasks: Tasks
    count: int
    hyper_rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SharedMixture:
    """The mixtures of all antigens, conditioned together."""

    members: tuple[tuple[SharedPosterior, ...], ...]
    """By kernel, then by antigen."""
    rows: Codes
    shares: Reals
    """How much each antigen has in common with the others (T,), mean over kernels."""

    @classmethod
    def fit(
        cls, data: Tasked, choices: Sequence[KernelChoice], knowledge: Knowledge | None
    ) -> Self:
        """Choose hyper-parameters and shares on ``data.hyper_rows``, then solve all rows."""
        members, shares = [], []
        for choice in choices:
            kernel, single = Kernel.draft(
                data.positions, data.letters, data.target, data.noise, choice, data.hyper_rows,
                knowledge,
            )  # fmt: skip
            objective = SharedObjective(single, data.tasks[data.hyper_rows], data.count)
            hyper, share = fit_shared_hyper(objective, len(kernel.terms))
            kernel = replace(kernel, hyper=hyper.with_sites(len(kernel.shifts.active)))
            noise = hyper.noise * data.noise
            found = SharedPosterior.of_tasks(
                kernel, data.target, noise, data.tasks, correlation(share)
            )
            members.append(tuple(found))
            shares.append(share)
        return cls(tuple(members), data.letters, np.mean(shares, axis=0))

    def again(self, target: Reals, noise: Reals, extra: Reals) -> Self:
        """The same kernels on other targets, with ``extra`` (n,) noise variance."""
        members = tuple(
            tuple(one[0].again(target, one[0].kernel.hyper.noise * noise + extra))
            for one in self.members
        )
        return replace(self, members=members)

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance, with noise, of every row of every antigen."""
        return self.of_task(0).left_out(target)

    def of_task(self, task: int) -> Mixture:
        """The mixture of one antigen."""
        members = tuple(one[task] for one in self.members)
        return Mixture(members, prior_shares(len(members)), self.rows)
