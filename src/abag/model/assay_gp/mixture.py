"""The mean of two posteriors, each with the weight that it has earned.

The rich kernel has every term; the additive one knows the effect of each mutation and the global
model's prediction alone, and nothing of pairs. Their shares maximise the leave-one-out likelihood
of the mean of both (stacking of predictive distributions, Yao et al. 2018), with a prior worth
:data:`SHARES_ROWS` rows, so that two dozen rows do not decide what several hundred can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.inducing import InducedPosterior, inducing_rows
from abag.model.assay_gp.knowledge import Knowledge
from abag.model.assay_gp.objective import KernelChoice
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.posterior import Kernel, Posterior, member_arrays, restored_member
from abag.model.assay_gp.shared_posterior import SharedPosterior
from abag.model.assay_gp.substitution import Codes

Reals = NDArray[np.float64]

PRIOR_SHARES: Final = (0.75, 0.25)
"""Of the rich and the additive member (docs/measured/few-shot.md)."""
SHARES_ROWS: Final = 8.0
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


@dataclass(frozen=True, slots=True)
class Mixture:
    """Posteriors on the same rows and positions, each with its share of the whole."""

    members: tuple[Posterior, ...]
    shares: Reals
    """Share of each member (members,), 1 in all."""
    rows: Codes
    """Letters of all training rows, shape (n, P)."""

    @classmethod
    def fit(
        cls,
        positions: Positions,
        letters: Codes,
        target: Reals,
        noise: Reals,
        choices: Sequence[KernelChoice],
        sizes: Sizes,
        knowledge: Knowledge | None = None,
    ) -> Self:
        """One member a kernel; ``noise`` (n,) is relative to that of a single measurement."""
        rows = np.arange(len(target))
        if len(rows) > sizes.hyper_rows:
            rng = np.random.default_rng(sizes.seed)
            rows = np.sort(rng.choice(rows, sizes.hyper_rows, replace=False))
        kernels = [
            Kernel.fit(positions, letters, target, noise, choice, rows, knowledge)
            for choice in choices
        ]
        if len(letters) > sizes.exact_rows:
            chosen = inducing_rows(letters, positions.reference, sizes.inducing, sizes.seed)
            kernels = [replace(kernel, training=letters[chosen]) for kernel in kernels]
        members = _conditioned(kernels, letters, target, noise, None)
        return cls(members, prior_shares(len(members)), letters)

    def again(self, target: Reals, noise: Reals, extra: Reals) -> Self:
        """The same kernels on other targets, with ``extra`` (n,) noise variance."""
        kernels = [member.kernel for member in self.members]
        return replace(self, members=_conditioned(kernels, self.rows, target, noise, extra))

    def weighed(self, target: Reals, rows: NDArray[np.bool_]) -> Self:
        """With the shares that the leave-one-out likelihood of some rows (n,) gives."""
        if len(self.members) == 1:
            return self
        both = [member.left_out(target) for member in self.members]
        return replace(self, shares=stacked(target[rows], [(m[rows], v[rows]) for m, v in both]))

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
        return self._shared([member.mean(letters) for member in self.members])

    def moments(self, letters: Codes) -> tuple[Reals, Reals]:
        """Mean, and variance without noise: mean within members, plus that between them."""
        means = [member.mean(letters) for member in self.members]
        return self._joined(means, [member.variance(letters) for member in self.members])

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance, with noise, of each training row."""
        both = [member.left_out(target) for member in self.members]
        return self._joined([mean for mean, _ in both], [spread for _, spread in both])

    def blocks_left_out(
        self, target: Reals, blocks: Sequence[NDArray[np.int64]]
    ) -> list[tuple[Reals, Reals]]:
        """The same, where all rows of a block are left out together."""
        of_members = [member.blocks_left_out(target, blocks) for member in self.members]
        return [
            self._joined([mean for mean, _ in block], [spread for _, spread in block])
            for block in zip(*of_members, strict=True)
        ]

    def _shared(self, values: Sequence[Reals]) -> Reals:
        """Sum of the members' values by their shares, member by member."""
        found = self.shares[0] * values[0]
        for share, value in zip(self.shares[1:], values[1:], strict=True):
            found = found + share * value
        return np.asarray(found)

    def _joined(self, means: Sequence[Reals], within: Sequence[Reals]) -> tuple[Reals, Reals]:
        """Mean, and variance within members plus that between them."""
        mean = self._shared(means)
        between = self._shared([(of_member - mean) ** 2 for of_member in means])
        return mean, self._shared(within) + between

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        found: dict[str, NDArray[Any]] = {
            **self.kernel.positions.arrays(),
            "positions.active": self.kernel.shifts.active,
            "training.letters": self.rows,
            "mixture.shares": self.shares,
        }
        for order, member in enumerate(self.members):
            found |= member_arrays(member, f"member{order}")
            if isinstance(member, InducedPosterior):
                found["inducing.letters"] = member.kernel.training
                found[f"member{order}.whitener"] = member.whitener
            if isinstance(member, SharedPosterior):
                found |= member.task_arrays(f"member{order}")
        return found

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
        for order, choice in enumerate(choices):
            prefix = f"member{order}"
            member = restored_member(arrays, prefix, choice.terms, positions, points)
            if f"{prefix}.whitener" in arrays:
                member = InducedPosterior.restored(member, arrays[f"{prefix}.whitener"])
            if f"{prefix}.tasks" in arrays:
                member = SharedPosterior.restored(
                    member,
                    arrays[f"{prefix}.tasks"],
                    arrays[f"{prefix}.between"],
                    int(arrays[f"{prefix}.task"][0]),
                )
            members.append(member)
        return cls(tuple(members), shares, rows)


def prior_shares(count: int) -> Reals:
    """Share of each of some members before any row has spoken."""
    shares = np.array(PRIOR_SHARES[:count])
    return np.asarray(shares / shares.sum())


def stacked(target: Reals, left_out: Sequence[tuple[Reals, Reals]]) -> Reals:
    """Shares (members,) from leave-one-out means and variances of rows, by EM."""
    logs = np.stack([-0.5 * (np.log(v) + (target - mean) ** 2 / v) for mean, v in left_out])
    likelihood = np.exp(logs - logs.max(axis=0))
    prior = prior_shares(len(left_out))
    shares = prior
    for _ in range(_ROUNDS):
        owned = shares[:, None] * likelihood
        shares = (owned / owned.sum(axis=0)).sum(axis=1) + SHARES_ROWS * prior
        shares = shares / shares.sum()
    return np.asarray(shares)


def _conditioned(
    kernels: Sequence[Kernel], rows: Codes, target: Reals, noise: Reals, extra: Reals | None
) -> tuple[Posterior, ...]:
    """A posterior a kernel: exact where its points are all rows, else by inducing variants."""
    members: list[Posterior] = []
    for kernel in kernels:
        variance = kernel.hyper.noise * noise + (0.0 if extra is None else extra)
        if len(kernel.training) == len(rows):
            members.append(Posterior.of(kernel, target, variance))
        else:
            members.append(InducedPosterior.induced(kernel, rows, target, variance))
    return tuple(members)
