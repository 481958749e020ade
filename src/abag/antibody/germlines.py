"""The germline V gene nearest to a variable domain, and how far the domain is from it.

Affinity matures by mutation: the distance from the germline, and where the changes lie, is the one
trait of an antibody that bears on its affinity without the antigen.

Distance has two definitions (:data:`Criterion`). They choose different genes for about one chain in
forty, and weights that were learnt with one hold with that one alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import (
    GAP,
    UNKNOWN,
    ChainKind,
    residue_codes,
)
from abag.antibody.numbering.anarci import wheel_part
from abag.files.reading import packed_lines, unpacked_lines

Codes = NDArray[np.int64]
Singles = NDArray[np.float32]
Criterion: TypeAlias = Literal["mismatches", "shared"]
"""Distance of a domain from a gene. ``mismatches``: positions at which both have a residue and
differ, and half of those that only one has. ``shared``: positions at which they do not share a
residue, so that a missing residue counts as much as a different one; X is shared by none."""

V_POSITIONS: Final = 104
"""IMGT positions 1 to 104: behind them the CDR3 begins, which the V gene alone does not make."""
_ALIGNED: Final = 128
_CODES: Final = UNKNOWN + 1
_SAVED: Final = np.array([*range(GAP), UNKNOWN, GAP])
"""Saved files have X at 20 and the gap at 21; this takes either order to the other."""
_CHAIN_TYPES: Final = "HKL"
_PRESENCE_WEIGHT: Final = 0.5
"""Of a position that only one of the two has: insertions and unresolved ends count half."""
_MOST_CHANGES: Final = 16
"""Domains with no more changes from the consensus of their table are compared at these alone."""
_FEW: Final = 32
"""Fewer domains are compared at every position."""


@dataclass(frozen=True)
class NearestGenes:
    """For each domain its nearest V gene."""

    gene: Codes
    """Shape (domains,): index of the gene, -1 for a chain without a domain."""
    distance: NDArray[np.float64]
    """Shape (domains, species + 1): to the nearest gene of each species, then of all."""
    changed: NDArray[np.bool_]
    """Shape (domains, 104): positions that domain and gene both have, and where they differ."""


@dataclass(frozen=True)
class Germlines:
    """Aligned V genes. ``codes`` has shape (genes, 104), by :mod:`abag.antibody.alphabet`."""

    codes: Codes
    chain_type: Codes
    species: Codes
    family: Codes
    species_names: tuple[str, ...]
    family_names: tuple[str, ...]

    @classmethod
    def of_anarci(cls) -> Self:
        """V genes of ANARCI's wheel (from IMGT); raises UnavailableError without it."""
        genes = _genes()
        species = tuple(sorted({gene[1] for gene in genes}))
        families = tuple(sorted({gene[2] for gene in genes}))
        aligned = "".join(gene[3][:V_POSITIONS] for gene in genes)
        return cls(
            residue_codes(aligned).astype(np.int64).reshape(len(genes), V_POSITIONS),
            np.array([_CHAIN_TYPES.index(gene[0]) for gene in genes]),
            np.array([species.index(gene[1]) for gene in genes]),
            np.array([families.index(gene[2]) for gene in genes]),
            species,
            families,
        )

    def nearest(
        self,
        letters: Codes,
        kinds: Sequence[ChainKind | None],
        by: Criterion = "mismatches",
        species: Collection[str] = (),
    ) -> NearestGenes:
        """Nearest genes of domains laid on positions 1 to 104, shape (domains, 104).

        A VHH is compared with heavy genes. Ties go to the first gene. Where ``species`` are named,
        only their genes are compared.
        """
        chosen = np.isin(self.species, [self.species_names.index(name) for name in species])
        measure = _mismatches if by == "mismatches" else _not_shared
        types = np.array([_chain_type(kind) for kind in kinds], dtype=np.int64)
        gene = np.full(len(types), -1, dtype=np.int64)
        distance = np.zeros((len(types), len(self.species_names) + 1))
        changed = np.zeros((len(types), V_POSITIONS), dtype=np.bool_)
        for chain_type in range(len(_CHAIN_TYPES)):
            rows, genes = np.flatnonzero(types == chain_type), self.chain_type == chain_type
            if species:
                genes = genes & chosen
            if not len(rows):
                continue
            distances = measure(letters[rows], self.codes[genes])
            gene[rows] = np.flatnonzero(genes)[distances.argmin(axis=1)]
            distance[rows, -1] = distances.min(axis=1)
            for number in range(len(self.species_names)):
                of_species = self.species[genes] == number
                distance[rows, number] = (
                    distances[:, of_species].min(axis=1)
                    if of_species.any()
                    else distances.max(axis=1)
                )
            reference = self.codes[gene[rows]]
            both_present = (letters[rows] != GAP) & (reference != GAP)
            changed[rows] = both_present & (letters[rows] != reference)
        return NearestGenes(gene, distance, changed)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            "germlines.codes": _SAVED[self.codes].astype(np.uint8),
            "germlines.chain_type": self.chain_type.astype(np.uint8),
            "germlines.species": self.species.astype(np.uint8),
            "germlines.family": self.family.astype(np.uint8),
            "germlines.species_names": packed_lines(self.species_names),
            "germlines.family_names": packed_lines(self.family_names),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        codes, chain_type, species, family = (
            arrays[f"germlines.{name}"].astype(np.int64)
            for name in ("codes", "chain_type", "species", "family")
        )
        return cls(
            _SAVED[codes],
            chain_type,
            species,
            family,
            tuple(unpacked_lines(arrays["germlines.species_names"])),
            tuple(unpacked_lines(arrays["germlines.family_names"])),
        )


@cache
def _genes() -> tuple[tuple[str, str, str, str], ...]:
    """Chain type, species, family and the 128 aligned letters of every V gene, sorted."""
    tables = wheel_part("germlines").all_germlines["V"]
    return tuple(
        (chain_type, species, _family(gene), letters.ljust(_ALIGNED, "-")[:_ALIGNED])
        for chain_type in _CHAIN_TYPES
        for species, genes in sorted(tables[chain_type].items())
        for gene, letters in sorted(genes.items())
    )


def _not_shared(domains: Codes, genes: Codes) -> Singles:
    """Positions at which a domain does not share a residue with a gene, (domains, genes)."""
    one_hot = np.eye(_CODES, dtype=np.float32)[:, :GAP]
    shared = one_hot[domains].reshape(len(domains), -1) @ one_hot[genes].reshape(len(genes), -1).T
    return np.asarray(V_POSITIONS - shared, dtype=np.float32)


def _mismatches(domains: Codes, genes: Codes) -> Singles:
    """Mismatches of each domain to each gene, shape (domains, genes).

    Whole numbers and halves: exact in single precision, so sums have one value in any order, and
    variants of one domain need be compared at their changed positions only.
    """
    if len(domains) < _FEW:
        return _all_mismatches(domains, genes)
    consensus = _consensus(domains)
    changed = domains != consensus
    is_variant = changed.sum(axis=1) <= _MOST_CHANGES
    mismatches = np.empty((len(domains), len(genes)), dtype=np.float32)
    if is_variant.any():
        mismatches[is_variant] = _mismatches_of_variants(
            domains[is_variant], changed[is_variant], consensus, genes
        )
    if not is_variant.all():
        mismatches[~is_variant] = _all_mismatches(domains[~is_variant], genes)
    return mismatches


def _consensus(domains: Codes) -> Codes:
    """The most frequent letter of each position, shape (104,)."""
    positions = np.arange(V_POSITIONS)
    letters = (domains + positions * _CODES).ravel()
    counts = np.bincount(letters, minlength=V_POSITIONS * _CODES)
    return np.asarray(counts.reshape(V_POSITIONS, _CODES).argmax(axis=1))


def _mismatches_of_variants(
    domains: Codes, changed: NDArray[np.bool_], consensus: Codes, genes: Codes
) -> Singles:
    from scipy.sparse import csr_matrix

    _, position = np.nonzero(changed)
    changes, change = np.unique(position * _CODES + domains[changed], return_inverse=True)
    column, letter = np.divmod(changes, _CODES)
    reference = genes[:, column].T
    effects = _cost(letter[:, None], reference) - _cost(consensus[column][:, None], reference)
    ends = np.concatenate([[0], np.cumsum(changed.sum(axis=1))])
    chosen = csr_matrix(
        (np.ones(len(change), dtype=np.float32), change, ends), shape=(len(domains), len(changes))
    )
    return np.asarray(chosen @ effects + _all_mismatches(consensus[None], genes))


def _cost(letters: Codes, genes: Codes) -> Singles:
    """Cost of letters at a position: 1 where they differ, half where one is a gap."""
    one_is_gap = (letters == GAP) != (genes == GAP)
    return np.where(one_is_gap, _PRESENCE_WEIGHT, letters != genes).astype(np.float32)


def _all_mismatches(domains: Codes, genes: Codes) -> Singles:
    domain_bits, gene_bits = _one_hot(domains), _one_hot(genes)
    in_domain = (domains != GAP).astype(np.float32)
    in_gene = (genes != GAP).astype(np.float32)
    both_present = in_domain @ in_gene.T
    one_present = in_domain.sum(axis=1)[:, None] + in_gene.sum(axis=1)[None, :] - 2.0 * both_present
    return np.asarray(
        both_present - domain_bits @ gene_bits.T + _PRESENCE_WEIGHT * one_present, dtype=np.float32
    )


def _one_hot(codes: Codes) -> NDArray[np.float32]:
    table = np.delete(np.eye(_CODES, dtype=np.float32), GAP, axis=1)
    return np.asarray(table[codes].reshape(len(codes), -1))


def _chain_type(kind: ChainKind | None) -> int:
    if kind is None:
        return -1
    return {ChainKind.KAPPA: 1, ChainKind.LAMBDA: 2}.get(kind, 0)


def _family(gene: str) -> str:
    """``IGHV1-18*01`` belongs to family ``IGHV1``, ``IGHV2S13*01`` to ``IGHV2``."""
    return gene.split("*")[0].split("-")[0].split("S")[0]


def most_shared_gene(letters: Codes, kind: ChainKind) -> Codes:
    """Codes of the human or murine V gene that shares most residues with a domain, (128,).

    ``letters`` (104,) is the domain on IMGT positions 1 to 104; the gene is on 1 to 128. Behind
    104 stand the gene's residues of the CDR3, which are not compared.
    """
    nearest = _germlines().nearest(letters[None, :], [kind], "shared", ("human", "mouse"))
    return residue_codes(_genes()[int(nearest.gene[0])][3]).astype(np.int64)


def germline_distances(chains: Sequence[str]) -> dict[str, float]:
    """Mismatches of each chain's first variable domain to its nearest V gene of any species.

    A chain without a variable domain has none. Positions 1 to 104, insertions left out.
    """
    from abag.antibody.numbering import number_chains

    numbered = {chain: domains[0] for chain, domains in number_chains(chains).items() if domains}
    if not numbered:
        return {}
    letters = np.full((len(numbered), V_POSITIONS), GAP, dtype=np.int64)
    for row, domain in zip(letters, numbered.values(), strict=True):
        residues, columns = _v_gene_columns(domain.positions)
        row[columns] = residue_codes(domain.sequence)[residues]
    nearest = _germlines().nearest(letters, [domain.kind for domain in numbered.values()])
    return dict(zip(numbered, nearest.distance[:, -1].tolist(), strict=True))


@lru_cache(maxsize=4_096)
def _v_gene_columns(positions: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Residues that stand at positions 1 to 104, and the columns of these positions."""
    numbers = [int(position) if position.isdigit() else V_POSITIONS + 1 for position in positions]
    residues = [i for i, number in enumerate(numbers) if number <= V_POSITIONS]
    return residues, [numbers[i] - 1 for i in residues]


@cache
def _germlines() -> Germlines:
    return Germlines.of_anarci()
