"""A quick look at a batch of chains: where a variable domain ends FR3, and of which type it is.

IMGT 85 to 104, up to the second cysteine, has the same length in every variable domain, so it can
be scored without gaps. The look only says which single profile is worth aligning first; what it
cannot tell goes through all profiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering.profiles import alphabet, load_profiles

_FIRST, _LAST = 85, 104
_MINIMUM_BITS: Final = 20.0
_SAME_SITE: Final = 40
_OTHER_LETTER: Final = 20


@dataclass(frozen=True, slots=True)
class ThirdFrameworkEnd:
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
def _codes() -> NDArray[np.uint8]:
    codes = np.full(256, _OTHER_LETTER, dtype=np.uint8)
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
    bits = np.zeros((len(types), n_windows), dtype=np.float32)
    for column in range(width):
        bits += table[:, column, :].take(codes[column : column + n_windows], axis=1)
    starts = np.cumsum([0] + [len(chain) + width for chain in chains])
    found: list[list[ThirdFrameworkEnd]] = [[] for _ in chains]
    for window in np.flatnonzero(bits.max(axis=0) >= _MINIMUM_BITS):
        i = int(np.searchsorted(starts, window, side="right")) - 1
        best = int(bits[:, window].argmax())
        cysteine = int(window - starts[i]) + width - 1
        if cysteine >= len(chains[i]):
            continue
        _keep(found[i], ThirdFrameworkEnd(cysteine, types[best], float(bits[best, window])))
    return found


def _keep(sites: list[ThirdFrameworkEnd], site: ThirdFrameworkEnd) -> None:
    """Add a site, or let the better one of two neighbours stand."""
    if not sites or site.cysteine - sites[-1].cysteine > _SAME_SITE:
        sites.append(site)
    elif site.score > sites[-1].score:
        sites[-1] = site
