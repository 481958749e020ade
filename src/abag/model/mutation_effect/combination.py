"""How the effects of several changes make one."""

from __future__ import annotations

import numpy as np

from abag.model.mutation_effect.changes import CodedChanges
from abag.model.mutation_effect.scales import Reals


def combine(lost: Reals, gained: Reals, power: float) -> Reals:
    """Gains add up; losses l_i combine to (sum of l_i^power)^(1/power).

    With power 1 losses add up, too; the larger it is, the more the worst of them decides. A change
    without effect changes nothing, and no further loss is ever a gain.

    Args:
        lost: sums of the losses' powers.
        gained: sums of the gains.
        power: at least 1.
    """
    return np.asarray(gained - lost ** (1.0 / power))


def combined(changes: CodedChanges, effects: Reals, maturation: Reals, power: float) -> Reals:
    """S of every row, of the effects (k,) of its changes and the weights (6,) of maturation."""
    lost = changes.total(np.maximum(-effects, 0.0) ** power)
    gained = changes.total(np.maximum(effects, 0.0))
    matured = (changes.matured * maturation).sum(axis=1)
    return np.asarray(combine(lost, gained, power) + matured)
