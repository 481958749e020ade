"""How alike two antigens are, with fragments recognised, and clusters of it.

The identity of two chains is the larger of

* the global one: 1 - (Levenshtein distance) / (longer length), and
* the contained one: identical residues of the best local alignment / (shorter length)
  (BLOSUM62, gap 11 + 1 per residue; without gaps for peptides under 36 residues), so that a
  domain equals the construct that holds it.

What chance alone reaches counts as 0: under Rost's curve for the shorter length, 480 n^(-0.32
(1 + exp(-n / 1000))) per cent (Rost, Protein Eng 12:85, 1999), at most 80 %. Peptides under 8
residues are compared as a whole only. The identity of two antigens is the largest over their
pairs of chains: a shared partner chain (beta-2 microglobulin, a scaffold, a fusion tag longer
than the domain) joins them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.data.similarity.antibodies import require_threshold
from abag.data.similarity.kmers import alignment_candidates, kmer_containment, shares_a_diagonal
from abag.data.similarity.linkage import Components, cluster_names, linked_components

ANTIGEN_THRESHOLD: Final = 0.5
"""Default identity of one antigen cluster: orthologues and serotypes share it, most other
members of a fold family do not."""

PEPTIDE_RESIDUES: Final = 36
SHORTEST_CONTAINED: Final = 8
_ALIGNED: Final = 5
"""Chains that each chain is aligned with where no other is near."""
UNKNOWN_ANTIGEN: Final = "ag-unknown"
"""Cluster of all rows whose source gives no antigen sequence: none of them may be parted."""


def chance_identity(residues: int | NDArray[np.intp]) -> NDArray[np.float64]:
    """Identity (0 to 1) that unrelated chains reach, by the length of the shorter one."""
    n = np.maximum(np.asarray(residues, dtype=np.float64), 1.0)
    rost = 4.80 * n ** (-0.32 * (1.0 + np.exp(-n / 1000.0)))
    return np.asarray(np.minimum(rost, 0.8), dtype=np.float64)


def global_identities(
    first: Sequence[str], second: Sequence[str], at_least: float = 0.0
) -> NDArray[np.float64]:
    """Global identity of all pairs of chains, chance included; 0 below ``at_least``."""
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    # The bound is loosened a little: rapidfuzz rounds it.
    return np.asarray(
        process.cdist(
            first,
            second,
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=max(at_least - 1e-6, 0.0),
            dtype=np.float64,
        )
    )


def contained_identity(first: str, second: str) -> float:
    """Share of the shorter chain that the longer one holds, without regard to chance."""
    shorter, longer = sorted((first, second), key=lambda chain: (len(chain), chain))
    if len(shorter) < SHORTEST_CONTAINED:
        return 0.0
    if shorter in longer:
        return 1.0
    if len(shorter) < PEPTIDE_RESIDUES:
        gap = "\0" * len(shorter)
        return float(_window_matches(shorter, _bytes(gap + longer + gap)).max()) / len(shorter)
    alignments = _aligner().align(longer, shorter)
    if alignments.score <= 0:
        return 0.0
    return int(alignments[0].counts().identities) / len(shorter)


def chain_identity(first: str, second: str) -> float:
    """Identity of two chains (0 to 1), fragments recognised; 0 where chance reaches it."""
    if first == second:
        return 1.0
    best = max(global_identities([first], [second]).item(), contained_identity(first, second))
    return best if best >= chance_identity(min(len(first), len(second))) else 0.0


@functools.lru_cache(maxsize=20_000)
def antigen_changes(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """Residues that are substituted between the most alike chains of two antigens.

    What only one of the two has does not count: tags, other ends of a construct, and loops, which
    chains of structures lack where they were not seen. Antigens without chains differ in none.
    """
    pairs = [tuple(sorted((a, b), key=len)) for a in first for b in second if a and b]
    if not pairs:
        return 0
    if len(pairs) > 1:  # one pair needs no alignment to be chosen
        pairs.sort(key=lambda pair: (chain_identity(*pair), len(pair[0])), reverse=True)
    shorter, longer = pairs[0]
    if shorter in longer:
        return 0
    if len(shorter) < PEPTIDE_RESIDUES:
        return len(shorter) - int(_window_matches(shorter, _bytes(longer)).max())
    lines = _aligner().align(longer, shorter)[0]
    return sum(a != b and not {a, b} & {"-", "X"} for a, b in zip(lines[0], lines[1], strict=True))


def antigen_clusters(
    antigens: Iterable[Sequence[str]], threshold: float = ANTIGEN_THRESHOLD
) -> dict[str, str]:
    """Single-linkage clusters of antigens: name (``ag-...``) by antigen key (chains with ``/``).

    Global identity is computed for all pairs; containment for all pairs with a peptide and for
    those pairs of longer chains that share more k-mers than chance gives. 1,500 distinct chains
    take seconds, 10,000 a few minutes.
    """
    require_threshold(threshold)
    distinct = sorted({tuple(antigen) for antigen in antigens})
    chains = sorted({chain for antigen in distinct for chain in antigen if chain})
    if not chains:
        return {"/".join(antigen): UNKNOWN_ANTIGEN for antigen in distinct}
    components = Components(len(chains))
    for item, label in enumerate(_global_components(chains, threshold).tolist()):
        components.join(item, label)
    index = {chain: i for i, chain in enumerate(chains)}
    for antigen in distinct:
        present = [index[chain] for chain in antigen if chain]
        for other in present[1:]:
            components.join(present[0], other)
    _join_peptides(chains, components, threshold)
    _join_fragments(chains, components, threshold)
    names = cluster_names(chains, components.labels(), "ag-")
    return {
        "/".join(antigen): next((names[c] for c in antigen if c), UNKNOWN_ANTIGEN)
        for antigen in distinct
    }


def _global_components(chains: Sequence[str], threshold: float) -> NDArray[np.intp]:
    lengths = _lengths(chains)

    def linked(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        first, second = [chains[i] for i in rows], [chains[i] for i in columns]
        identity = global_identities(first, second, at_least=threshold)
        shorter = np.minimum.outer(lengths[rows], lengths[columns])
        return identity >= np.maximum(threshold, chance_identity(shorter)) - 1e-9

    return linked_components(len(chains), linked, "antigen chains")


def _join_peptides(chains: Sequence[str], components: Components, threshold: float) -> None:
    """Join each peptide with every chain at least as long that holds it, without gaps."""
    # Each chain stands behind a gap of zeros as long as any peptide: a window that starts in the
    # gap or in the chain meets this chain alone, and may hang over either end.
    gap = "\0" * PEPTIDE_RESIDUES
    library = _bytes("".join(gap + chain for chain in chains) + gap)
    lengths = _lengths(chains)
    starts = np.concatenate([[0], np.cumsum(lengths + PEPTIDE_RESIDUES)[:-1]])
    for i, peptide in enumerate(chains):
        if not SHORTEST_CONTAINED <= len(peptide) < PEPTIDE_RESIDUES:
            continue
        best = np.maximum.reduceat(_window_matches(peptide, library), starts)
        needed = max(threshold, float(chance_identity(len(peptide)))) * len(peptide) - 1e-9
        for j in np.flatnonzero((best >= needed) & (lengths >= len(peptide))).tolist():
            components.join(i, j)


def _join_fragments(chains: Sequence[str], components: Components, threshold: float) -> None:
    """Join chains that the local alignment of a k-mer candidate shows to hold one another."""
    long = [i for i, chain in enumerate(chains) if len(chain) >= PEPTIDE_RESIDUES]
    pairs = alignment_candidates([chains[i] for i in long], components, long)
    for i, j in pairs:
        if components.find(i) == components.find(j):
            continue
        if not shares_a_diagonal(chains[i], chains[j]):
            continue
        shorter = min(len(chains[i]), len(chains[j]))
        needed = max(threshold, float(chance_identity(shorter)))
        if contained_identity(chains[i], chains[j]) >= needed - 1e-9:
            components.join(i, j)


def antigen_identities(
    queries: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """Identity of every query antigen to every reference antigen, ``[queries, references]``.

    Made without the clusters, to check them: global identity of all pairs and, for queries whose
    nearest reference is under 0.9 by it, containment for the five references that share the most
    3-mers with the query (of the smaller set). Containment in any other reference may
    be missed. Antigens without chains have identity 0 to all.
    """
    rows = sorted({chain for antigen in queries for chain in antigen if chain})
    columns = sorted({chain for antigen in references for chain in antigen if chain})
    result = np.zeros((len(queries), len(references)))
    if not rows or not columns:
        return result
    identity = _chain_identities(rows, columns)
    row_of = {chain: i for i, chain in enumerate(rows)}
    column_of = {chain: i for i, chain in enumerate(columns)}
    widest = np.zeros((len(rows), len(references)))
    for j, antigen in enumerate(references):
        here = [column_of[chain] for chain in antigen if chain]
        if here:
            widest[:, j] = identity[:, here].max(axis=1)
    for i, antigen in enumerate(queries):
        here = [row_of[chain] for chain in antigen if chain]
        if here:
            result[i] = widest[here].max(axis=0)
    return result


def _chain_identities(rows: Sequence[str], columns: Sequence[str]) -> NDArray[np.float64]:
    identity = global_identities(rows, columns)
    shorter = np.minimum.outer(_lengths(rows), _lengths(columns))
    far = np.flatnonzero(identity.max(axis=1) < 0.9).tolist()
    contained = kmer_containment([rows[i] for i in far], columns)
    for i, shares in zip(far, contained, strict=True):
        nearest = np.argsort(-shares, kind="stable")[:_ALIGNED]
        for j in nearest.tolist():
            if shares[j] > 0:
                identity[i, j] = max(identity[i, j], _contained(rows[i], columns[j]))
    identity[identity < chance_identity(shorter)] = 0.0
    return identity


_contained: Final = functools.lru_cache(maxsize=200_000)(contained_identity)


@functools.cache
def _aligner() -> Any:
    from Bio import Align
    from Bio.Align import substitution_matrices

    make: Any = Align.PairwiseAligner
    load: Any = substitution_matrices.load
    aligner = make(mode="local")
    aligner.substitution_matrix = load("BLOSUM62")
    aligner.open_gap_score, aligner.extend_gap_score = -12.0, -1.0
    return aligner


def _lengths(chains: Sequence[str]) -> NDArray[np.intp]:
    return np.array([len(chain) for chain in chains], dtype=np.intp)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("ascii"), dtype=np.uint8)


def _window_matches(peptide: str, library: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Number of equal residues of the peptide laid at each offset of the library."""
    offsets = library.size - len(peptide) + 1
    matches = np.zeros(max(offsets, 0), dtype=np.int16)
    for i, residue in enumerate(peptide.encode("ascii")):
        matches += library[i : i + offsets] == residue
    return matches
