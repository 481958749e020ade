"""The rows that a model learns from, and what is saved of them: counts, and hashes of chains.

Baselines learn from exact rows only: a censored row (``KD > 10 uM``) is an inequality, and its
``pkd`` is null, so it cannot enter a sum of squares. The counts say how many were left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import sequence_hash
from abag.data.tables import TARGET_COLUMNS, Pairs, antibody_key, antigen_key
from abag.errors import ModelError, SchemaError

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
    def of(cls, table: Pairs) -> Self:
        """Remember the pairs of a table with ``heavy``, ``light`` and ``antigen``."""
        antigens = table.filter(pl.col("antigen").list.len() > 0)
        return cls(
            np.unique(hashes(table.select(antibody_key()).to_series())),
            np.unique(hashes(antigens.select(antigen_key()).to_series())),
        )

    def knows_antibody(self, table: Pairs) -> NDArray[np.bool_]:
        """For each row, whether exactly this antibody was in training."""
        return _among(hashes(table.select(antibody_key()).to_series()), self.antibodies)

    def knows_antigen(self, table: Pairs) -> NDArray[np.bool_]:
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


def _among(keys: KeyHashes, known: KeyHashes) -> NDArray[np.bool_]:
    """Whether each hash is one of the sorted ones (np.isin imports numpy.ma, 20 ms)."""
    if not len(known):
        return np.zeros(len(keys), dtype=np.bool_)
    index = np.searchsorted(known, keys).clip(max=len(known) - 1)
    return np.asarray(known[index] == keys)


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What a model was fitted on."""

    rows: int
    """Rows of the table that was given."""
    rows_exact: int
    """Rows with an exact target."""
    rows_censored: int
    """Rows with a bound alone; left out."""
    rows_without_target: int
    """Rows with neither value nor bound; left out."""
    rows_used: int
    """Exact rows that were used (fewer than ``rows_exact`` where a model draws a sample)."""
    antibodies: int
    antigens: int
    target_mean: float
    target_sd: float
    digest: str
    """SHA-256 of chains and targets of the rows used, in any order."""
    origin: dict[str, str] = field(default_factory=dict)
    """Where the rows came from: checksums of table and split, name of the part."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, as saved in ``model.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of :meth:`as_json`."""
        return cls(**content)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Exact rows: ``pairs`` as given, ``target`` of shape (rows,)."""

    pairs: Pairs
    target: NDArray[np.float64]
    rows: int
    rows_exact: int
    rows_censored: int

    @classmethod
    def of(cls, table: Pairs | pl.DataFrame, target: str) -> Self:
        """Choose the rows with an exact target.

        Raises:
            SchemaError: columns are missing.
            ModelError: no row, or only one target that is finite, remains.
        """
        pairs = Pairs.of(table, "the training table")
        if target not in pairs.columns:
            raise SchemaError(f"the training table lacks the column {target}")
        exact = pairs.filter(pl.col(target).is_not_null() & pl.col(target).is_finite())
        _, lower, upper = TARGET_COLUMNS[target]
        bounds = [pl.col(name).is_not_null() for name in (lower, upper) if name in pairs.columns]
        bounded = pl.any_horizontal(bounds) if bounds else pl.lit(False)
        censored = pairs.filter(pl.col(target).is_null() & bounded).height
        if exact.is_empty():
            raise ModelError(_no_rows(pairs, target, censored))
        return cls(exact, exact[target].to_numpy(), pairs.height, exact.height, censored)

    def sample(self, most: int, seed: int) -> Self:
        """At most ``most`` rows, drawn without replacement, in the table's order."""
        if self.pairs.height <= most:
            return self
        chosen = np.random.default_rng(seed).choice(self.pairs.height, most, replace=False)
        chosen.sort()
        return type(self)(
            self.pairs.take(chosen),
            self.target[chosen],
            self.rows,
            self.rows_exact,
            self.rows_censored,
        )

    def summary(self, origin: dict[str, str] | None = None) -> TrainingSummary:
        """Counts, moments and digest of the rows."""
        antibodies = self.pairs.select("heavy", "light").n_unique()
        return TrainingSummary(
            rows=self.rows,
            rows_exact=self.rows_exact,
            rows_censored=self.rows_censored,
            rows_without_target=self.rows - self.rows_exact - self.rows_censored,
            rows_used=self.pairs.height,
            antibodies=antibodies,
            antigens=self.pairs["antigen"].n_unique(),
            target_mean=float(self.target.mean()),
            target_sd=float(self.target.std()),
            digest=self._digest(),
            origin=dict(origin or {}),
        )

    def _digest(self) -> str:
        lines = sorted(
            f"{heavy}\t{light or ''}\t{'/'.join(antigen or [])}\t{target!r}"
            for heavy, light, antigen, target in zip(
                self.pairs["heavy"],
                self.pairs["light"],
                self.pairs["antigen"].to_list(),
                self.target.tolist(),
                strict=True,
            )
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _no_rows(table: Pairs, target: str, censored: int) -> str:
    text = f"none of {table.height} training rows has an exact {target} ({censored} are censored)"
    other = "rank_score" if target == "pkd" else "pkd"
    if other in table.columns and (known := table.height - table[other].null_count()):
        return f"{text}; {known} have {other}: fit with `--set target={other}`"
    return f"{text}; choose other rows"
