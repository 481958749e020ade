"""CDR loops of antibody libraries: one numbered chain speaks for its substituted variants.

Numbering costs a third of a millisecond a chain, too much for a library. A chain of the length of a
numbered one that is at least 80 % equal to it, with three or more of the same five residues on
either side of each CDR and the same ones beside CDR3, has its CDRs at the same places. Every other
chain is numbered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.numbering.protocol import IMGT_REGIONS, NumberedDomain
from abag.data.schema import antibody_key
from abag.data.similarity.antibodies import CdrSet, Loops

_ANCHOR: Final = 5
_MISMATCHES: Final = 2
"""Most differing residues of the five on one side of a CDR."""
_IDENTITY: Final = 0.8
"""Least share of equal residues of the two chains."""
_ROUNDS: Final = 4
_MOST_MODELS: Final = 64
"""Numbered chains that are tried for each length."""
_INSERTIONS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Place = tuple[int, int]
Found = tuple[tuple[bool, Loops], ...]
"""For each domain of a chain: whether it is a light one, and its three CDRs."""
Letters = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class _Numbered:
    """A numbered chain of one domain: what a variant must share with it, and where its CDRs are."""

    anchors: NDArray[np.intp]
    """Places beside each CDR, ``[6, 5]``."""
    letters: Letters
    """The chain, ``[length]``."""
    is_light: bool
    places: tuple[Place, Place, Place]

    def speaks_for(self, chains: Letters) -> NDArray[np.bool_]:
        """Which chains of the same length, ``[n, length]``, have their CDRs at the same places."""
        same = chains == self.letters
        beside = _ANCHOR - same[:, self.anchors].sum(axis=2) <= _MISMATCHES
        # The cysteine before CDR3 and the residue behind it carry the frame.
        frame = same[:, self.anchors[4, -1]] & same[:, self.anchors[5, 0]]
        return np.asarray(beside.all(axis=1) & frame & (same.mean(axis=1) >= _IDENTITY))

    def loops_of(self, chain: str) -> Found:
        """The CDRs of a variant."""
        (a, b), (c, d), (e, f) = self.places
        return ((self.is_light, (chain[a:b], chain[c:d], chain[e:f])),)


@dataclass
class LoopFinder:
    """Finds the CDRs of many chains, and remembers which chains it has numbered."""

    _models: dict[int, list[_Numbered]] = field(default_factory=dict)

    def cdr_sets(self, table: pl.DataFrame) -> dict[str, CdrSet]:
        """CDRs of every distinct antibody by its key, as :func:`abag.data.similarity.cdr_sets`."""
        pairs = table.select("heavy", "light", key=antibody_key()).unique(
            "key", maintain_order=True
        )
        heavy = self.loops(pairs["heavy"].to_list())
        light = self.loops([chain for chain in pairs["light"].to_list() if chain])
        return {
            key: CdrSet(
                _chosen(vh, heavy[vh], light=False), _chosen(vl, light[vl], True) if vl else None
            )
            for key, vh, vl in pairs.select("key", "heavy", "light").iter_rows()
        }

    def loops(self, chains: Sequence[str]) -> dict[str, Found]:
        """CDRs of each distinct chain."""
        found: dict[str, Found] = {}
        left = self._by_proxy(list(dict.fromkeys(chains)), found)
        for _ in range(_ROUNDS):
            # Number one chain of each length, then see for which of the others it speaks.
            first = {len(chain): chain for chain in reversed(left)}
            if len(first) * 4 > len(left):
                break
            self._number(list(first.values()), found)
            left = self._by_proxy([chain for chain in left if chain not in found], found)
        if left:
            self._number(left, found)
        return found

    def _by_proxy(self, chains: Sequence[str], found: dict[str, Found]) -> list[str]:
        """Fill ``found``; returns the chains for which no numbered one speaks."""
        of_length: dict[int, list[str]] = {}
        for chain in chains:
            of_length.setdefault(len(chain), []).append(chain)
        unspoken = []
        for length, left in of_length.items():
            for model in self._models.get(length, ()):
                letters = np.frombuffer("".join(left).encode("ascii"), dtype=np.uint8)
                known = model.speaks_for(letters.reshape(len(left), length)).tolist()
                found |= {c: model.loops_of(c) for c, yes in zip(left, known, strict=True) if yes}
                left = [c for c, yes in zip(left, known, strict=True) if not yes]
                if not left:
                    break
            unspoken += left
        return unspoken

    def _number(self, chains: list[str], found: dict[str, Found]) -> None:
        from abag.data.numbering import number_chains

        for chain, domains in number_chains(chains).items():
            found[chain] = tuple((d.kind.is_light, (d.cdr1, d.cdr2, d.cdr3)) for d in domains)
            models = self._models.setdefault(len(chain), [])
            if len(domains) == 1 and len(models) < _MOST_MODELS:
                model = _model(chain, domains[0])
                if model is not None and not _spoken_for(models, chain):
                    models.append(model)


def _chosen(chain: str, found: Found, light: bool) -> Loops:
    """CDRs of the domain of a kind; a chain without one stands in whole for its CDR3."""
    return next((loops for is_light, loops in found if is_light == light), ("", "", chain))


def _spoken_for(models: Sequence[_Numbered], chain: str) -> bool:
    letters = np.frombuffer(chain.encode("ascii"), dtype=np.uint8)[None]
    return any(model.speaks_for(letters)[0] for model in models)


def _model(chain: str, domain: NumberedDomain) -> _Numbered | None:
    numbers = [int(position.rstrip(_INSERTIONS)) for position in domain.positions]
    places: list[Place] = []
    anchors: list[range] = []
    for loop in ("CDR1", "CDR2", "CDR3"):
        first, last = IMGT_REGIONS[loop]
        inside = [i for i, number in enumerate(numbers) if first <= number <= last]
        if not inside:
            return None
        begin, end = domain.start + inside[0], domain.start + inside[-1] + 1
        if begin < _ANCHOR or end + _ANCHOR > len(chain):
            return None
        places.append((begin, end))
        anchors += [range(begin - _ANCHOR, begin), range(end, end + _ANCHOR)]
    where = np.array([list(anchor) for anchor in anchors], dtype=np.intp)
    letters = np.frombuffer(chain.encode("ascii"), dtype=np.uint8)
    return _Numbered(where, letters, domain.kind.is_light, (places[0], places[1], places[2]))
