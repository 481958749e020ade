"""The mean of several posteriors: a rich kernel beside a cautious one.

Marginal likelihood trusts the additive terms more than it should on some assays, with few rows.
Averaging with a member that has the product kernel alone repairs part of that; with more rows it
costs, and its share falls (docs/few-shot.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

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
        shares: Reals | None = None,
    ) -> Self:
        """One member a kernel; ``noise`` (n,) is relative to that of a single measurement.

        Members have equal shares where none are given.
        """
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
        return cls(members, equal_shares(len(members)) if shares is None else shares, letters)

    def again(self, target: Reals, noise: Reals, extra: Reals) -> Self:
        """The same kernels on other targets, with ``extra`` (n,) noise variance."""
        kernels = [member.kernel for member in self.members]
        return replace(self, members=_conditioned(kernels, self.rows, target, noise, extra))

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
        """The inverse of :meth:`arrays`; a model of before shares were kept has equal ones."""
        positions = Positions.from_arrays(arrays)
        rows = arrays["training.letters"]
        shares = arrays.get("mixture.shares", equal_shares(len(choices)))
        points = arrays.get("inducing.letters", rows)
        members: list[Posterior] = []
        for order, choice in enumerate(choices[: len(shares)]):
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


def equal_shares(count: int) -> Reals:
    """The same share for each of some members."""
    return np.full(count, 1.0 / count)


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
