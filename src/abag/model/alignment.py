"""Variants of one parent laid on common positions, so that residues can be compared.

Chains of equal length are compared place by place; others by IMGT position. Only positions that
vary among the training chains are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abag.data.tables import Pairs

Letters: TypeAlias = NDArray[np.uint8]
AlignBy: TypeAlias = Literal["auto", "place", "imgt"]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Variable positions of one chain role (heavy or light).

    ``positions`` of shape (positions,) are places from 0, or IMGT positions as numbers (see
    :func:`imgt_code`); ``length`` is the length that every chain must have, or -1 with IMGT.
    """

    positions: NDArray[np.int64]
    length: int

    @classmethod
    def of(cls, chains: Sequence[str], by: AlignBy = "auto") -> Self:
        """Find the positions at which the chains differ."""
        distinct = list(dict.fromkeys(chains))
        lengths = {len(chain) for chain in distinct}
        if by == "place" or (by == "auto" and len(lengths) == 1):
            length = max(lengths)
            every_position = cls(np.arange(length, dtype=np.int64), length)
        else:
            codes = {code for places in _residues_by_imgt(distinct) for code in places}
            every_position = cls(np.array(sorted(codes), dtype=np.int64), -1)
        letters = every_position.letters(distinct)
        return cls(
            every_position.positions[(letters != letters[:1]).any(axis=0)], every_position.length
        )

    def letters(self, chains: Sequence[str]) -> Letters:
        """Letters at the positions, ``-`` where a chain has none; shape (chains, positions)."""
        places: dict[str, int] = {}
        owner = [places.setdefault(chain, len(places)) for chain in chains]
        distinct = list(places)
        if self.length >= 0:
            text = "".join(chain.ljust(self.length, "-")[: self.length] for chain in distinct)
            table = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
            table_letters = table.reshape(len(distinct), self.length)[:, self.positions]
        else:
            rows = [
                [ord(numbered.get(code, "-")) for code in self.positions.tolist()]
                for numbered in _residues_by_imgt(distinct)
            ]
            table_letters = np.array(rows, dtype=np.uint8).reshape(
                len(distinct), len(self.positions)
            )
        return np.ascontiguousarray(table_letters[owner])

    def refusal(self, chain: str) -> str | None:
        """Why a chain cannot be laid on these positions, or None."""
        if self.length >= 0:
            if len(chain) == self.length:
                return None
            return (
                f"has {len(chain)} residues where the training chains have {self.length}; "
                "fit with `--set align=imgt` for variants of several lengths"
            )
        if not len(self.positions) or _residues_by_imgt([chain])[0]:
            return None
        return "has no variable domain that can be numbered"

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Arrays to be saved, under a name."""
        return {
            f"{name}.positions": self.positions,
            f"{name}.length": np.array([self.length], dtype=np.int64),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls(arrays[f"{name}.positions"], int(arrays[f"{name}.length"][0]))


def imgt_code(position: str) -> int:
    """An IMGT position such as ``111A`` as a number that sorts with its insertions: 111 * 1000 + 1.

    Insertion letters count in base 27, so that ``AA`` follows ``Z``.
    """
    number = position.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    insertion = 0
    for letter in position[len(number) :]:
        insertion = insertion * 27 + ord(letter) - ord("A") + 1
    return int(number) * 1000 + insertion


def _residues_by_imgt(chains: Sequence[str]) -> list[dict[int, str]]:
    """Residue at each IMGT position of the first domain; empty where none is found."""
    from abag.antibody.numbering import number_chains

    domains = number_chains([chain for chain in chains if chain])
    return [
        {
            imgt_code(position): residue
            for position, residue in zip(
                domains[chain][0].positions, domains[chain][0].sequence, strict=True
            )
        }
        if chain and domains[chain]
        else {}
        for chain in chains
    ]


def chains_of(table: Pairs) -> tuple[list[str], list[str]]:
    """Heavy and light chains; an empty text where there is no light chain."""
    return table["heavy"].to_list(), table["light"].fill_null("").to_list()


def pair_refusals(
    pairs: Iterable[tuple[str, str]], heavy: Alignment, light: Alignment
) -> list[str | None]:
    """For each (heavy, light) pair, why it cannot be laid on the positions, or None."""
    refusal_of: dict[tuple[str, str], str | None] = {}
    refusals = []
    for pair in pairs:
        if pair not in refusal_of:
            reasons = (("heavy", heavy.refusal(pair[0])), ("light", light.refusal(pair[1])))
            refusal_of[pair] = (
                "; ".join(f"the {role} chain {reason}" for role, reason in reasons if reason)
                or None
            )
        refusals.append(refusal_of[pair])
    return refusals
