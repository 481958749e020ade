"""The verdict on a pair: was it, a relative, its antigen, or its antibody measured before?

Both sides known apart says nothing: a pair is known when antibodies like this one were measured *on
antigens like this one* (:mod:`abag.model.pairs.measured`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.data.similarity.antibodies import CDR_THRESHOLD
from abag.data.similarity.antigens import ANTIGEN_THRESHOLD, antigen_changes
from abag.data.tables import Pairs
from abag.model.pairs.measured import NONE, MeasuredPairs
from abag.model.pairs.relatives import Nearest

Reals = NDArray[np.float64]

MEASURED_COLUMNS: Final = ("relative_pkd", "relative_antigen", "antigen_changes", "known_antigens")
"""Of the nearest relative: its pKd, its antigen and the residues in which the row's antigen differs
from it; the antigens that the nearest antibody was measured on."""
_MOST_NAMED: Final = 4
_ROUNDING: Final = 1e-6
"""Identities are single precision; equal fractions must not fall under a threshold."""


class Verdict(StrEnum):
    """What was measured that a prediction can lean on."""

    VARIANT = "variant of a measured pair"
    NEW_ANTIBODY = "known antigen, new antibody"
    NEW_ANTIGEN = "known antibody, other antigen"
    NEITHER = "neither known"

    @classmethod
    def of(cls, has_relative: bool, antibody_known: bool, antigen_known: bool) -> Verdict:
        """The verdict for what is known; an antibody known elsewhere comes before the antigen."""
        if has_relative:
            return cls.VARIANT
        if antibody_known:
            return cls.NEW_ANTIGEN
        return cls.NEW_ANTIBODY if antigen_known else cls.NEITHER


@dataclass(frozen=True, slots=True)
class Familiarity:
    """For each of n rows, how near the measured pairs come."""

    near: Nearest

    @property
    def antibody(self) -> Reals:
        """Largest CDR identity to a measured antibody, ``[n]``."""
        return self.near.antibody

    @property
    def antigen(self) -> Reals:
        """Largest identity to a measured antigen, ``[n]``."""
        return self.near.antigen

    def take(self, rows: NDArray[np.bool_]) -> Familiarity:
        """The chosen rows, by mask."""
        return Familiarity(self.near.take(rows))

    @property
    def verdicts(self) -> list[Verdict]:
        """Verdict of each row, at the thresholds of the splits."""
        relative = self.near.relative != NONE
        antibody = self.antibody >= CDR_THRESHOLD - _ROUNDING
        antigen = self.antigen >= ANTIGEN_THRESHOLD - _ROUNDING
        return [
            Verdict.of(bool(pair), bool(ab), bool(ag))
            for pair, ab, ag in zip(relative, antibody, antigen, strict=True)
        ]


class DomainIndex:
    """The measured pairs behind a model, asked for verdicts."""

    def __init__(self, measured: MeasuredPairs) -> None:
        self.measured = measured

    @classmethod
    def of(cls, table: Pairs) -> Self:
        """Index the rows of a canonical table (``heavy``, ``light``, ``antigen``)."""
        return cls(MeasuredPairs.of(table))

    def familiarity(self, table: Pairs) -> Familiarity:
        """Compare each row of ``table`` with all that was measured."""
        return Familiarity(self.measured.nearest(table))

    def measured_near(
        self, known: Familiarity, verdicts: Sequence[Verdict], antigens: Sequence[Sequence[str]]
    ) -> dict[str, list[Any]]:
        """Columns :data:`MEASURED_COLUMNS` of rows with these verdicts and antigens (chains)."""
        pairs = self.measured.pairs
        relative = [None if i == NONE else i for i in known.near.relative.tolist()]
        site = [None if i is None else int(pairs.antigen[i]) for i in relative]
        elsewhere = (Verdict.VARIANT, Verdict.NEW_ANTIGEN)
        return {
            "relative_pkd": [None if i is None else float(pairs.pkd[i]) for i in relative],
            "relative_antigen": [
                None if number is None else self.antigen_label(number) for number in site
            ],
            "antigen_changes": [
                None
                if number is None
                else antigen_changes(tuple(chains), self.measured.antigens[number])
                for number, chains in zip(site, antigens, strict=True)
            ],
            "known_antigens": [
                self._antigen_labels(kin) if verdict in elsewhere else None
                for kin, verdict in zip(known.near.kin.tolist(), verdicts, strict=True)
            ],
        }

    def antigen_label(self, antigen: int) -> str:
        """What a measured antigen is called: its name, or length and first residues."""
        if name := self.measured.names[antigen]:
            return name
        longest = max(self.measured.antigens[antigen], key=len, default="")
        return f"an antigen of {len(longest)} residues ({longest[:8]}...)"

    def _antigen_labels(self, antibody: int) -> str | None:
        """The antigens that an antibody was measured on."""
        labels = list(dict.fromkeys(map(self.antigen_label, self.measured.antigens_of(antibody))))
        more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
        return "; ".join(labels[:_MOST_NAMED]) + more if labels else None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return self.measured.arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls(MeasuredPairs.from_arrays(arrays))
