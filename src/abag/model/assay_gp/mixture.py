"""The mean of several posteriors: a rich kernel beside a cautious one.

Marginal likelihood trusts the additive terms more than it should on some assays, above all with
few rows. Averaging with a member that has the product kernel alone repairs part of that, and costs
a little where the terms are right (docs/few-shot.md has the figures).
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
    """Posteriors of equal weight on the same rows and positions."""

    members: tuple[Posterior, ...]
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
        return cls(_conditioned(kernels, letters, target, noise, None), letters)

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
        return float(np.mean([member.kernel.hyper.noise for member in self.members]))

    def mean(self, letters: Codes) -> Reals:
        """Mean of rows (rows,); a row's value does not depend on its neighbours."""
        found = self.members[0].mean(letters)
        for member in self.members[1:]:
            found = found + member.mean(letters)
        return np.asarray(found / len(self.members))

    def moments(self, letters: Codes) -> tuple[Reals, Reals]:
        """Mean, and variance without noise: mean within members, plus that between them."""
        means = np.stack([member.mean(letters) for member in self.members])
        within = np.stack([member.variance(letters) for member in self.members])
        total = means[0]
        for of_member in means[1:]:
            total = total + of_member
        return total / len(means), np.asarray(within.mean(axis=0) + means.var(axis=0))

    def left_out(self, target: Reals) -> tuple[Reals, Reals]:
        """Leave-one-out mean and variance, with noise, of each training row."""
        both = [member.left_out(target) for member in self.members]
        means, spread = (np.stack([one[part] for one in both]) for part in (0, 1))
        return means.mean(axis=0), spread.mean(axis=0) + means.var(axis=0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        found: dict[str, NDArray[Any]] = {
            **self.kernel.positions.arrays(),
            "positions.active": self.kernel.shifts.active,
            "training.letters": self.rows,
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
        return cls(tuple(members), rows)


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
