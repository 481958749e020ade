"""The germline V gene nearest to a variable domain, and how far the domain is from it.

Affinity matures by mutation: the distance from the germline, and where the changes lie, is the one
trait of an antibody that says something about its affinity without the antigen.

What is near is said by a :data:`Criterion`. The two name another gene for about one chain in
forty, and weights that were learnt with one of them hold with that one alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP, UNKNOWN, ChainKind, residue_codes
from abag.antibody.numbering.anarci import wheel_part

Codes = NDArray[np.int64]
Singles = NDArray[np.float32]
Criterion: TypeAlias = Literal["mismatches", "shared"]
"""How far a domain is from a gene. ``mismatches``: positions at which both have a residue and
differ, and half of those that only one has. ``shared``: positions at which they do not share a
residue, so that what is missing counts as much as what differs; X is shared by none."""

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
"""Domains with no more changes from the usual one of their table are compared by these alone."""
_FEW: Final = 32
"""Fewer domains are compared in whole."""


@dataclass(frozen=True)
class NearestGenes:
    """For each domain its nearest V gene."""

    gene: Codes
    """Shape (domains,): index of the gene, -1 for a chain without a domain."""
    distance: NDArray[np.float64]
    """Shape (domains, species + 1): that to the nearest gene of each species, then of all."""
    changed: NDArray[np.bool_]
    """Shape (domains, 104): positions that both have and where they differ."""


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

        A VHH is compared with heavy genes. Ties go to the first gene. ``species`` leaves only
        their genes to choose from.
        """
        chosen = np.isin(self.species, [self.species_names.index(name) for name in species])
        distances = _mismatches if by == "mismatches" else _not_shared
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
            found = distances(letters[rows], self.codes[genes])
            gene[rows] = np.flatnonzero(genes)[found.argmin(axis=1)]
            distance[rows, -1] = found.min(axis=1)
            for number in range(len(self.species_names)):
                own = self.species[genes] == number
                distance[rows, number] = (
                    found[:, own].min(axis=1) if own.any() else found.max(axis=1)
                )
            reference = self.codes[gene[rows]]
            both = (letters[rows] != GAP) & (reference != GAP)
            changed[rows] = both & (letters[rows] != reference)
        return NearestGenes(gene, distance, changed)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            "germlines.codes": _SAVED[self.codes].astype(np.uint8),
            "germlines.chain_type": self.chain_type.astype(np.uint8),
            "germlines.species": self.species.astype(np.uint8),
            "germlines.family": self.family.astype(np.uint8),
            "germlines.species_names": _as_bytes(self.species_names),
            "germlines.family_names": _as_bytes(self.family_names),
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
            _as_names(arrays["germlines.species_names"]),
            _as_names(arrays["germlines.family_names"]),
        )


@cache
def _genes() -> tuple[tuple[str, str, str, str], ...]:
    """Chain type, species, family and the 128 aligned letters of every V gene, sorted."""
    tables = wheel_part("germlines").all_germlines["V"]
    return tuple(
        (chain_type, species, _family(gene), letters.ljust(_ALIGNED, "-")[:_ALIGNED])
        for chain_type in _CHAIN_TYPES
        for species, found in sorted(tables[chain_type].items())
        for gene, letters in sorted(found.items())
    )


def _not_shared(domains: Codes, genes: Codes) -> Singles:
    """Positions at which a domain does not share a residue with a gene, (domains, genes)."""
    left, right = (np.eye(_CODES, dtype=np.float32)[one][..., :GAP] for one in (domains, genes))
    shared = left.reshape(len(domains), -1) @ right.reshape(len(genes), -1).T
    return np.asarray(V_POSITIONS - shared, dtype=np.float32)


def _mismatches(domains: Codes, genes: Codes) -> Singles:
    """Mismatches of each domain to each gene, shape (domains, genes).

    Whole numbers and halves: exact in single precision, so sums have one value in any order, and
    variants of one domain need be compared at their changed positions only.
    """
    if len(domains) < _FEW:
        return _all_mismatches(domains, genes)
    usual = _usual(domains)
    changed = domains != usual
    few = changed.sum(axis=1) <= _MOST_CHANGES
    found = np.empty((len(domains), len(genes)), dtype=np.float32)
    if few.any():
        found[few] = _mismatches_of_variants(domains[few], changed[few], usual, genes)
    if not few.all():
        found[~few] = _all_mismatches(domains[~few], genes)
    return found


def _usual(domains: Codes) -> Codes:
    """The most frequent letter of each position, shape (104,)."""
    positions = np.arange(V_POSITIONS)
    letters = (domains + positions * (_CODES)).ravel()
    counts = np.bincount(letters, minlength=V_POSITIONS * (_CODES))
    return np.asarray(counts.reshape(V_POSITIONS, _CODES).argmax(axis=1))


def _mismatches_of_variants(
    domains: Codes, changed: NDArray[np.bool_], usual: Codes, genes: Codes
) -> Singles:
    from scipy.sparse import csr_matrix

    _, position = np.nonzero(changed)
    kinds, kind = np.unique(position * (_CODES) + domains[changed], return_inverse=True)
    place, letter = np.divmod(kinds, _CODES)
    reference = genes[:, place].T
    effects = _cost(letter[:, None], reference) - _cost(usual[place][:, None], reference)
    ends = np.concatenate([[0], np.cumsum(changed.sum(axis=1))])
    chosen = csr_matrix(
        (np.ones(len(kind), dtype=np.float32), kind, ends), shape=(len(domains), len(kinds))
    )
    return np.asarray(chosen @ effects + _all_mismatches(usual[None], genes))


def _cost(letters: Codes, genes: Codes) -> Singles:
    """What letters at one position cost: 1 where they differ, half where one is a gap."""
    one_is_gap = (letters == GAP) != (genes == GAP)
    return np.where(one_is_gap, _PRESENCE_WEIGHT, letters != genes).astype(np.float32)


def _all_mismatches(domains: Codes, genes: Codes) -> Singles:
    left, right = _one_hot(domains), _one_hot(genes)
    has_left = (domains != GAP).astype(np.float32)
    has_right = (genes != GAP).astype(np.float32)
    both = has_left @ has_right.T
    alone = has_left.sum(axis=1)[:, None] + has_right.sum(axis=1)[None, :] - 2.0 * both
    return np.asarray(both - left @ right.T + _PRESENCE_WEIGHT * alone, dtype=np.float32)


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


def _as_bytes(names: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), dtype=np.uint8)


def _as_names(content: NDArray[Any]) -> tuple[str, ...]:
    return tuple(content.astype(np.uint8).tobytes().decode().split("\n"))


def most_shared_gene(letters: Codes, kind: ChainKind) -> Codes:
    """Codes of the human or murine V gene that shares most residues with a domain, (128,).

    ``letters`` (104,) is the domain on IMGT positions 1 to 104; the gene is on 1 to 128. Behind
    104 stands what the gene gives of the CDR3, which is not compared.
    """
    found = _germlines().nearest(letters[None, :], [kind], "shared", ("human", "mouse"))
    return residue_codes(_genes()[int(found.gene[0])][3]).astype(np.int64)


def germline_distances(chains: Sequence[str]) -> dict[str, float]:
    """Mismatches of each chain's first variable domain to its nearest V gene of any species.

    A chain without a variable domain has none. Positions 1 to 104, insertions left out.
    """
    from abag.antibody.numbering import number_chains

    numbered = {chain: found[0] for chain, found in number_chains(chains).items() if found}
    if not numbered:
        return {}
    letters = np.full((len(numbered), V_POSITIONS), GAP, dtype=np.int64)
    for row, domain in zip(letters, numbered.values(), strict=True):
        kept, columns = _of_the_gene(domain.positions)
        row[columns] = residue_codes(domain.sequence)[kept]
    near = _germlines().nearest(letters, [domain.kind for domain in numbered.values()])
    return dict(zip(numbered, near.distance[:, -1].tolist(), strict=True))


@lru_cache(maxsize=4_096)
def _of_the_gene(positions: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Which residues stand at positions 1 to 104, and the columns of these positions."""
    number = [int(position) if position.isdigit() else V_POSITIONS + 1 for position in positions]
    kept = [place for place, one in enumerate(number) if one <= V_POSITIONS]
    return kept, [number[place] - 1 for place in kept]


@cache
def _germlines() -> Germlines:
    return Germlines.of_anarci()
