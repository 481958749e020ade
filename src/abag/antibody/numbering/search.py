"""Profile searches: which part of a chain aligns to which profile, with which path.

Every score is that of one chain against one profile with the size of the database fixed, so a
chain gets the same answer alone and in any batch.

HMMER's vector code underflows by design and expects its processes to flush subnormal numbers to
zero. pyhmmer leaves the processor's mode alone, and most of a search then goes into arithmetic on
numbers below 1e-38: it takes eight times as long, for the same alignments. So the mode is set
while HMMER searches.

:func:`find_sites` says quickly which profile to align first: IMGT 85 to 104, up to the second
cysteine, has the same length in every variable domain, so it can be scored without gaps.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering.anarci import DELETE, INSERT, MATCH, Profile, alphabet, load_profiles

_FLUSH: Final = 1 << 15
"""Bit FTZ of the control register MXCSR."""
_MASKS: Final = 0x1F80
"""Its bits that mask exceptions; all are set unless traps are on."""


class _Environment(ctypes.Structure):
    """``fenv_t`` of the GNU C library on x86-64: 28 bytes for the x87 unit, then MXCSR."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))


@contextmanager
def flushing_to_zero() -> Iterator[None]:
    """Flush subnormal numbers to zero in this thread, and restore its mode afterwards.

    Does nothing where the mode is set already, or on another platform than Linux on x86-64 with
    the GNU C library: the search is then right, and slow.
    """
    functions = _functions()
    before, during = _Environment(), _Environment()
    if functions is None or functions[0](ctypes.byref(before)) or before.mxcsr & _FLUSH:
        yield
        return
    get, put = functions
    get(ctypes.byref(during))
    during.mxcsr |= _FLUSH
    put(ctypes.byref(during))
    try:
        yield
    finally:
        put(ctypes.byref(before))


@cache
def _functions() -> tuple[Callable[[Any], int], Callable[[Any], int]] | None:
    """``fegetenv`` and ``fesetenv`` where they read and write an :class:`_Environment`."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    if platform.libc_ver()[0] != "glibc":
        return None
    try:
        library = ctypes.CDLL("libm.so.6")
        get, put = library.fegetenv, library.fesetenv
    except (OSError, AttributeError):
        return None
    # Larger than any fenv_t: a library that writes more must not write over something else.
    probe = (ctypes.c_uint32 * 64)()
    sane = get(ctypes.byref(probe)) == 0 and probe[7] & _MASKS == _MASKS and not any(probe[8:])
    return (get, put) if sane else None


MOST_RESIDUES: Final = 2_000
"""Longer chains are not searched and have no domain; an IgM heavy chain has 590 residues."""
_FEWEST_OF_A_TASK: Final = 64
_MOST_OF_A_TASK: Final = 1_024
"""A task makes a profile ready, which takes as long as half a search."""
_STEPS: Final = "".join(DELETE if chr(code) == "-" else MATCH for code in range(128))
"""Step of an alignment for each letter of the aligned chain."""


class Hit(NamedTuple):
    """One stretch of a chain aligned to one profile."""

    profile: Profile
    score: float
    """Bit score of this stretch."""
    evalue: float
    """Independent E-value against all profiles, to the two digits that ``hmmscan`` prints."""
    chain_pvalue: float
    """P-value of the whole chain against the profile; orders hits of equal E-value."""
    start: int
    end: int
    """Residues ``start`` (from 0) up to, without, ``end`` are aligned."""
    first_column: int
    last_column: int
    path: str
    """Matches, insertions and deletions (see :mod:`abag.antibody.numbering.anarci`)."""

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """Sorting key: the best hit first, never a tie."""
        return (self.evalue, self.chain_pvalue, self.profile.index, self.start)


def align(
    chains_of_profile: Mapping[int, Sequence[str]], threads: int = 2, minimum_score: float = 0.0
) -> dict[str, list[Hit]]:
    """Search chains with profiles.

    Args:
        chains_of_profile: the chains to search, by the index of the profile to search them with.
        threads: how many searches run at once (HMMER runs outside Python's lock).
        minimum_score: hits of fewer bits are left out.

    Returns:
        Every hit of every chain that has one, best first.
    """
    chains_of_profile = {
        profile: [chain for chain in chains if len(chain) <= MOST_RESIDUES]
        for profile, chains in chains_of_profile.items()
    }
    share = -(-max(map(len, chains_of_profile.values()), default=0) // threads)
    size = min(max(share, _FEWEST_OF_A_TASK), _MOST_OF_A_TASK)
    tasks = [
        (profile, chains[i : i + size])
        for profile, chains in chains_of_profile.items()
        for i in range(0, len(chains), size)
    ]
    profiles = load_profiles()

    def run(task: tuple[int, Sequence[str]]) -> list[tuple[str, Hit]]:
        return _search(profiles[task[0]], task[1], len(profiles), minimum_score)

    if threads > 1 and len(tasks) > 1:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(run, tasks))
    else:
        answers = [run(task) for task in tasks]
    hits: dict[str, list[Hit]] = {}
    for answer in answers:
        for chain, hit in answer:
            hits.setdefault(chain, []).append(hit)
    for chain_hits in hits.values():
        chain_hits.sort(key=lambda hit: hit.rank)
    return hits


def _search(
    profile: Profile, chains: Sequence[str], n_profiles: int, minimum_score: float
) -> list[tuple[str, Hit]]:
    from pyhmmer.easel import DigitalSequenceBlock, TextSequence
    from pyhmmer.plan7 import Pipeline

    letters = alphabet()
    block = DigitalSequenceBlock(
        letters,
        [
            TextSequence(name=name, sequence=chain).digitize(letters)
            for name, chain in zip(_names(_MOST_OF_A_TASK), chains, strict=False)
        ],
    )
    pipeline = Pipeline(letters, Z=n_profiles, domZ=n_profiles)
    with flushing_to_zero():
        top_hits = pipeline.search_hmm(profile.hmm, block)
    hits = []
    for hit in top_hits:
        chain = chains[int(hit.name)]
        hits += [
            (chain, _hit(profile, domain, hit.pvalue))
            for domain in hit.domains
            if domain.included and domain.score >= minimum_score
        ]
    return hits


@cache
def _names(count: int) -> tuple[Any, ...]:
    """Names of records, of the type that this pyhmmer takes (bytes before 0.12, text since)."""
    from pyhmmer.easel import TextSequence

    texts = tuple(map(str, range(count)))
    return texts if isinstance(TextSequence().name, str) else tuple(t.encode() for t in texts)


def _hit(profile: Profile, domain: Any, chain_pvalue: float) -> Hit:
    alignment = domain.alignment
    columns, residues = alignment.hmm_sequence, alignment.target_sequence
    path = residues.translate(_STEPS)
    at = columns.find(".")
    while at >= 0:
        path = path[:at] + INSERT + path[at + 1 :]
        at = columns.find(".", at + 1)
    return Hit(
        profile,
        domain.score,
        float(f"{domain.i_evalue:.2g}"),
        chain_pvalue,
        alignment.target_from - 1,
        alignment.target_to,
        alignment.hmm_from,
        alignment.hmm_to,
        path,
    )


_FIRST, _LAST = 85, 104
_MINIMUM_BITS: Final = 20.0
_SAME_SITE: Final = 40
_OTHER_LETTER: Final = 20
_TELLING: Final = 13
"""Columns whose bits alone rule out most windows, whatever the others add."""
_ROUNDING: Final = 0.01
"""Far more bits than twenty sums in single precision are off."""


class ThirdFrameworkEnd(NamedTuple):
    """A likely FR3 end."""

    cysteine: int
    """Index in the chain of the residue at IMGT 104."""
    chain_type: str
    """H, K or L, whichever fits best; a T-cell receptor gets one of them, too."""
    score: float
    """Log-odds of the 20 residues, in bits."""


@cache
def _log_odds() -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Antibody types, and bits of letter l at window column c for type t, shape ``[t, c, 21]``.

    The mean over the species of a type; a letter outside the twenty counts as zero bits.
    """
    from pyhmmer.plan7 import Background

    background = np.asarray(Background(alphabet()).residue_frequencies)[:20]
    by_type: dict[str, list[NDArray[np.float64]]] = {}
    for profile in load_profiles():
        if profile.kind is not None:
            emissions = np.asarray(profile.hmm.match_emissions)[_FIRST : _LAST + 1, :20]
            by_type.setdefault(profile.chain_type, []).append(np.log2(emissions / background))
    table = np.zeros((len(by_type), _LAST - _FIRST + 1, _OTHER_LETTER + 1), dtype=np.float32)
    for i, members in enumerate(by_type.values()):
        table[i, :, :20] = np.mean(members, axis=0)
    return tuple(by_type), table


@cache
def _bounds() -> tuple[list[int], NDArray[np.float32], float]:
    """Telling columns, most bits of letter l at each, ``[c, 21]``, and most bits of all others."""
    most = _log_odds()[1].max(axis=0)
    columns = np.argsort(most.mean(axis=1) - most.max(axis=1), kind="stable")
    telling, others = columns[:_TELLING], columns[_TELLING:]
    return telling.tolist(), most[telling], float(most[others].max(axis=1).sum())


@cache
def _codes() -> NDArray[np.intp]:
    codes = np.full(256, _OTHER_LETTER, dtype=np.intp)
    for i, letter in enumerate(alphabet().symbols[:20]):
        codes[ord(letter)] = i
    return codes


def find_sites(chains: Sequence[str]) -> list[list[ThirdFrameworkEnd]]:
    """Likely variable domains of each upper-case ASCII chain, in the order of the chain."""
    types, table = _log_odds()
    width = table.shape[1]
    gap = "X" * width
    text = np.frombuffer(gap.join([*chains, ""]).encode("ascii"), dtype=np.uint8)
    codes = _codes()[text]
    n_windows = len(codes) - width + 1
    if n_windows < 1:
        return [[] for _ in chains]
    windows = _candidate_windows(codes, n_windows)
    bits = np.zeros((len(types), len(windows)), dtype=np.float32)
    for column in range(width):
        bits += table[:, column, :].take(codes[windows + column], axis=1)
    sure = np.flatnonzero(bits.max(axis=0) >= _MINIMUM_BITS)
    starts = np.cumsum([0] + [len(chain) + width for chain in chains])
    chain = np.searchsorted(starts, windows[sure], side="right") - 1
    cysteine = windows[sure] - starts[chain] + (width - 1)
    best, score = bits[:, sure].argmax(axis=0), bits[:, sure].max(axis=0)
    sites: list[list[ThirdFrameworkEnd]] = [[] for _ in chains]
    for i, *site in zip(*(array.tolist() for array in (chain, cysteine, best, score)), strict=True):
        if site[0] < len(chains[i]):
            _add_site(sites[i], ThirdFrameworkEnd(site[0], types[site[1]], site[2]))
    return sites


def _candidate_windows(codes: NDArray[np.intp], n_windows: int) -> NDArray[np.intp]:
    """Windows that may reach the bits of a site: the telling columns rule out all others."""
    telling, most, other_bits = _bounds()
    bound = np.full(n_windows, other_bits, dtype=np.float32)
    for column, bits in zip(telling, most, strict=True):
        bound += bits[codes[column : column + n_windows]]
    return np.flatnonzero(bound >= _MINIMUM_BITS - _ROUNDING)


def _add_site(sites: list[ThirdFrameworkEnd], site: ThirdFrameworkEnd) -> None:
    """Add a site, or let the better one of two neighbours stand."""
    if not sites or site.cysteine - sites[-1].cysteine > _SAME_SITE:
        sites.append(site)
    elif site.score > sites[-1].score:
        sites[-1] = site
