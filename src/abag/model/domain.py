"""Which antibodies and antigens a model was fitted on, kept as hashes and not as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import sequence_hash
from abag.data.schema import antibody_key, antigen_key

KeyHashes = NDArray[np.uint64]
"""Sorted distinct 64-bit hashes."""


def hashes(keys: pl.Series) -> KeyHashes:
    """64-bit hash of each text, in order: the ``sequence_hash`` as a number."""
    distinct = {key: int(sequence_hash(key), 16) for key in keys.unique()}
    return np.array([distinct[key] for key in keys], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class TrainingDomain:
    """Hashes of the antibodies (heavy and light together) and antigens of the training rows."""

    antibodies: KeyHashes
    antigens: KeyHashes

    @classmethod
    def of(cls, table: pl.DataFrame) -> Self:
        """Remember the pairs of a table with ``heavy``, ``light`` and ``antigen``."""
        antigens = table.filter(pl.col("antigen").list.len() > 0)
        return cls(
            np.unique(hashes(table.select(antibody_key()).to_series())),
            np.unique(hashes(antigens.select(antigen_key()).to_series())),
        )

    def knows_antibody(self, table: pl.DataFrame) -> NDArray[np.bool_]:
        """For each row, whether exactly this antibody was in training."""
        return _among(hashes(table.select(antibody_key()).to_series()), self.antibodies)

    def knows_antigen(self, table: pl.DataFrame) -> NDArray[np.bool_]:
        """For each row, whether exactly these antigen chains, in this order, were in training."""
        return _among(hashes(table.select(antigen_key()).to_series()), self.antigens)

    def arrays(self) -> dict[str, NDArray[np.uint64]]:
        """Arrays to be saved."""
        return {"domain.antibodies": self.antibodies, "domain.antigens": self.antigens}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls(
            arrays["domain.antibodies"].astype(np.uint64),
            arrays["domain.antigens"].astype(np.uint64),
        )


def _among(asked: KeyHashes, known: KeyHashes) -> NDArray[np.bool_]:
    """Whether each hash is one of the sorted ones (np.isin imports numpy.ma, 20 ms)."""
    if not len(known):
        return np.zeros(len(asked), dtype=np.bool_)
    place = np.searchsorted(known, asked).clip(max=len(known) - 1)
    return np.asarray(known[place] == asked)
