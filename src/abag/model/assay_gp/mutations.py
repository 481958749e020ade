"""What is known of a substitution before any measurement: the features of (position, letter).

Antibody repertoires say which residues a position tolerates: the emission probabilities of the
human and mouse variable-domain profiles (ANARCI's HMMs, whose columns are IMGT positions) give
the log probability of the new letter, of its gain over the reference, and the position's entropy.
Physical chemistry gives the rest: hydropathy (Kyte and Doolittle 1982), volume (Zamyatnin 1972),
charge, and the residues that stand apart (proline, cysteine, glycine, aromatic ones). All of it
enters the kernel with a weight that is learnt, so what does not help fades.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS, GAP, UNKNOWN
from abag.antibody.residues import CHARGE, HYDROPATHY, VOLUME, membership, substitution_scores
from abag.model.assay_gp.kernels.substitution import distances
from abag.model.assay_gp.positions import REGIONS, Positions

Reals = NDArray[np.float64]

_FLOOR: Final = 1e-3
"""Added to emission probabilities before the logarithm."""


@cache
def _profile(kind: str) -> Reals:
    """Log probability of the residues in each IMGT column, shape (128, 20); flat if unknown."""
    from abag.antibody.numbering.anarci import alphabet, load_profiles

    chosen = [
        np.array(profile.hmm.match_emissions, dtype=np.float64)[1:]
        for profile in load_profiles()
        if profile.chain_type == kind and profile.species in ("human", "mouse")
    ]
    if not chosen:
        return np.full((128, 20), np.log(1 / 20))
    order = [alphabet().symbols.index(letter) for letter in AMINO_ACIDS]
    return np.asarray(np.log(np.mean(chosen, axis=0)[:, order] + _FLOOR))


def log_probabilities(positions: Positions) -> Reals:
    """Log probability of each residue at each position, shape (P, 20); flat outside a domain."""
    log_p = np.full((positions.count, 20), np.log(1 / 20))
    for chain_number, kind in enumerate(positions.kinds):
        rows = (positions.region // REGIONS == chain_number) & (positions.imgt > 0)
        if kind and rows.any():
            log_p[rows] = _profile(kind)[positions.imgt[rows] - 1]
    return log_p


def severity(positions: Positions) -> Reals:
    """Two features a mutation, shape (P, 22, 2): -d(reference, letter), and the gain in log p."""
    count, letters = positions.count, np.arange(22)
    table = np.zeros((count, 22, 2))
    table[:, :, 0] = -distances()[positions.reference[:, None], letters[None, :]]
    table[:, :20, 1] = _log_p_gain(positions)
    return _without_reference(table, positions)


def descriptors(positions: Positions) -> Reals:
    """All features of a mutation, shape (P, 22, features), each of unit spread over mutations.

    Zero for the reference letter, for gaps and for X.
    """
    reference = positions.reference
    known = np.minimum(reference, 19)  # gaps and X are blanked below
    log_p, gain = log_probabilities(positions), _log_p_gain(positions)
    hydropathy = HYDROPATHY
    blosum = substitution_scores("BLOSUM50")
    columns = [gain, log_p, blosum[known], hydropathy - hydropathy[known][:, None]]
    for scale in (VOLUME, CHARGE):
        change = scale - scale[known][:, None]
        columns += [change, np.abs(change)]
    columns += [membership(letter) for letter in ("P", "C", "G")]
    columns += [membership(letters)[known][:, None] for letters in ("G", "P", "FWY", "C")]
    columns.append(-(np.exp(log_p) * log_p).sum(axis=1, keepdims=True))
    columns += [(positions.region % REGIONS == code)[:, None] for code in range(REGIONS)]
    columns += [hydropathy[known][:, None], hydropathy[None, :]]
    shape = (positions.count, 20)
    table = np.stack([np.broadcast_to(column, shape) for column in columns], axis=2)
    flat = np.asarray(table, dtype=np.float64).reshape(-1, len(columns))
    spread = flat.std(axis=0)
    scaled = np.where(spread > 1e-9, (flat - flat.mean(axis=0)) / np.maximum(spread, 1e-9), 0.0)
    every_letter = np.zeros((positions.count, 22, len(columns)))
    every_letter[:, :20] = scaled.reshape(*shape, -1)
    every_letter[reference >= GAP] = 0.0
    return _without_reference(every_letter, positions)


def _log_p_gain(positions: Positions) -> Reals:
    log_p = log_probabilities(positions)
    known = np.minimum(positions.reference, 19)
    gain = log_p - np.take_along_axis(log_p, known[:, None].astype(np.int64), axis=1)
    gain[positions.reference >= GAP] = 0.0
    return np.asarray(gain)


def _without_reference(table: Reals, positions: Positions) -> Reals:
    table[np.arange(positions.count), positions.reference] = 0.0
    table[:, UNKNOWN] = 0.0
    return table
