"""Antibodies laid on one another by IMGT position, to count what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP, UNKNOWN, residue_codes
from abag.antibody.numbering import number_chains
from abag.antibody.numbering.domains import LOOPS, NumberedDomain, position_number
from abag.files.reading import packed_lines, unpacked_lines

Codes = NDArray[np.uint8]
Antibody = tuple[str, str]
"""Heavy chain, and light chain or an empty text."""

_ENDS: Final = (3, 126)
"""IMGT positions up to the first and from the second are often not resolved, or not cloned: that
a chain lacks them is no change."""


@dataclass(frozen=True)
class LaidAntibodies:
    """n antibodies on the columns of a layout.

    ``codes`` (n, columns) are residue codes; ``extra`` (n, 3) counts residues at positions that
    the layout has not, in frameworks, heavy CDRs and light CDRs; ``numbered`` (n,) whether every
    chain that is there has a variable domain; ``has_light`` (n,) whether there is a light chain.
    """

    codes: Codes
    extra: NDArray[np.int64]
    numbered: NDArray[np.bool_]
    has_light: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> LaidAntibodies:
        """The chosen antibodies, by number."""
        return LaidAntibodies(
            self.codes[rows], self.extra[rows], self.numbered[rows], self.has_light[rows]
        )


class Changes(NamedTuple):
    """Numbers of changes between antibodies, each (rows, others)."""

    framework: NDArray[np.int64]
    heavy_cdr: NDArray[np.int64]
    light_cdr: NDArray[np.int64]

    @property
    def cdr(self) -> NDArray[np.int64]:
        """In the CDRs of both chains."""
        return np.asarray(self.heavy_cdr + self.light_cdr)

    @property
    def total(self) -> NDArray[np.int64]:
        """In both variable domains."""
        return np.asarray(self.framework + self.cdr)


@dataclass(frozen=True)
class ImgtLayout:
    """Columns: ``H`` or ``L`` and an IMGT position, such as ``H111A``, in sorted order."""

    labels: tuple[str, ...]

    @classmethod
    def of(cls, antibodies: Sequence[Antibody]) -> Self:
        """All positions that any of the antibodies has."""
        labels = {
            f"{role}{position}"
            for (role, _), _, domain in _domains(antibodies)
            if domain is not None
            for position in domain.positions
        }
        return cls(tuple(sorted(labels)))

    @cached_property
    def in_cdr(self) -> NDArray[np.bool_]:
        """Which columns are positions of CDRs, shape (columns,)."""
        return np.array([_in_cdr(label[1:]) for label in self.labels], dtype=np.bool_)

    @cached_property
    def at_end(self) -> NDArray[np.bool_]:
        """Which columns lie at an end of a domain, where a gap is no change."""
        numbers = [position_number(label[1:]) for label in self.labels]
        return np.array([n <= _ENDS[0] or n >= _ENDS[1] for n in numbers], dtype=np.bool_)

    def lay(self, antibodies: Sequence[Antibody]) -> LaidAntibodies:
        """Codes of each antibody; what is not in the layout is counted as extra."""
        count = len(antibodies)
        codes = np.full((count, len(self.labels)), GAP, dtype=np.uint8)
        extra = np.zeros((count, 3), dtype=np.int64)
        numbered = np.ones(count, dtype=np.bool_)
        by_positions: dict[tuple[str, tuple[str, ...]], tuple[list[list[int]], list[str]]] = {}
        for (role, _), members, domain in _domains(antibodies):
            if domain is None:
                numbered[members] = False
                continue
            rows, texts = by_positions.setdefault((role, domain.positions), ([], []))
            rows.append(members)
            texts.append(domain.sequence)
        for (role, positions), (rows, texts) in by_positions.items():
            columns, in_layout, more = _columns_of(self.labels, role, positions)
            laid_codes = residue_codes("".join(texts)).reshape(len(rows), len(positions))[
                :, in_layout
            ]
            members_in_order = np.array([row for members in rows for row in members])
            codes[np.ix_(members_in_order, columns)] = laid_codes.repeat(
                [len(group) for group in rows], axis=0
            )
            extra[members_in_order] += more
        has_light = np.array([bool(light) for _, light in antibodies], dtype=np.bool_)
        return LaidAntibodies(codes, extra, numbered, has_light)

    @cached_property
    def is_light(self) -> NDArray[np.bool_]:
        """Which columns are positions of light chains, shape (columns,)."""
        return np.array([label[0] == "L" for label in self.labels], dtype=np.bool_)

    def changes(self, rows: LaidAntibodies, others: LaidAntibodies) -> Changes:
        """Numbers of changed positions, each (rows, others).

        A residue for a residue, one too many or one too few are one change each; X is none.
        """
        parts = (~self.in_cdr, self.in_cdr & ~self.is_light, self.in_cdr & self.is_light)
        # What all rows have in common, such as the light chain of a library, is compared once.
        varied = (rows.codes != rows.codes[:1]).any(axis=0)
        counts = [
            self._differing(rows.codes, others.codes, part & varied)
            + self._differing(rows.codes[:1], others.codes, part & ~varied)
            + rows.extra[:, number][:, None]
            for number, part in enumerate(parts)
        ]
        return Changes(*counts)

    def _differing(
        self, left: Codes, right: Codes, columns: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        left, right = left[:, None, columns], right[None, :, columns]
        differ = (left != right) & (left != UNKNOWN) & (right != UNKNOWN)
        differ &= ~(((left == GAP) | (right == GAP)) & self.at_end[columns])
        return np.asarray(differ.view(np.uint8).sum(axis=2, dtype=np.uint16), dtype=np.int64)

    def arrays(self, laid: LaidAntibodies) -> dict[str, NDArray[Any]]:
        """The layout and antibodies on it, to be saved."""
        return {
            "laid.labels": packed_lines(self.labels),
            "laid.codes": laid.codes,
            "laid.flags": np.stack([laid.numbered, laid.has_light], axis=1).astype(np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> tuple[Self, LaidAntibodies]:
        """The inverse of :meth:`arrays`."""
        flags = arrays["laid.flags"].astype(np.bool_)
        codes = arrays["laid.codes"]
        laid = LaidAntibodies(
            codes, np.zeros((len(codes), 3), dtype=np.int64), flags[:, 0], flags[:, 1]
        )
        return cls(tuple(unpacked_lines(arrays["laid.labels"]))), laid


@lru_cache(maxsize=4_096)
def _columns_of(
    labels: tuple[str, ...], role: str, positions: tuple[str, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Columns of positions, which of them have one, and how many have none (as ``extra``)."""
    column = {label: index for index, label in enumerate(labels)}
    column_of = [column.get(f"{role}{position}", -1) for position in positions]
    in_layout = np.array([i for i, index in enumerate(column_of) if index >= 0], dtype=np.intp)
    columns = np.array([index for index in column_of if index >= 0], dtype=np.intp)
    outside = [_in_cdr(p) for p, index in zip(positions, column_of, strict=True) if index < 0]
    cdr = sum(outside)
    counts = [len(outside) - cdr, 0, cdr] if role == "L" else [len(outside) - cdr, cdr, 0]
    return columns, in_layout, np.array(counts, dtype=np.int64)


def _in_cdr(position: str) -> bool:
    return LOOPS[position_number(position)] > 0


def _domains(
    antibodies: Sequence[Antibody],
) -> Iterator[tuple[tuple[str, str], list[int], NumberedDomain | None]]:
    """Role and chain, the antibodies that have it, and its first domain of the right kind."""
    members: dict[tuple[str, str], list[int]] = {}
    for role, chains in zip("HL", zip(*antibodies, strict=True), strict=False):
        for number, chain in enumerate(chains):
            if chain:
                members.setdefault((role, chain), []).append(number)
    numbered = number_chains(dict.fromkeys(chain for _, chain in members))
    for (role, chain), numbers in members.items():
        fitting = (d for d in numbered[chain] if d.kind.is_light == (role == "L"))
        yield (role, chain), numbers, next(fitting, None)
