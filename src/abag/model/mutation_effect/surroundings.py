"""What is known of a parent's residues from the structure of its complex (docs/structure.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from abag.model.mutation_effect.priors import Reals

TRUST: Final = 0.5
"""Share of the structure in contacts and burial; the rest are the tables by IMGT position."""
LOG_ODDS_WEIGHT: Final = 0.07
"""Effect for a unit of log-odds, pKd before the model's slope."""
_CONTACT: Final = 0.6
_BURIAL: Final = 0.85
"""A residue that touches the antigen, or lies deepest, in what the tables give such positions."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of each residue of one chain of the parent, shape (P,); NaN where the structure has none.

    ``contact`` is 1 within 4.5 Å of the antigen and else 0, ``burial`` 0 to 1 how deep the side
    chain lies in the Fv; ``log_odds`` (P, 20) are those of each letter against the parent's, given
    the complex, in natural logarithms, or None.
    """

    contact: Reals
    burial: Reals
    log_odds: Reals | None = None

    @property
    def fit(self) -> Reals:
        """What log-odds add to the effect of each letter, (P, 20), pKd before the slope."""
        if self.log_odds is None:
            return np.zeros((len(self.contact), 20))
        return LOG_ODDS_WEIGHT * self.log_odds

    def contact_beside(self, table: Reals) -> Reals:
        """Contacts (P,) of the structure mixed with those of the table."""
        return _mixed(_CONTACT * self.contact, table)

    def burial_beside(self, table: Reals) -> Reals:
        """Burial (P,) of the structure mixed with that of the table."""
        return _mixed(_BURIAL * self.burial, table)


def _mixed(from_structure: Reals, table: Reals) -> Reals:
    return np.where(
        np.isfinite(from_structure), TRUST * from_structure + (1.0 - TRUST) * table, table
    )
