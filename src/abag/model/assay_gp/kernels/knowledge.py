"""What the global model of mutation effects knows, as terms of the kernel.

``effects`` is its predicted change of affinity, one feature: a linear kernel on it is a prior mean
of unknown size, whose variance is learnt and fades where the prediction does not help. ``features``
is what it predicts from (how often a position touches the antigen, how deep it lies, what the
repertoire bears there), with a weight each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP, LETTERS, UNKNOWN
from abag.model.assay_gp.kernels.encoded import Encoded
from abag.model.assay_gp.positions import REGIONS, Positions
from abag.model.mutation_effect import MutationEffect
from abag.model.mutation_effect.features import substitution_features
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.priors import contact_share
from abag.model.mutation_effect.surroundings import Surroundings

Reals = NDArray[np.float64]

KNOWLEDGE: Final = ("effects", "features")
CONTACT_WEIGHT: Final = 1.0
"""Prior mean of the log weight of a position that always touches the antigen, over one that never
does (docs/measured/few-shot.md)."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """``effects`` (P, 22, 1) and ``features`` (P, 22, F) of each letter at each position.

    ``encoded`` is what an encoder adds, where one is used.
    """

    effects: Reals
    features: Reals
    encoded: Encoded | None = None

    @classmethod
    def of(
        cls, positions: Positions, model: MutationEffect, structure: Path | None = None
    ) -> Knowledge:
        """Of the reference's substitutions; zero where it has no variable domain.

        With a structure of the reference on its antigen ``effects`` are those in the complex.

        Raises:
            FileFormatError: the structure cannot be read.
            SequenceError: it is of another antibody.
            UnavailableError: torch is missing, or ProteinMPNN was not fetched.
        """
        repertoire = model.repertoire
        width = len(model.weights)
        features = _by_letter(
            positions, width, lambda _, chain: substitution_features(chain, repertoire)
        )
        if structure is None:
            return cls((features @ model.weights)[:, :, None], features)
        around = _surroundings(structure, *positions.chains(positions.reference[None])[0])

        def effects(chain_number: int, chain: ParentChain) -> Reals:
            placed_chain = replace(chain, surroundings=around[chain_number])
            effect = substitution_features(placed_chain, repertoire) @ model.weights
            return (effect + around[chain_number].fit)[:, :, None]

        return cls(_by_letter(positions, 1, effects), features)


def _by_letter(
    positions: Positions, width: int, of_chain: Callable[[int, ParentChain], Reals]
) -> Reals:
    """Tables (n, 20, width) of the reference's chains as (P, 22, width); 0 for its own residues."""
    tables = np.zeros((positions.count, 22, width))
    end = len(positions.heavy.positions)
    for chain_number, part in enumerate((slice(0, end), slice(end, positions.count))):
        reference = positions.reference[part]
        occupied = np.flatnonzero(reference != GAP)
        chain = ParentChain.of("".join(LETTERS[code] for code in reference[occupied].tolist()))
        if not chain.kind:
            continue
        table = of_chain(chain_number, chain)
        tables[part.start + occupied, :20] = table
        # A deletion counts as the mean substitution, as it does for the global model.
        tables[part.start + occupied, GAP] = table.sum(axis=1) / 19.0
    tables[:, UNKNOWN] = 0.0
    tables[np.arange(positions.count), positions.reference] = 0.0
    return tables


@lru_cache(maxsize=8)
def _surroundings(path: Path, heavy: str, light: str | None) -> tuple[Surroundings, ...]:
    """Contacts, burial and log-odds of both chains in a structure, rounded."""
    from abag.model.inverse_folding.complexes import ComplexLogOdds

    return ComplexLogOdds.read(path, (heavy, light)).surroundings()


def contact_prior(positions: Positions) -> Reals:
    """Prior mean of the log weight of each position (P,), from how often it touches antigens."""
    share = np.zeros(positions.count)
    for order, light in enumerate((False, True)):
        rows = (positions.region // REGIONS == order) & (positions.imgt > 0)
        share[rows] = contact_share(light)[positions.imgt[rows]]
    return CONTACT_WEIGHT * share
