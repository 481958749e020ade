"""What the global model of mutation effects knows, as terms of the kernel.

``effects`` is its predicted change of affinity, one feature: a linear kernel on it is a prior mean
of unknown size, whose variance is learnt and fades where the prediction does not help. ``features``
is what it predicts from (how often a position touches the antigen, how deep it lies, what the
repertoire bears there), with a weight each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP, LETTERS, UNKNOWN
from abag.antibody.numbering import first_domain
from abag.model.assay_gp.kernels.encoded import Encoded
from abag.model.assay_gp.positions import REGIONS, Positions
from abag.model.mutation_effect import MutationEffect
from abag.model.mutation_effect.features import substitution_features
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.scales import contact_share

Reals = NDArray[np.float64]

_DECIMALS: Final = 3
"""Log-probabilities are rounded: their last digits depend on the number of threads."""
KNOWLEDGE: Final = ("effects", "features")
COMPLEX_WEIGHT: Final = 0.1
"""pKd for a unit of a known complex's log-odds beside the global model's prediction
(docs/structure.md); how much the sum is believed is learnt."""
CONTACT_WEIGHT: Final = 1.0
"""Prior mean of the log weight of a position that always touches the antigen, over one that never
does (docs/measured/few-shot.md)."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """``effects`` (P, 22, 1) and ``features`` (P, 22, F) of each letter at each position.

    ``encoded`` is what an encoder adds, where one was asked.
    """

    effects: Reals
    features: Reals
    encoded: Encoded | None = None

    @classmethod
    def of(cls, positions: Positions, model: MutationEffect) -> Knowledge:
        """Of the reference's substitutions; zero where it has no variable domain."""
        features = np.zeros((positions.count, 22, len(model.weights)))
        end = len(positions.heavy.positions)
        for part in (slice(0, end), slice(end, positions.count)):
            reference = positions.reference[part]
            there = np.flatnonzero(reference != GAP)
            chain = "".join(LETTERS[code] for code in reference[there].tolist())
            if not chain or first_domain(chain) is None:
                continue
            found = substitution_features(ParentChain.of(chain), model.repertoire)
            features[part.start + there, :20] = found
            # A deletion counts as the mean substitution, as it does for the global model.
            features[part.start + there, GAP] = found.sum(axis=1) / 19.0
        features[:, UNKNOWN] = 0.0
        features[np.arange(positions.count), positions.reference] = 0.0
        return cls((features @ model.weights)[:, :, None], features)

    def with_complex(self, positions: Positions, path: Path) -> Knowledge:
        """With the log-odds of each letter in a structure of the parent on its antigen.

        Raises:
            FileFormatError: the structure cannot be read.
            SequenceError: it is of another antibody.
            UnavailableError: torch is missing, or ProteinMPNN was not fetched.
        """
        reference = positions.reference
        rows = np.concatenate(_log_probabilities(path, *positions.chains(reference[None])[0]))
        there = np.flatnonzero(reference != GAP)
        known = np.isfinite(rows[:, 0]) & (reference[there] < UNKNOWN)
        at, rows = there[known], rows[known]
        found = np.zeros_like(self.effects)
        own = rows[np.arange(len(rows)), reference[at]]
        found[at, :20, 0] = rows - own[:, None]
        found[:, GAP] = found[:, :20].sum(axis=1) / 19.0
        return replace(self, effects=self.effects + COMPLEX_WEIGHT * found)


@lru_cache(maxsize=8)
def _log_probabilities(path: Path, heavy: str, light: str | None) -> tuple[Reals, ...]:
    """Log-probabilities (n, 20) of both chains' residues in a structure."""
    from abag.model.inverse_folding.complexes import ComplexLogOdds

    return tuple(
        table.round(_DECIMALS) for table in ComplexLogOdds.read(path, (heavy, light)).whole()
    )


def contact_prior(positions: Positions) -> Reals:
    """Prior mean of the log weight of each position (P,), from how often it touches antigens."""
    found = np.zeros(positions.count)
    for order, light in enumerate((False, True)):
        rows = (positions.region // REGIONS == order) & (positions.imgt > 0)
        found[rows] = contact_share(light)[positions.imgt[rows]]
    return CONTACT_WEIGHT * found
