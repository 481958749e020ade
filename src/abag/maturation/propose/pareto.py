"""Trades between aims: who is beaten by nobody, who only by those, and so on.

A variant beats another where it is as good on every aim and better on one; exact non-dominated
sorting (Deb et al. 2002, without crowding), which for a thousand candidates takes no time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abag.errors import counted
from abag.maturation.propose.acquisition import Belief
from abag.maturation.propose.aims import Judge
from abag.maturation.propose.design_space import Genotype

Reals = NDArray[np.float64]


def fronts(merits: Reals) -> NDArray[np.int64]:
    """Front of each row of merits (n, aims), larger is better; 1 where no row beats it."""
    count = len(merits)
    beats = np.ones((count, count), dtype=np.bool_)
    better = np.zeros((count, count), dtype=np.bool_)
    for aim in merits.T:
        beats &= aim[:, None] >= aim[None, :]
        better |= aim[:, None] > aim[None, :]
    beats &= better
    found = np.zeros(count, dtype=np.int64)
    number = 0
    while (left := found == 0).any():
        number += 1
        found[left & ~beats[left].any(axis=0)] = number
    return found


def on_first_fronts(
    short: Sequence[Genotype], belief: Belief, judge: Judge, count: int, notes: list[str]
) -> tuple[list[Genotype], Belief]:
    """Candidates of the first fronts that hold ``count``, and their belief; all if not asked."""
    if not judge.aims.pareto:
        return list(short), belief
    ranks = fronts(judge.merits(short, belief.mean))
    last = int(np.sort(ranks)[min(count, len(ranks)) - 1])
    kept = np.flatnonzero(ranks <= last)
    notes.append(
        f"chosen among {counted(len(kept), 'candidate')} of the first "
        f"{counted(last, 'Pareto front')}"
    )
    covariance = belief.covariance[np.ix_(kept, kept)]
    chosen = [short[row] for row in kept.tolist()]
    return chosen, Belief(belief.mean[kept], covariance, belief.noise, belief.best)
