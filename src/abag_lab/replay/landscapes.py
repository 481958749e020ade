"""Measured landscapes for the few-shot benchmark: one assay each, in the order of its file.

A censored row stands at its bound: the order of an assay is what is scored, and every model sees
the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from abag.errors import OptionError
from abag.maturation.assay.file import Assay
from abag.model.mutation_effect import MutationEffect
from abag_lab.sources.build import source_table

LANDSCAPES: Final[dict[str, tuple[str, str]]] = {
    # name -> source, assay
    "1mlc": ("abbibench", "abbibench/1mlc"),
    "2fjg": ("abbibench", "abbibench/2fjg"),
    "3gbn_h1": ("abbibench", "abbibench/3gbn_h1"),
    "aayl49": ("abbibench", "abbibench/aayl49"),
    "aayl49_ML": ("abbibench", "abbibench/aayl49_ML"),
    "aayl51": ("abbibench", "abbibench/aayl51"),
    "cr9114-h1": ("cr9114_dms", "cr9114_dms/mature-H1"),
    "cr9114-h3": ("cr9114_dms", "cr9114_dms/mature-H3"),
    "cr9114-flub": ("cr9114_dms", "cr9114_dms/mature-FluB"),
    "phillips-cr6261": ("phillips_cr9114_cr6261", "phillips_cr9114_cr6261/CR6261-H1"),
    "phillips-cr9114": ("phillips_cr9114_cr6261", "phillips_cr9114_cr6261/CR9114-H3"),
    "alphabind-cdr": ("alphabind", "alphabind/trastuzumab-cdr"),
    "alphabind-full": ("alphabind", "alphabind/trastuzumab-full"),
}
"""Every landscape of the benchmark; the first six are the open AbBiBench assays."""

ABBIBENCH: Final = tuple(LANDSCAPES)[:6]


@dataclass(frozen=True, slots=True)
class Landscape:
    """The rows of one assay: canonical columns, with ``rank_score`` in every row."""

    name: str
    table: pl.DataFrame
    prior: MutationEffect | None = None
    """Global model without this landscape's cluster; the shipped one where None."""
    structure: Path | None = None
    """File of the parent's complex, for the models that use it; None if unknown."""
    source: Assay | None = None
    """Of a user's file: its rows as they were read, with those set aside."""

    @property
    def digest(self) -> str:
        """SHA-256 of what a score depends on: variants, values and the prior's weights."""
        rows = self.table.select("heavy", "light", "rank_score").write_csv()
        weights = b"" if self.prior is None else self.prior.weights.tobytes()
        return hashlib.sha256(rows.encode() + weights).hexdigest()


def read_landscapes(sources: Path, names: Sequence[str] = ()) -> Iterator[Landscape]:
    """Read the named landscapes, or all; each source is read once.

    Raises OptionError for an unknown name, MissingFileError where a source is not there.
    """
    chosen = list(names) or list(LANDSCAPES)
    unknown = [name for name in chosen if name not in LANDSCAPES]
    if unknown:
        raise OptionError(f"unknown landscape {unknown[0]!r}; known are {', '.join(LANDSCAPES)}")
    tables: dict[str, pl.DataFrame] = {}
    for name in chosen:
        source, assay = LANDSCAPES[name]
        if source not in tables:
            tables = {source: source_table(sources, source)}
        yield Landscape(name, with_values(tables[source].filter(pl.col("assay") == assay)))


def with_values(table: pl.DataFrame) -> pl.DataFrame:
    """Rows with a rank score or a bound of one, the bound taken for the value."""
    value = pl.coalesce("rank_score", "rank_upper", "rank_lower", "pkd", "pkd_upper", "pkd_lower")
    return table.with_columns(rank_score=value).filter(pl.col("rank_score").is_not_null())
