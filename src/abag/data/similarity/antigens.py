"""Sequence identity of antigens, with fragments recognised, and clusters by it.

The identity of two chains is the larger of

* the global one: 1 - (Levenshtein distance) / (longer length), and
* the contained one: identical residues of the best local alignment / (shorter length)
  (BLOSUM62, gap 11 + 1 per residue; without gaps for peptides under 36 residues), so that a
  domain equals the construct that holds it.

Identities that chance alone reaches count as 0: under Rost's curve for the shorter length, 480
n^(-0.32 (1 + exp(-n / 1000))) per cent (Rost, Protein Eng 12:85, 1999), at most 80 %. Peptides
under 8 residues are compared as a whole only. The identity of two antigens is the largest over
their pairs of chains: a shared partner chain (beta-2 microglobulin, a scaffold, a fusion tag longer
than the domain) joins them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.data.similarity.antibodies import require_threshold
from abag.data.similarity.linkage import Components, cluster_names, linked_components

_LETTERS: Final = 26
_COMMON_RESIDUES: Final = 1.5
"""Real proteins share this many times more k-mers by chance than uniform ones would."""
_ROWS_AT_ONCE: Final = 512


Places = NDArray[np.int64]


def _kmer_sets(chains: Sequence[str], k: int) -> tuple[Places, Places]:
    """Codes of the distinct k-mers of each chain, in order, and the start of each chain's."""
    text = "".join(chains).encode("ascii")
    letters = (np.frombuffer(text, dtype=np.uint8).astype(np.int64) - ord("A")).clip(
        0, _LETTERS - 1
    )
    owner = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    count = max(letters.size - k + 1, 0)
    codes = owner[:count].copy()
    for i in range(k):
        codes = codes * _LETTERS + letters[i : i + count]
    within = owner[:count] == owner[k - 1 : k - 1 + count]
    kmers = np.sort(codes[within])
    distinct = kmers[np.diff(kmers, prepend=-1) > 0]
    starts = np.searchsorted(distinct, np.arange(len(chains) + 1) * _LETTERS**k)
    return distinct % _LETTERS**k, starts


def kmer_matrix(chains: Sequence[str], k: int) -> Any:
    """Sparse 0/1 matrix ``[chains, 26^k]`` of the k-mers that occur in each chain."""
    from scipy import sparse

    indices, starts = _kmer_sets(chains, k)
    data = np.ones(indices.size, dtype=np.float32)
    return sparse.csr_matrix((data, indices, starts), shape=(len(chains), _LETTERS**k))


def kmer_containment(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float32]:
    """Shared 3-mers as a share of the smaller of the two sets, ``[first, second]``."""
    if not first:
        return np.zeros((0, len(second)), dtype=np.float32)
    (rows, ends), (columns, starts) = _kmer_sets(first, 3), _kmer_sets(second, 3)
    owner = np.repeat(np.arange(len(second)), np.diff(starts))
    shared = np.zeros((len(first), len(second)), dtype=np.float32)
    for row in range(len(first)):
        is_there = np.zeros(_LETTERS**3, dtype=np.bool_)
        is_there[rows[ends[row] : ends[row + 1]]] = True
        shared[row] = np.bincount(owner[is_there[columns]], minlength=len(second))
    smaller = np.minimum.outer(np.diff(ends), np.diff(starts))
    return np.asarray(shared / np.maximum(smaller, 1), dtype=np.float32)


def shares_a_diagonal(first: str, second: str) -> bool:
    """Whether the pair has more equal 2-mers on one diagonal than unrelated chains have.

    A gapless stretch of n residues at identity p holds about n p^2 equal 2-mers; unrelated
    chains hold about n / 300. Required are 4 + n / 50 (n: shorter length), within one step of
    the diagonal.
    """
    shorter, longer = sorted((first, second), key=len)
    a, b = _two_mers(shorter), _two_mers(longer)
    i, j = np.nonzero(a[:, None] == b)
    counts = np.bincount(j - i + a.size, minlength=a.size + b.size + 2)
    sums = counts[:-2] + counts[1:-1] + counts[2:]
    return bool(sums.max(initial=0) >= 4 + len(shorter) / 50)


def _two_mers(chain: str) -> NDArray[np.uint16]:
    letters = np.frombuffer(chain.encode("ascii"), dtype=np.uint8).astype(np.uint16)
    return letters[:-1] * np.uint16(256) + letters[1:]


def alignment_candidates(
    chains: Sequence[str], components: Components, index: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Pairs in different components that share clearly more 3- or 4-mers than chance gives.

    Pairs are numbered by ``index``; those with the largest shared part come first within each
    block of rows, so that one alignment often settles a whole family.
    """
    sizes = np.array([len(chain) for chain in chains], dtype=np.float64)
    labels = np.array([components.find(i) for i in index], dtype=np.intp)
    three, four = kmer_matrix(chains, 3), kmer_matrix(chains, 4)
    for start in range(0, len(chains), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        expected = np.outer(sizes[rows], sizes) * _COMMON_RESIDUES
        shared_three = np.asarray((three[rows] @ three.T).todense(), dtype=np.float64)
        shared_four = np.asarray((four[rows] @ four.T).todense(), dtype=np.float64)
        chosen = shared_three >= np.maximum(3.0, _above_chance(expected / 20.0**3, 3.5))
        chosen |= shared_four >= np.maximum(2.0, _above_chance(expected / 20.0**4, 2.0))
        chosen &= labels[rows][:, None] != labels
        i, j = np.nonzero(chosen)
        keep = i + start < j
        i, j = i[keep], j[keep]
        share = shared_three[i, j] / np.minimum(sizes[i + start], sizes[j])
        for at in np.lexsort((j, i, -share)).tolist():
            yield index[int(i[at]) + start], index[int(j[at])]


def _above_chance(expected: NDArray[np.float64], deviations: float) -> NDArray[np.float64]:
    return np.asarray(expected + deviations * np.sqrt(expected), dtype=np.float64)


ANTIGEN_THRESHOLD: Final = 0.5
"""Default identity of one antigen cluster: orthologues and serotypes share it, most other
members of a fold family do not."""

PEPTIDE_RESIDUES: Final = 36
SHORTEST_CONTAINED: Final = 8
_ALIGNED: Final = 5
"""Chains that each chain is aligned with where no other is near."""
UNKNOWN_ANTIGEN: Final = "ag-unknown"
"""Cluster of all rows whose source gives no antigen sequence; it is never parted."""


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
    return _contained(shorter, longer)


@functools.lru_cache(maxsize=200_000)
def _contained(shorter: str, longer: str) -> float:
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

    Residues that only one of the two has do not count: tags, other ends of a construct, and loops
    that a structure does not resolve. Antigens without chains differ in none.
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
        for chain_index in present[1:]:
            components.join(present[0], chain_index)
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
    """Join chains of which one contains the other by local alignment (k-mer candidates only)."""
    from rapidfuzz.distance import LCSseq

    long = [i for i, chain in enumerate(chains) if len(chain) >= PEPTIDE_RESIDUES]
    pairs = alignment_candidates([chains[i] for i in long], components, long)
    for i, j in pairs:
        if components.find(i) == components.find(j):
            continue
        shorter = min(len(chains[i]), len(chains[j]))
        needed = max(threshold, float(chance_identity(shorter)))
        # No alignment has more identities than the longest common subsequence has residues.
        if LCSseq.similarity(chains[i], chains[j]) < needed * shorter - 1e-6:
            continue
        if not shares_a_diagonal(chains[i], chains[j]):
            continue
        if contained_identity(chains[i], chains[j]) >= needed - 1e-9:
            components.join(i, j)


def antigen_identities(
    queries: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    among: Iterable[Sequence[str]] = (),
) -> NDArray[np.float64]:
    """Identity of every query antigen to every reference antigen, ``[queries, references]``.

    Made without the clusters, to check them: global identity of all pairs and, for queries whose
    nearest reference is under 0.9 by it, containment for the five references that share the most
    3-mers with the query (of the smaller set). Containment in any other reference may
    be missed. Antigens without chains have identity 0 to all.

    Whoever asks for one part of a table after the other gives all its antigens in ``among``: the
    global identity of two chains is then computed once, unless the table has too many of them.
    """
    rows = sorted({chain for antigen in queries for chain in antigen if chain})
    columns = sorted({chain for antigen in references for chain in antigen if chain})
    result = np.zeros((len(queries), len(references)))
    if not rows or not columns:
        return result
    every = tuple(sorted({chain for antigen in among for chain in antigen if chain}))
    identity = _chain_identities(rows, columns, every)
    row_of = {chain: i for i, chain in enumerate(rows)}
    column_of = {chain: i for i, chain in enumerate(columns)}
    widest = np.zeros((len(rows), len(references)))
    for j, antigen in enumerate(references):
        indices = [column_of[chain] for chain in antigen if chain]
        if indices:
            widest[:, j] = identity[:, indices].max(axis=1)
    for i, antigen in enumerate(queries):
        indices = [row_of[chain] for chain in antigen if chain]
        if indices:
            result[i] = widest[indices].max(axis=0)
    return result


_MOST_HELD: Final = 4_000
"""Chains whose global identities are held, all with all: 128 MB."""


@functools.lru_cache(maxsize=1)
def _held_identities(chains: tuple[str, ...]) -> NDArray[np.float64]:
    return global_identities(chains, chains)


def _chain_identities(
    rows: Sequence[str], columns: Sequence[str], among: tuple[str, ...]
) -> NDArray[np.float64]:
    if 0 < len(among) <= _MOST_HELD:
        place = {chain: i for i, chain in enumerate(among)}
        chosen = np.ix_([place[chain] for chain in rows], [place[chain] for chain in columns])
        identity = _held_identities(among)[chosen]
    else:
        identity = global_identities(rows, columns)
    shorter = np.minimum.outer(_lengths(rows), _lengths(columns))
    far = np.flatnonzero(identity.max(axis=1) < 0.9).tolist()
    contained = kmer_containment([rows[i] for i in far], columns)
    for i, shares in zip(far, contained, strict=True):
        nearest = np.argsort(-shares, kind="stable")[:_ALIGNED]
        for j in nearest.tolist():
            if shares[j] > 0:
                identity[i, j] = max(identity[i, j], contained_identity(rows[i], columns[j]))
    identity[identity < chance_identity(shorter)] = 0.0
    return identity


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
