"""What a plate as a whole must keep: no mutation everywhere, and no more than the budget buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Self

import numpy as np
from numpy.typing import NDArray

from abag.maturation.propose.design_space import Genotype, size_of
from abag.maturation.propose.request import Request

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(slots=True)
class Quota:
    """Which of m candidates may still be chosen; it changes with every choice.

    ``carriers`` (m, k) says which candidates have which of k mutations.
    """

    carriers: Flags
    most: int
    """Largest number of chosen variants with one mutation."""
    costs: Reals
    """Price of each candidate, shape (m,)."""
    left: float
    """What is left of the budget; infinite without one."""
    used: NDArray[np.int64] = field(init=False)
    """Chosen variants with each mutation, shape (k,)."""
    raised: int = field(init=False, default=0)
    """By how many the limit was raised, because nothing else was left."""

    def __post_init__(self) -> None:
        """Nothing is chosen yet."""
        self.used = np.zeros(self.carriers.shape[1], dtype=np.int64)

    @classmethod
    def of(
        cls, candidates: Sequence[Genotype], request: Request, taken: Sequence[Genotype] = ()
    ) -> Self:
        """The rules of a request; ``taken`` are variants that stand on the plate already."""
        changes = sorted({change for one in (*candidates, *taken) for change in one})
        column = {change: place for place, change in enumerate(changes)}
        carriers = np.zeros((len(candidates), len(changes)), dtype=np.bool_)
        for row, one in enumerate(candidates):
            carriers[row, [column[change] for change in one]] = True
        costs = np.array([request.purse.cost(size_of(one)) for one in candidates])
        budget = request.purse.budget
        found = cls(
            carriers, max(1, ceil(request.most_repeats * request.count)), costs,
            np.inf if budget is None else budget,
        )  # fmt: skip
        for one in taken:
            found.used[[column[change] for change in one]] += 1
            found.left -= request.purse.cost(size_of(one))
        return found

    def take(self, row: int) -> None:
        """Count a choice."""
        self.used += self.carriers[row]
        self.left -= float(self.costs[row])

    def among(self, rows: NDArray[np.int64]) -> Share:
        """The same rules for some of the candidates, shape (n,) of their rows."""
        return Share(self, rows)

    def open(self, chosen: Sequence[int], among: NDArray[np.int64] | None = None) -> Flags:
        """Candidates that may be chosen next, shape (m,); none where the budget is spent.

        ``among`` asks for some of them only, and gives the flags of these.

        Where only repeats are left the limit on them is raised by as little as is needed: a full
        plate is worth more than the rule.
        """
        rows = np.arange(len(self.costs)) if among is None else among
        free = (self.costs[rows] <= self.left + 1e-9) & ~np.isin(rows, list(chosen))
        if not free.any():
            return free
        fullest = np.where(self.carriers[rows], self.used, -1).max(axis=1, initial=-1)
        least = int(fullest[free].min())
        if least >= self.most:
            self.raised += least + 1 - self.most
            self.most = least + 1
        return np.asarray(free & (fullest < self.most))


@dataclass(frozen=True, slots=True)
class Share:
    """A quota as some of its candidates see it."""

    quota: Quota
    rows: NDArray[np.int64]

    def open(self, chosen: Sequence[int]) -> Flags:
        """As :meth:`Quota.open`, of these candidates alone."""
        return self.quota.open(self.rows[list(chosen)].tolist(), self.rows)

    def take(self, row: int) -> None:
        """Count a choice."""
        self.quota.take(int(self.rows[row]))
