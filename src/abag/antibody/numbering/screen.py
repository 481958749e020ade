"""A quick look at a batch of chains: where a variable domain ends FR3, and of which type it is.

IMGT 85 to 104, up to the second cysteine, has the same length in every variable domain, so it can
be scored without gaps. The look only says which single profile is worth aligning first; what it
cannot tell goes through all profiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering.profiles import alphabet, load_profiles

_FIRST, _LAST = 85, 104
_MINIMUM_BITS: Final = 20.0
_SAME_SITE: Final = 40
_OTHER_LETTER: Final = 20
_TELLING: Final = 13
"""Columns of which most windows are already so far below that no rest can lift them."""
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
    """Likely variable domains of each chain, in the order of the chain.

    Args:
        chains: upper-case chains in ASCII.
    """
    types, table = _log_odds()
    width = table.shape[1]
    gap = "X" * width
    text = np.frombuffer(gap.join([*chains, ""]).encode("ascii"), dtype=np.uint8)
    codes = _codes()[text]
    n_windows = len(codes) - width + 1
    if n_windows < 1:
        return [[] for _ in chains]
    windows = _may_be_sites(codes, n_windows)
    bits = np.zeros((len(types), len(windows)), dtype=np.float32)
    for column in range(width):
        bits += table[:, column, :].take(codes[windows + column], axis=1)
    sure = np.flatnonzero(bits.max(axis=0) >= _MINIMUM_BITS)
    starts = np.cumsum([0] + [len(chain) + width for chain in chains])
    chain = np.searchsorted(starts, windows[sure], side="right") - 1
    cysteine = windows[sure] - starts[chain] + (width - 1)
    best, score = bits[:, sure].argmax(axis=0), bits[:, sure].max(axis=0)
    found: list[list[ThirdFrameworkEnd]] = [[] for _ in chains]
    for i, *site in zip(*(one.tolist() for one in (chain, cysteine, best, score)), strict=True):
        if site[0] < len(chains[i]):
            _keep(found[i], ThirdFrameworkEnd(site[0], types[site[1]], site[2]))
    return found


def _may_be_sites(codes: NDArray[np.intp], n_windows: int) -> NDArray[np.intp]:
    """Windows that may have the bits of a site: no other has, whatever its other columns say."""
    telling, most, rest = _bounds()
    bound = np.full(n_windows, rest, dtype=np.float32)
    for column, bits in zip(telling, most, strict=True):
        bound += bits[codes[column : column + n_windows]]
    return np.flatnonzero(bound >= _MINIMUM_BITS - _ROUNDING)


def _keep(sites: list[ThirdFrameworkEnd], site: ThirdFrameworkEnd) -> None:
    """Add a site, or let the better one of two neighbours stand."""
    if not sites or site.cysteine - sites[-1].cysteine > _SAME_SITE:
        sites.append(site)
    elif site.score > sites[-1].score:
        sites[-1] = site
