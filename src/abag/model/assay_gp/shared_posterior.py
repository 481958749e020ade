"""The posterior of one antigen's values that has learnt from the rows of several antigens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.objective import JITTER
from abag.model.assay_gp.posterior import Kernel, Posterior, added_effects, prior_mean

Reals = NDArray[np.float64]
Tasks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SharedPosterior(Posterior):
    """The posterior of one antigen's values, given the rows of all antigens.

    ``tasks`` (n,) numbers the antigen of each row, ``between`` (T, T) is B, ``task`` the antigen
    that is predicted. ``weights`` are those of the rows times B of their antigens with it.
    """

    tasks: Tasks = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    between: Reals = field(default_factory=lambda: np.ones((1, 1)))
    task: int = 0

    @classmethod
    def of_tasks(
        cls, kernel: Kernel, target: Reals, noise: Reals, tasks: Tasks, between: Reals
    ) -> list[Self]:
        """One posterior an antigen, conditioned on the targets of all (n,)."""
        from scipy.linalg import cho_solve

        factor = _factor(kernel, noise, tasks, between)
        away = target - prior_mean(kernel.terms, kernel.training)
        weights = cho_solve((factor, True), away, check_finite=False)
        found = []
        for task in range(len(between)):
            shared = weights * between[task, tasks]
            effects, constant = added_effects(kernel, shared)
            found.append(
                cls(kernel, shared, effects, constant, noise, [factor], tasks, between, task)
            )
        return found

    def again(self, target: Reals, noise: Reals) -> list[Self]:
        """All antigens' posteriors on other targets or noise."""
        return type(self).of_tasks(self.kernel, target, noise, self.tasks, self.between)

    def task_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Arrays to be saved beside those of every posterior."""
        return {
            f"{prefix}.tasks": self.tasks,
            f"{prefix}.between": self.between,
            f"{prefix}.task": np.array([self.task], dtype=np.int64),
        }

    @classmethod
    def restored(cls, member: Posterior, tasks: Tasks, between: Reals, task: int) -> Self:
        """From a saved member and its saved tasks."""
        return cls(
            member.kernel, member.weights, member.effects, member.constant, member.noise, [],
            tasks, between, task,
        )  # fmt: skip

    def whitened(self, across: Reals) -> Reals:
        """L^-1 of covariances with the training rows (n, m), as seen from this antigen."""
        scaled = across * self.between[self.task, self.tasks][:, None]
        return Posterior.whitened(self, scaled)

    def _cholesky(self) -> Reals:
        if not self._factor:
            self._factor.append(_factor(self.kernel, self.noise, self.tasks, self.between))
        return self._factor[0]


def _factor(kernel: Kernel, noise: Reals, tasks: Tasks, between: Reals) -> Reals:
    from scipy.linalg import cholesky

    matrix = kernel.matrix(kernel.training, kernel.training)
    matrix *= between[np.ix_(tasks, tasks)]
    matrix[np.diag_indices_from(matrix)] += noise + JITTER
    return np.asarray(cholesky(matrix, lower=True, overwrite_a=True, check_finite=False))
