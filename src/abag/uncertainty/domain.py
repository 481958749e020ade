"""What a model knows about a pair: the nearest training antibody and antigen, and a verdict.

The identities and their thresholds are those that the splits are made with
(:mod:`abag.data.similarity`), so the error measured on rows of a verdict is the error of a split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.schema import antibody_key, antigen_key
from abag.data.similarity.antibodies import (
    CDR_THRESHOLD,
    CdrSet,
    CdrTable,
    Loops,
    cdr_sets,
)
from abag.data.similarity.antigens import ANTIGEN_THRESHOLD, antigen_identities

Reals = NDArray[np.float64]

_ROUNDING: Final = 1e-6
"""Identities are single precision; equal fractions must not fall under a threshold."""
_CACHED: Final = 100_000
_PAIRS_AT_ONCE: Final = 2_000_000


class Verdict(StrEnum):
    """Which side of a pair has a relative among the training rows."""

    IN_DOMAIN = "in-domain"
    NEW_ANTIBODY = "new antibody"
    NEW_ANTIGEN = "new antigen"
    NEITHER = "neither known"

    @classmethod
    def of(cls, antibody_known: bool, antigen_known: bool) -> Verdict:
        """The verdict for what is known."""
        if antigen_known:
            return cls.IN_DOMAIN if antibody_known else cls.NEW_ANTIBODY
        return cls.NEW_ANTIGEN if antibody_known else cls.NEITHER


@dataclass(frozen=True, slots=True)
class Familiarity:
    """For each of n rows, how near the training rows come (identities 0 to 1)."""

    antibody: Reals
    """Largest CDR identity to a training antibody, ``[n]``."""
    antigen: Reals
    """Largest identity to a training antigen, ``[n]``."""

    def take(self, rows: NDArray[np.bool_]) -> Familiarity:
        """The chosen rows, by mask."""
        return Familiarity(self.antibody[rows], self.antigen[rows])

    @property
    def verdicts(self) -> list[Verdict]:
        """Verdict of each row, at the thresholds of the splits."""
        known_antibody = self.antibody >= CDR_THRESHOLD - _ROUNDING
        known_antigen = self.antigen >= ANTIGEN_THRESHOLD - _ROUNDING
        return [
            Verdict.of(bool(ab), bool(ag))
            for ab, ag in zip(known_antibody, known_antigen, strict=True)
        ]


class DomainIndex:
    """CDRs and antigen chains of the training rows, searched once for each distinct molecule."""

    def __init__(self, antibodies: Sequence[CdrSet], antigens: Sequence[tuple[str, ...]]) -> None:
        self.antibodies = tuple(antibodies)
        self.antigens = tuple(antigens)
        self._table = CdrTable(self.antibodies)
        self._antibody_identity: dict[str, float] = {}
        self._antigen_identity: dict[str, float] = {}

    @classmethod
    def of(cls, table: pl.DataFrame) -> Self:
        """Index the rows of a canonical table (``heavy``, ``light``, ``antigen``)."""
        distinct = {loops.key: loops for loops in cdr_sets(table).values()}
        antigens = {tuple(chains or ()) for chains in table["antigen"].to_list()} - {()}
        return cls([distinct[key] for key in sorted(distinct)], sorted(antigens))

    def familiarity(self, table: pl.DataFrame) -> Familiarity:
        """Compare each row of ``table`` with all training molecules."""
        keys = table.select(antibody=antibody_key(), antigen=antigen_key().fill_null(""))
        antibody = self._nearest_antibodies(table, keys["antibody"])
        antigen = self._nearest_antigens(keys["antigen"])
        return Familiarity(
            np.array([antibody[key] for key in keys["antibody"]], dtype=np.float64),
            np.array([antigen[key] for key in keys["antigen"]], dtype=np.float64),
        )

    def _nearest_antibodies(self, table: pl.DataFrame, keys: pl.Series) -> dict[str, float]:
        found = _remembered(self._antibody_identity, keys)
        new = pl.Series([key not in found for key in keys], dtype=pl.Boolean)
        if not new.any():
            return found
        sets = cdr_sets(table.filter(new))
        nearest = np.zeros(len(sets))
        if self.antibodies:
            asked = CdrTable(list(sets.values()))
            every = np.arange(len(self.antibodies), dtype=np.intp)
            step = max(1, _PAIRS_AT_ONCE // len(self.antibodies))
            for start in range(0, len(sets), step):
                rows = np.arange(start, min(start + step, len(sets)), dtype=np.intp)
                nearest[rows] = asked.identities(self._table, rows, every).max(axis=1)
        return found | _remember(self._antibody_identity, sets, nearest)

    def _nearest_antigens(self, keys: pl.Series) -> dict[str, float]:
        found = _remembered(self._antigen_identity, keys)
        new = [key for key in keys.unique(maintain_order=True) if key not in found]
        if not new:
            return found
        identity = antigen_identities([key.split("/") for key in new], self.antigens)
        return found | _remember(self._antigen_identity, new, identity.max(axis=1, initial=0.0))

    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """Arrays to be saved: the CDRs and the antigen chains as text, one molecule a line."""
        antibodies = ["|".join((*s.heavy, *(s.light or ("-",)))) for s in self.antibodies]
        antigens = ["/".join(chains) for chains in self.antigens]
        return {
            "domain.cdrs": _as_bytes("\n".join(antibodies)),
            "domain.antigen_chains": _as_bytes("\n".join(antigens)),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        antibodies = []
        for line in _lines(arrays["domain.cdrs"]):
            parts = line.split("|")
            heavy: Loops = (parts[0], parts[1], parts[2])
            light: Loops | None = None if parts[3] == "-" else (parts[3], parts[4], parts[5])
            antibodies.append(CdrSet(heavy, light))
        antigens = [tuple(line.split("/")) for line in _lines(arrays["domain.antigen_chains"])]
        return cls(antibodies, antigens)


def _remembered(cache: dict[str, float], keys: pl.Series) -> dict[str, float]:
    asked = ((key, cache.get(key)) for key in keys.unique(maintain_order=True))
    return {key: value for key, value in asked if value is not None}


def _remember(cache: dict[str, float], keys: Iterable[str], values: Reals) -> dict[str, float]:
    """Keep new values, and forget all before there are too many: a stream has no end."""
    new = dict(zip(keys, values.tolist(), strict=True))
    if len(cache) + len(new) > _CACHED:
        cache.clear()
    cache.update(new)
    return new


def _as_bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("ascii"), dtype=np.uint8)


def _lines(content: NDArray[Any]) -> list[str]:
    text = content.astype(np.uint8).tobytes().decode("ascii")
    return text.split("\n") if text else []
