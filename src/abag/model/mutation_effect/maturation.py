"""Variants that the immune system has chosen: matured from a germline parent.

A change that nobody chose is a loss more often than not; the changes of a matured antibody were
chosen for binding, and gain. Whether a row is of the second kind is read from two things. The
parent has the residues of its V genes. And the changes are those that somatic mutation makes: one
nucleotide away. Of the matured variants measured here 0.9 to 1.0 of the changes are, of random ones
less than half. A row has the share

    m = g / (1 + exp(-(PRIOR + sum of log-likelihood ratios of its changes))),

g being 1 for a parent with at most 2 residues that its V genes do not have, 1/2 with at most 4, and
else 0. Changes of residues that the V gene does not give are not counted as maturation.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Final

import numpy as np

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.mutation_effect.parent import ParentAntibody, ParentChain
from abag.model.mutation_effect.priors import NO_RESIDUE, Reals, contact_share
from abag.model.mutation_effect.repertoire import Repertoire

MATURED: Final = ("change", "common", "contact", "cdr", "severity", "guess")
"""What the gain of a matured change is a weighted sum of: 1, how common the new residue is, whether
the position touches the antigen, whether it lies in a CDR, how severe the change is by BLOSUM62,
and what it would lose if nobody had chosen it."""
PRIOR: Final = -1.0
ONE_NUCLEOTIDE: Final = 0.75
"""log(0.95 / 0.45): of matured, and of random changes, so many are one nucleotide away."""
MORE: Final = -2.4
"""log(0.05 / 0.55)."""
_UNKNOWN_SHARE: Final = float(np.log(0.02))
_BASES: Final = "TCAG"
_CODE: Final = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"


@cache
def nucleotide_ratios() -> Reals:
    """Log-likelihood ratio, maturation over chance, of residue a to b, shape (20, 20)."""
    codons: dict[str, list[str]] = {letter: [] for letter in AMINO_ACIDS}
    for bases, letter in zip(product(_BASES, repeat=3), _CODE, strict=True):
        if letter != "*":
            codons[letter].append("".join(bases))
    distance = np.array(
        [[_fewest_changes(codons[a], codons[b]) for b in AMINO_ACIDS] for a in AMINO_ACIDS]
    )
    ratios = np.where(distance == 1, ONE_NUCLEOTIDE, MORE)
    ratios.setflags(write=False)
    return ratios


def _fewest_changes(left: list[str], right: list[str]) -> int:
    return min(sum(x != y for x, y in zip(a, b, strict=True)) for a in left for b in right)


def germline_share(parent: ParentAntibody) -> float:
    """How far the parent is a germline antibody, g: 1, 0.5 or 0."""
    mismatches = sum(
        int((chain.residues != chain.germline)[chain.in_gene].sum())
        for _, chain in parent.chains
        if chain is not None
    )
    return 1.0 if mismatches <= 2 else 0.5 if mismatches <= 4 else 0.0


def ratio_table(chain: ParentChain) -> Reals:
    """Log-likelihood ratio of every change, shape (P, 22); 0 for X and for no change."""
    known = np.minimum(chain.residues, NO_RESIDUE - 1)
    ratios = np.full((len(known), 22), MORE)
    ratios[:, :20] = nucleotide_ratios()[known]
    return _only_changes(ratios, chain)


def matured_table(
    chain: ParentChain, repertoire: Repertoire, guess: Reals, severity: Reals
) -> Reals:
    """Features of every change as one of maturation, shape (P, 22, 6).

    ``guess`` (P, 22) is what the change loses by the first guess, and ``severity`` (P, 22).
    """
    shares = np.full((len(chain.residues), 22), _UNKNOWN_SHARE)
    shares[:, :20] = repertoire.log_shares(chain.kind)[chain.imgt]
    ones = np.ones((len(chain.residues), 22))
    matured = chain.in_gene & (chain.residues != chain.germline)
    features = np.stack(
        [
            ones,
            (shares + 3.0) / 3.0,
            ones * contact_share(chain.light)[chain.imgt][:, None],
            ones * (chain.region > 0)[:, None],
            -severity,
            guess,
        ],
        axis=2,
    )
    features[matured] = 0.0
    return np.asarray(_only_changes(features, chain))


def _only_changes(table: Reals, chain: ParentChain) -> Reals:
    table[np.arange(len(table)), np.minimum(chain.residues, NO_RESIDUE)] = 0.0
    table[:, NO_RESIDUE] = 0.0
    table[chain.imgt == 0] = 0.0
    return table


def matured_share(ratios: Reals, share: float) -> Reals:
    """Share m of rows with these sums of log-likelihood ratios, shape (rows,)."""
    return np.asarray(share / (1.0 + np.exp(-np.clip(PRIOR + ratios, -500.0, 500.0))))
