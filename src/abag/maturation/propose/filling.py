"""A plate is filled: wells for single mutants first, then the rest, under the plate's rules.

No mutation is everywhere, and no more is chosen than the budget buys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.errors import counted
from abag.maturation.propose.acquisition import Batch, Belief, Rules
from abag.maturation.propose.design_space import Genotype, size_of
from abag.maturation.propose.request import Request

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass
class Quota(Rules):
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
    used: NDArray[np.int64]
    """Chosen variants with each mutation, shape (k,)."""
    raised: int = 0
    """By how many the limit was raised, because nothing else was left."""

    @classmethod
    def of(
        cls, candidates: Sequence[Genotype], request: Request, taken: Sequence[Genotype] = ()
    ) -> Self:
        """The rules of a request; ``taken`` are variants that stand on the plate already."""
        changes = sorted({change for variant in (*candidates, *taken) for change in variant})
        column = {change: index for index, change in enumerate(changes)}
        carriers = np.zeros((len(candidates), len(changes)), dtype=np.bool_)
        for row, variant in enumerate(candidates):
            carriers[row, [column[change] for change in variant]] = True
        costs = np.array([request.purse.cost(size_of(variant)) for variant in candidates])
        budget = request.purse.budget
        quota = cls(
            carriers, max(1, ceil(request.most_repeats * request.count)), costs,
            np.inf if budget is None else budget, np.zeros(len(changes), dtype=np.int64),
        )  # fmt: skip
        for variant in taken:
            quota.used[[column[change] for change in variant]] += 1
            quota.left -= request.purse.cost(size_of(variant))
        return quota

    def take(self, row: int) -> None:
        """Count a choice."""
        self.used += self.carriers[row]
        self.left -= float(self.costs[row])

    def among(self, rows: NDArray[np.int64]) -> Self:
        """What is left for some of the candidates, shape (n,) of their rows."""
        return replace(self, carriers=self.carriers[rows], costs=self.costs[rows])

    def open(self, chosen: Sequence[int]) -> Flags:
        """Candidates that may be chosen next, shape (m,); none where the budget is spent.

        Where only repeats are left the limit on them is raised by as little as is needed: a full
        plate is worth more than the rule.
        """
        free = self.costs <= self.left + 1e-9
        free[list(chosen)] = False
        if not free.any():
            return free
        fullest = np.where(self.carriers, self.used, -1).max(axis=1, initial=-1)
        least = int(fullest[free].min())
        if least >= self.most:
            self.raised += least + 1 - self.most
            self.most = least + 1
        return np.asarray(free & (fullest < self.most))


def placed(
    batch: Batch,
    short: Sequence[Genotype],
    plate: Sequence[Chains | None],
    standing: Sequence[Genotype],
) -> list[tuple[Genotype, float | None]]:
    """The plate's variants with their acquisition values; None for those in ``standing``."""
    chosen = zip(batch.rows.tolist(), batch.values.tolist(), strict=True)
    new: list[tuple[Genotype, float | None]] = [(short[row], value) for row, value in chosen]
    if not plate:
        return new
    fresh, old = iter(new), ((variant, None) for variant in standing)
    picks = [next(fresh, None) if chains is None else next(old) for chains in plate]
    return [pick for pick in picks if pick is not None]


def fill(
    belief: Belief,
    short: Sequence[Genotype],
    request: Request,
    quota: Quota,
    standing: int,
    notes: list[str],
) -> Batch:
    """The batch: first the wells for single mutants, then the rest, under the plate's rules.

    ``standing`` variants are on the plate already.
    """
    free_wells = request.count - standing
    singles = np.flatnonzero([size_of(variant) == 1 for variant in short])
    first = min(request.singles if not standing else 0, len(singles))
    rows: list[int] = []
    values: list[float] = []
    if first:
        picked = request.policy.choose(belief.among(singles), first, request.seed)
        rows, values = singles[picked.rows].tolist(), picked.values.tolist()
        for row in rows:
            quota.take(row)
    if not standing and request.singles > first:
        notes.append(f"only {counted(first, 'single mutant')} may be proposed under these rules")
    left = np.setdiff1d(np.arange(len(short)), rows)
    others, quota = belief.conditioned_on(np.array(rows, dtype=np.int64)), quota.among(left)
    batch = request.policy.choose(others, free_wells - len(rows), request.seed, quota)
    rows += left[batch.rows].tolist()
    if quota.raised:
        notes.append(
            f"a mutation may be in {quota.most} variants, {quota.raised} more than --most-repeats "
            "says: too few others were left"
        )
    if len(rows) < free_wells:
        notes.append(f"only {counted(len(rows), 'variant')} may be proposed under these rules")
    return Batch(np.array(rows, dtype=np.int64), np.array([*values, *batch.values]))
