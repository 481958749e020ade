"""The mean of some posteriors, each with the weight that it has earned.

The rich kernel has every term; two additive ones know the effect of each mutation and nothing of
pairs, one of them beside what the global model predicts. Their shares maximise the leave-one-out
likelihood of the mean of all (stacking of predictive distributions, Yao et al. 2018), with a prior
worth :data:`SHARES_ROWS` rows, so that two dozen rows do not decide what several hundred can.

Left-out rows have siblings among the others; rows beyond the measured ones (a new position, more
mutations) have none, and there the members part: the rich kernel draws them back to the mean. They
have shares of their own, which favour what is simple beforehand, times the leave-one-out likelihood
of each member by itself (pseudo-Bayesian model averaging).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.censoring import RowNormals
from abag.model.assay_gp.inducing import InducedPosterior, inducing_rows
from abag.model.assay_gp.kernels.kernel import Kernel
from abag.model.assay_gp.kernels.knowledge import Knowledge
from abag.model.assay_gp.kernels.substitution import Codes
from abag.model.assay_gp.objective import KernelChoice
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.posterior import Posterior, member_arrays, restored_member

Reals = NDArray[np.float64]

PRIOR_SHARES: Final = (0.70, 0.25, 0.05)
"""Of the rich member, the additive one, and that of mutations alone (docs/measured/few-shot.md)."""
SHARES_ROWS: Final = 8.0
FRESH_SHARES: Final = (0.2, 0.4, 0.4)
"""The same for rows with a change where no training row has one."""
MORE_SHARES: Final = (0.1, 0.2, 0.7)
"""The same for rows with more mutations than any training row."""
_ROUNDS: Final = 200


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows are used for what."""

    hyper_rows: int
    """Rows on which hyper-parameters are chosen."""
    exact_rows: int
    """More rows than this are solved by way of inducing variants."""
    inducing: int
    """Number of those."""
    seed: int

    def hyper(self, count: int) -> NDArray[np.int64]:
        """Those of ``count`` rows on which hyper-parameters are chosen, ascending."""
        if count <= self.hyper_rows:
            return np.arange(count)
        rng = np.random.default_rng(self.seed)
        return np.sort(rng.choice(count, self.hyper_rows, replace=False))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Posteriors on the same rows and positions, each with its share of the whole."""

    members: tuple[Posterior, ...]
    shares: Reals
    """Share of each member (members,), 1 in all."""
    beyond: Reals
    """The same for rows with new positions, and for those with more mutations (2, members)."""
    rows: Codes
    """Letters of all training rows, shape (n, P)."""

    @classmethod
    def fit(
        cls,
        positions: Positions,
        letters: Codes,
        normals: RowNormals,
        noise: Reals,
        choices: Sequence[KernelChoice],
        sizes: Sizes,
        knowledge: Knowledge | None = None,
    ) -> Self:
        """One member a kernel; ``noise`` (n,) is relative to that of a single measurement."""
        rows = sizes.hyper(len(letters))
        kernels = [
            Kernel.fit(positions, letters, normals, noise, choice, rows, knowledge)
            for choice in choices
        ]
        if len(letters) > sizes.exact_rows:
            chosen = inducing_rows(letters, positions.reference, sizes.inducing, sizes.seed)
            kernels = [replace(kernel, training=letters[chosen]) for kernel in kernels]
        return cls.of(_conditioned(kernels, letters, normals, noise), letters)

    @classmethod
    def of(cls, members: tuple[Posterior, ...], rows: Codes) -> Self:
        """With the shares that members have before any row has spoken."""
        count = len(members)
        beyond = np.stack([_first_shares(shares, count) for shares in (FRESH_SHARES, MORE_SHARES)])
        return cls(members, _first_shares(PRIOR_SHARES, count), beyond, rows)

    def reconditioned(self, normals: RowNormals, noise: Reals) -> Self:
        """The same kernels on what the rows say now."""
        kernels = [member.kernel for member in self.members]
        return replace(self, members=_conditioned(kernels, self.rows, normals, noise))

    def weighed(self, target: Reals, rows: NDArray[np.bool_]) -> Self:
        """With the shares that the leave-one-out likelihood of some rows (n,) gives."""
        if len(self.members) == 1:
            return self
        left_out = [member.left_out(target) for member in self.members]
        logs = np.stack([log_likelihood(target, *moments)[rows] for moments in left_out])
        earned = logs.sum(axis=1)
        beyond = type(self).of(self.members, self.rows).beyond * np.exp(earned - earned.max())
        shares = stacked(logs)
        return replace(self, shares=shares, beyond=beyond / beyond.sum(axis=1, keepdims=True))

    def unlike(self, letters: Codes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows with a change where no training row has one, and with more than any has."""
        reference = self.kernel.positions.reference
        changed = letters != reference
        most = (self.rows != reference).sum(axis=1).max()
        return changed[:, self.kernel.still].any(axis=1), changed.sum(axis=1) > most

    def shares_of(self, letters: Codes) -> Reals:
        """Share of each member for each row, (members, rows)."""
        fresh, more = self.unlike(letters)
        shares = np.repeat(self.shares[:, None], len(letters), axis=1)
        shares[:, fresh] = self.beyond[0][:, None]
        shares[:, more] = self.beyond[1][:, None]
        return shares

    @property
    def kernel(self) -> Kernel:
        """The kernel of the first member."""
        return self.members[0].kernel

    @property
    def noise(self) -> float:
        """Noise variance of a single measurement, mean over members."""
        return float(self.shares @ [member.kernel.hyper.noise for member in self.members])

    def mean(self, letters: Codes) -> Reals:
        """Mean of rows (rows,); a row's value does not depend on its neighbours."""
        means = [member.mean(letters) for member in self.members]
        return _averaged(means, self.shares_of(letters))

    def moments(self, letters: Codes) -> tuple[Reals, Reals]:
        """Mean, and variance without noise: mean within members, plus that between them."""
        both = [(member.mean(letters), member.variance(letters)) for member in self.members]
        return _joined_moments(both, self.shares_of(letters))

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance, with noise, of each training row."""
        return _joined_moments(
            [member.left_out(target) for member in self.members], self.shares[:, None]
        )

    def blocks_left_out(
        self, target: Reals, blocks: Sequence[NDArray[np.int64]], shares: Reals
    ) -> list[tuple[Reals, Reals]]:
        """The same with other shares, where all rows of a block are left out together."""
        of_members = [member.blocks_left_out(target, blocks) for member in self.members]
        return [_joined_moments(block, shares[:, None]) for block in zip(*of_members, strict=True)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        saved: dict[str, NDArray[Any]] = {
            **self.kernel.positions.arrays(),
            "positions.active": self.kernel.shifts.active,
            "training.letters": self.rows,
            "mixture.shares": self.shares,
            "mixture.beyond": self.beyond,
        }
        for order, member in enumerate(self.members):
            saved |= member_arrays(member, f"member{order}")
            if isinstance(member, InducedPosterior):
                saved["inducing.letters"] = member.kernel.training
                saved[f"member{order}.whitener"] = member.whitener
        return saved

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], choices: Sequence[KernelChoice]
    ) -> Self:
        """The inverse of :meth:`arrays`."""
        positions = Positions.from_arrays(arrays)
        rows = arrays["training.letters"]
        shares = arrays["mixture.shares"]
        points = arrays.get("inducing.letters", rows)
        members: list[Posterior] = []
        # An earlier abag had fewer members and one share for all rows.
        for order, choice in enumerate(choices[: len(shares)]):
            prefix = f"member{order}"
            member = restored_member(arrays, prefix, choice.terms, positions, points)
            if f"{prefix}.whitener" in arrays:
                member = InducedPosterior.restored(member, arrays[f"{prefix}.whitener"])
            members.append(member)
        beyond = arrays.get("mixture.beyond", np.stack([shares, shares]))
        return cls(tuple(members), shares, beyond, rows)


def stacked(logs: Reals) -> Reals:
    """Shares (members,) from leave-one-out log likelihoods (members, rows), by EM."""
    likelihood = np.exp(logs - logs.max(axis=0))
    prior = _first_shares(PRIOR_SHARES, len(logs))
    shares = prior
    for _ in range(_ROUNDS):
        owned = shares[:, None] * likelihood
        shares = (owned / owned.sum(axis=0)).sum(axis=1) + SHARES_ROWS * prior
        shares = shares / shares.sum()
    return np.asarray(shares)


def _first_shares(shares: Sequence[float], count: int) -> Reals:
    """Shares of the first members alone, 1 in all."""
    kept_shares = np.array(shares[:count])
    return np.asarray(kept_shares / kept_shares.sum())


def log_likelihood(target: Reals, mean: Reals, variance: Reals | float) -> Reals:
    """Of normals, but for a constant."""
    return np.asarray(-0.5 * (np.log(variance) + (target - mean) ** 2 / variance))


def _averaged(values: Sequence[Reals], shares: Reals) -> Reals:
    """Sum of the members' values by their shares (members, rows or 1), member by member."""
    total = shares[0] * values[0]
    for share, value in zip(shares[1:], values[1:], strict=True):
        total = total + share * value
    return np.asarray(total)


def _joined_moments(both: Sequence[tuple[Reals, Reals]], shares: Reals) -> tuple[Reals, Reals]:
    """Mean, and variance within members plus that between them."""
    mean = _averaged([mean_within for mean_within, _ in both], shares)
    between = _averaged([(mean_within - mean) ** 2 for mean_within, _ in both], shares)
    return mean, _averaged([within for _, within in both], shares) + between


def _conditioned(
    kernels: Sequence[Kernel], rows: Codes, normals: RowNormals, noise: Reals
) -> tuple[Posterior, ...]:
    """A posterior a kernel: exact where its points are all rows, else by inducing variants."""
    members: list[Posterior] = []
    for kernel in kernels:
        variance = kernel.hyper.noise * noise + normals.extra
        if len(kernel.training) == len(rows):
            members.append(Posterior.of(kernel, normals.target, variance))
        else:
            members.append(InducedPosterior.induced(kernel, rows, normals.target, variance))
    return tuple(members)
